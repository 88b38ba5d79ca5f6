#include "gateway/stream/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "gateway/backlog.h"
#include "gateway/map.h"
#include "gateway/metrics.h"

#define KEPT_MAX (256u << 10)         /* of what was read and is not acknowledged */
#define RECEIVING_MAX (64u << 20)     /* bodies under way */
#define JOIN_USEC (10 * USEC_PER_SEC) /* from opening to JOIN */
#define AWAY_USEC (20 * USEC_PER_SEC) /* without a reader */
#define CLOSE_USEC (5 * USEC_PER_SEC) /* from BYE to the end, for a page that does not read */
#define SWEEP_USEC USEC_PER_SEC
#define LAZY_USEC (15 * USEC_PER_MSEC)
#define RATE_BYTES 4e6   /* per second from one page … */
#define BURST_BYTES 16e6 /* … after so many at once */

struct message {
	struct message *next;
	uint64_t n;
	size_t length;
	uint8_t bytes[];
};

struct stream {
	struct streams *streams;
	struct stream *next, **at;
	char id[ID_LEN + 1];
	char visitor[ID_LEN + 1];
	struct space *space;           /* borrowed */
	struct address *address;       /* counted once */
	struct visit *visit;           /* owned */
	struct stream_reader *reader;  /* borrowed; NULL: nobody reads */
	struct message *first, **tail; /* owned; those read and kept, then those that wait */
	struct message *waiting;       /* the first that nobody has read; NULL: all are */
	size_t kept;                   /* bytes of those read */
	size_t flying;                 /* bytes that a reader has, and not yet the socket */
	struct backlog backlog;        /* what waits, and what flies */
	uint64_t last, taken;          /* numbers: newest down, newest up */
	uint64_t opened_usec, seen_usec, ended_usec;
	double tokens;
	uint64_t tokens_usec;
	bool overflowed, ending, stuck;
	bool lazy; /* its reader is to be woken at the next flush */
};

struct streams {
	struct gateway *gateway;
	struct stream *all; /* owned */
	struct map by_id;   /* borrowed from all */
	size_t count, receiving;
	struct source *sweep; /* owned */
	struct source *flush; /* owned */
	bool flush_armed;
};

static void wake(struct stream *s)
{
	if (s->reader)
		s->reader->wake(s->reader);
}

/* --- to the page --- */

static int enqueue(struct stream *s, const uint8_t *bytes, size_t n)
{
	struct message *m = malloc(sizeof(*m) + n);

	if (!m)
		return -ENOBUFS;
	*m = (struct message){.n = ++s->last, .length = n};
	memcpy(m->bytes, bytes, n);
	*s->tail = m;
	s->tail = &m->next;
	if (!s->waiting)
		s->waiting = m;
	backlog_add(&s->backlog, n);
	return 0;
}

static void on_flush(void *data)
{
	struct streams *t = data;

	t->flush_armed = false;
	for (struct stream *s = t->all; s; s = s->next) {
		if (!s->lazy)
			continue;
		s->lazy = false;
		wake(s);
	}
}

static void wake_lazily(struct stream *s)
{
	s->lazy = true;
	if (s->streams->flush_armed)
		return;
	s->streams->flush_armed = true;
	timer_arm_after(s->streams->flush, LAZY_USEC);
}

static int stream_send(void *transport, const uint8_t *frames, size_t n, bool lazy, bool forced)
{
	struct stream *s = transport;

	if (s->ending || s->stuck)
		return 0;
	if (backlog_is_stuck(&s->backlog, n)) {
		s->stuck = true; /* freed by the sweep, not from within its visit */
		return 0;
	}
	if (!forced && backlog_is_full(&s->backlog, n)) {
		s->overflowed = true;
		return -ENOBUFS;
	}
	if (enqueue(s, frames, n) < 0)
		return -ENOBUFS;
	if (lazy)
		wake_lazily(s);
	else
		wake(s);
	return 0;
}

static void stream_end(void *transport, bool retry)
{
	struct stream *s = transport;

	(void)retry; /* BYE says so */
	s->ending = true;
	s->ended_usec = clock_mono_usec();
	wake(s);
}

static const struct visit_ops visit_ops = {.send = stream_send, .end = stream_end};

/* --- one's life --- */

static void forget_first(struct stream *s)
{
	struct message *m = s->first;

	s->first = m->next;
	if (!s->first)
		s->tail = &s->first;
	free(m);
}

static struct stream *stream_free(struct stream *s)
{
	struct streams *t = s->streams;

	if (s->reader) {
		s->reader->stream = NULL;
		wake(s);
		s->reader = NULL;
	}
	s->ending = true; /* nothing is sent while the visit goes */
	s->visit = visit_free(s->visit);
	while (s->first)
		forget_first(s);
	backlog_drop(&s->backlog);
	limits_leave(t->gateway->limits, s->address);
	(void)map_take_str(&t->by_id, s->id);
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	t->count--;
	free(s);
	return NULL;
}

int stream_open(
	struct streams *t, const struct visit_start *start, struct stream **ret, struct err *e)
{
	struct visit_start begin = *start;
	struct stream *s;
	int r;

	if (!limits_enter_again(t->gateway->limits, start->address)) {
		gateway_count(GATEWAY_REFUSED_SOCKETS, 1);
		return err_set(e, -EBUSY, "too many connections from your address, or in all");
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		limits_leave(t->gateway->limits, start->address);
		return -ENOMEM;
	}
	*s = (struct stream){.streams = t,
		.next = t->all,
		.at = &t->all,
		.space = start->space,
		.address = start->address,
		.backlog.space = start->space,
		.opened_usec = clock_mono_usec(),
		.tokens = BURST_BYTES};
	s->tail = &s->first;
	s->seen_usec = s->tokens_usec = s->opened_usec;
	random_id(s->id);
	memcpy(s->visitor, start->visitor, sizeof(s->visitor));
	if (s->next)
		s->next->at = &s->next;
	t->all = s;
	t->count++;
	begin.ops = &visit_ops;
	begin.transport = s;
	r = map_put_str(&t->by_id, s->id, s);
	if (r == 0)
		r = visit_new(&begin, &s->visit);
	if (r < 0) {
		(void)stream_free(s);
		return r;
	}
	if (t->count == 1)
		timer_arm_after(t->sweep, SWEEP_USEC);
	*ret = s;
	return 0;
}

void stream_close(struct stream *s)
{
	(void)stream_free(s);
}

struct stream *stream_find(
	struct streams *t, const char *id, const char *visitor, const struct space *space)
{
	struct stream *s = map_get_str(&t->by_id, id);

	if (!s || strcmp(s->visitor, visitor) || s->space != space || s->stuck)
		return NULL;
	s->seen_usec = clock_mono_usec();
	return s;
}

const char *stream_id(const struct stream *s)
{
	return s->id;
}

/* --- from the page --- */

bool streams_reserve(struct streams *t, size_t n)
{
	if (t->receiving + n > RECEIVING_MAX)
		return false;
	t->receiving += n;
	return true;
}

void streams_release(struct streams *t, size_t n)
{
	t->receiving -= n;
}

bool stream_may_send(struct stream *s)
{
	uint64_t now = clock_mono_usec();

	s->tokens += (double)(now - s->tokens_usec) / 1e6 * RATE_BYTES;
	if (s->tokens > BURST_BYTES)
		s->tokens = BURST_BYTES;
	s->tokens_usec = now;
	return s->tokens >= 0;
}

int stream_take(struct stream *s, uint64_t n, const uint8_t *bytes, size_t length, struct err *e)
{
	struct err broken = {0};

	s->tokens -= (double)length;
	gateway_count(GATEWAY_BYTES_IN, length);
	if (n <= s->taken)
		return 0;
	if (n != s->taken + 1)
		return err_set(e, -EPROTO, "n: %" PRIu64 " came, and %" PRIu64 " is the next", n,
			s->taken + 1);
	s->taken = n;
	if (s->ending)
		return 0;
	/* What is wrong with it the visit has said in its BYE, as over a WebSocket. */
	if (visit_take(s->visit, bytes, length, &broken) < 0)
		log_debug("visitor=%.6s… closed: %s", s->visitor, broken.text);
	return 0;
}

void stream_ack(struct stream *s, uint64_t n)
{
	while (s->first && s->first != s->waiting && s->first->n <= n) {
		s->kept -= s->first->length;
		forget_first(s);
	}
}

/* --- readers --- */

static void land(struct stream *s)
{
	if (s->flying)
		backlog_take(&s->backlog, s->flying);
	s->flying = 0;
}

int stream_attach(struct stream *s, struct stream_reader *r, uint64_t after, struct err *e)
{
	uint64_t had = s->waiting ? s->waiting->n - 1 : s->last;

	stream_ack(s, after);
	/* The first that is there must be the one that comes next. */
	if (after > had || after + 1 != (s->first ? s->first->n : s->last + 1))
		return err_set(e, -ESTALE,
			"after: what follows %" PRIu64 " is no longer kept; join again", after);
	if (s->reader) {
		struct stream_reader *other = s->reader;

		other->stream = NULL;
		other->wake(other);
	}
	land(s);
	for (struct message *m = s->first; m != s->waiting; m = m->next)
		backlog_add(&s->backlog, m->length);
	s->waiting = s->first;
	s->kept = 0;
	s->reader = r;
	r->stream = s;
	return 0;
}

void stream_detach(struct stream_reader *r)
{
	struct stream *s = r->stream;

	if (!s)
		return;
	land(s);
	s->reader = NULL;
	s->seen_usec = clock_mono_usec();
	r->stream = NULL;
}

static void keep_less(struct stream *s)
{
	while (s->kept > KEPT_MAX && s->first != s->waiting) {
		s->kept -= s->first->length;
		forget_first(s);
	}
}

bool stream_read(struct stream_reader *r, size_t max, struct buf *b, uint64_t *ret_last)
{
	struct stream *s = r->stream;
	size_t n = 0;

	if (!s)
		return false;
	land(s);
	while (s->waiting && (n == 0 || n + s->waiting->length <= max)) {
		struct message *m = s->waiting;

		if (buf_add(b, m->bytes, m->length) < 0)
			break;
		n += m->length;
		*ret_last = m->n;
		s->waiting = m->next;
	}
	s->kept += n;
	s->flying = n;
	gateway_count(GATEWAY_BYTES_OUT, n);
	keep_less(s);
	if (!s->waiting && s->overflowed) {
		s->overflowed = false;
		visit_drained(s->visit);
	}
	return n > 0;
}

void stream_flows(struct stream_reader *r)
{
	if (r->stream)
		backlog_take(&r->stream->backlog, 0);
}

bool stream_has_news(const struct stream_reader *r)
{
	return r->stream && r->stream->waiting;
}

bool stream_is_over(const struct stream_reader *r)
{
	return !r->stream || (r->stream->ending && !r->stream->waiting);
}

/* --- all of them --- */

static bool is_expired(const struct stream *s, uint64_t now)
{
	if (s->stuck)
		return true;
	if (s->ending)
		return now - s->ended_usec > CLOSE_USEC;
	if (s->visit->phase == VISIT_CONNECTED && now - s->opened_usec > JOIN_USEC)
		return true;
	return !s->reader && now - s->seen_usec > AWAY_USEC;
}

static void on_sweep(void *data)
{
	struct streams *t = data;
	uint64_t now = clock_mono_usec();

	for (struct stream *s = t->all, *next; s; s = next) {
		next = s->next;
		if (is_expired(s, now))
			(void)stream_free(s);
		else if (s->reader && s->reader->until_usec <= now)
			wake(s);
	}
	if (t->count > 0)
		timer_arm_after(t->sweep, SWEEP_USEC);
}

int streams_new(struct gateway *g, struct streams **ret)
{
	CLEANUP(streams_freep) struct streams *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->gateway = g;
	map_init(&t->by_id);
	r = loop_add_timer(g->loop, on_sweep, t, &t->sweep);
	if (r == 0)
		r = loop_add_timer(g->loop, on_flush, t, &t->flush);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct streams *streams_free(struct streams *t)
{
	if (!t)
		return NULL;
	while (t->all)
		(void)stream_free(t->all);
	map_done(&t->by_id);
	(void)source_free(t->sweep);
	(void)source_free(t->flush);
	free(t);
	return NULL;
}

size_t streams_count(const struct streams *t)
{
	return t->count;
}
