#include "gateway/adapters/gradio/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/random.h"
#include "gateway/adapters/gradio/message.h"
#include "gateway/adapters/gradio/value.h"
#include "gateway/files.h"
#include "gateway/map.h"
#include "gateway/space.h"

/* A stream ends when for so long nothing was pending: without it a client's process never ends, and
 * at once every call would pay for a stream. */
#define GRACE_USEC (100 * USEC_PER_MSEC)
/* The end of a stream and the answer to a join travel on two connections; who hears the answer
 * first waits on the stream that is about to end. */
#define HOLD_USEC (60 * USEC_PER_MSEC)
/* A stream that is cut may be replaced: the client may have closed it to open another. */
#define LOST_USEC USEC_PER_SEC
#define NEVER_OPENED_USEC (45 * USEC_PER_SEC)
#define TELL_AGAIN_USEC (10 * USEC_PER_SEC)
/*
 * The Python client notes an event's id some time after it has read the answer to its join, in
 * another thread than the one that reads the stream. What comes before may be lost, and a call that
 * ends before ends all of its calls. Its threads wait for each other, so many at once take longer.
 */
#define NOTED_USEC (40 * USEC_PER_MSEC) /* after it has hung up, having read the answer */
#define NOTED_MORE_USEC (30 * USEC_PER_MSEC)
#define NOTED_MAX_USEC (3 * USEC_PER_SEC)
#define IDLE_USEC (60 * USEC_PER_SEC) /* the session stays in the log, its caller goes */
#define RESULT_USEC (600 * USEC_PER_SEC)
#define FAILURE_USEC (30 * USEC_PER_SEC) /* costs the caller nothing, so it is not kept long */
#define BEAT_USEC (15 * USEC_PER_SEC)

#define KEPT_MAX (18u << 20)  /* of one event: its largest result */
#define UNREAD_MAX (1u << 20) /* of what is overtaken by later values */
#define LOG_MAX (KEPT_MAX + UNREAD_MAX)
#define OUT_MAX (64u << 20)      /* of one stream that is not read */
#define TAKEN_MAX (256u << 10)   /* of what is taken, before it is given back */
#define BYTES_MAX (512ull << 20) /* of all of them */
#define SPACE_EVENTS_MAX 1000    /* of one Space, so that it cannot take all there may be */

struct gradio {
	struct gateway *gateway;
	struct map sessions; /* space, user, hash → owned */
	struct map events;   /* id → owned */
	struct map shares;   /* Space → owned, while it has an event */
	uint64_t bytes;      /* that are kept for clients */
	bool stopping;
};

/* A Space's part of the events. */
struct share {
	size_t n;
	struct gradio_event *ended; /* first to end first */
	struct gradio_event **tail;
};

struct gradio_event {
	struct gradio_event *next, **at;             /* of the session, oldest first */
	struct gradio_event *next_ended, **at_ended; /* of the share; at_ended NULL: not there */
	struct share *share;                         /* borrowed; NULL: it has none yet */
	struct gradio *gradio;
	struct gradio_session *session; /* NULL: it has none, or a call of its own form */
	struct caller *caller;          /* owned */
	struct call *call;              /* NULL: it has ended */
	enum gradio_form form;
	char id[GRADIO_EVENT_ID_LEN + 1];
	char space[33];
	char function[65];
	char *api, *hash; /* owned; hash may be NULL */
	uint64_t fn_index, seq;
	size_t n_outputs;
	uint64_t begun_usec, done_usec;
	bool estimated, concluded, failed;
	bool forgotten;               /* log holds no longer all of it */
	struct buf log;               /* what was said, for a stream that opens later */
	struct buf last;              /* the last yield's values; of GRADIO_QUEUE */
	struct buf held;              /* what it said before noted_usec */
	uint64_t noted_usec;          /* when its client knows of it; 0: at once */
	struct gradio_reader *reader; /* of GRADIO_CALL and GRADIO_RUN; borrowed */
	struct source *timer;         /* owned; of those: it goes; of others: held is said */
};

struct gradio_session {
	struct gradio *gradio;
	struct caller *caller;       /* owned */
	struct gradio_event *events; /* of GRADIO_QUEUE */
	struct gradio_event **tail;
	struct gradio_reader *readers;
	size_t pending, closing; /* events; readers that have not told their end yet */
	uint64_t joins, opened; /* number of the last event; the one at the last stream's opening */
	uint64_t closed_usec;   /* when a stream was last ended; 0: never */
	uint64_t grace_usec;    /* deadlines; 0: not set */
	uint64_t alone_usec, idle_usec;
	struct source *timer; /* owned */
	size_t key_length;
	char key[33 + 41 + GRADIO_HASH_MAX];
};

int gradio_new(struct gateway *g, struct gradio **ret)
{
	struct gradio *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->gateway = g;
	map_init(&t->sessions);
	map_init(&t->events);
	map_init(&t->shares);
	*ret = t;
	return 0;
}

/* --- bytes that are kept --- */

static int keep(struct gradio *g, struct buf *b, const void *bytes, size_t n)
{
	int r = g->bytes + n > BYTES_MAX ? -ENOSPC : buf_add(b, bytes, n);

	if (r == 0)
		g->bytes += n;
	return r;
}

static void release(struct gradio *g, struct buf *b)
{
	g->bytes -= b->len;
	buf_done(b);
}

/* --- readers --- */

static void reader_add(struct gradio_reader *r, const void *bytes, size_t n)
{
	if (r->ended || r->broken)
		return;
	if (keep(r->gradio, &r->out, bytes, n) < 0)
		r->broken = true;
	if (r->beat)
		timer_arm_after(r->timer, BEAT_USEC);
	r->wake(r);
}

static void on_beat(void *data)
{
	struct gradio_reader *r = data;

	reader_add(r, r->beat, strlen(r->beat));
}

static int reader_init(struct gradio *g, const char *beat, struct gradio_reader *r)
{
	int n = 0;

	r->gradio = g;
	r->next = NULL;
	r->at = NULL;
	r->session = NULL;
	r->closing = NULL;
	r->event = NULL;
	r->taken = r->whole = 0;
	r->ended = r->broken = r->failed = false;
	r->beat = beat;
	r->timer = NULL;
	buf_init(&r->out, OUT_MAX);
	if (beat)
		n = loop_add_timer(g->gateway->loop, on_beat, r, &r->timer);
	if (beat && n == 0)
		timer_arm_after(r->timer, BEAT_USEC);
	return n;
}

/* The next n bytes are taken: where the last message among them ends. */
static void note_whole(struct gradio_reader *r, size_t n)
{
	for (size_t at = r->taken + n; at > r->taken && at >= 2; at--) {
		if (r->out.data[at - 1] == '\n' && r->out.data[at - 2] == '\n') {
			r->whole = at;
			return;
		}
	}
}

/* A message that is taken in part stays: another reader has to have all of it. */
static void forget_taken(struct gradio_reader *r)
{
	buf_consume(&r->out, r->whole);
	r->gradio->bytes -= r->whole;
	r->taken -= r->whole;
	r->whole = 0;
}

ssize_t gradio_take(struct gradio_reader *r, char *room, size_t max)
{
	size_t n = r->out.len - r->taken < max ? r->out.len - r->taken : max;

	if (r->broken)
		return -ECONNABORTED;
	if (n == 0)
		return r->ended ? -EPIPE : 0;
	memcpy(room, r->out.data + r->taken, n);
	note_whole(r, n);
	r->taken += n;
	if (r->taken == r->out.len) {
		release(r->gradio, &r->out);
		r->taken = r->whole = 0;
	} else if (r->whole >= TAKEN_MAX && r->whole >= r->out.len - r->whole) {
		forget_taken(r); /* moves less than it gives back */
	}
	return (ssize_t)n;
}

static void unhook(struct gradio_reader *r)
{
	if (!r->session)
		return;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->session = NULL;
}

/* --- a Space's share --- */

static int share_take(struct gradio_event *ev)
{
	struct map *shares = &ev->gradio->shares;
	struct share *s = map_get_str(shares, ev->space);

	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s || map_put_str(shares, ev->space, s) < 0) {
			free(s);
			return -ENOMEM;
		}
		s->tail = &s->ended;
	}
	s->n++;
	ev->share = s;
	return 0;
}

static void share_note_ended(struct gradio_event *ev)
{
	struct share *s = ev->share;

	ev->at_ended = s->tail;
	*s->tail = ev;
	s->tail = &ev->next_ended;
}

static void share_return(struct gradio_event *ev)
{
	struct share *s = ev->share;

	if (!s)
		return;
	if (ev->at_ended) {
		*ev->at_ended = ev->next_ended;
		if (ev->next_ended)
			ev->next_ended->at_ended = ev->at_ended;
		else
			s->tail = ev->at_ended;
	}
	ev->share = NULL;
	if (--s->n == 0) {
		(void)map_take_str(&ev->gradio->shares, ev->space);
		free(s);
	}
}

/* --- events --- */

static void event_free(struct gradio_event *ev)
{
	struct gradio *g = ev->gradio;

	if (ev->session) {
		*ev->at = ev->next;
		if (ev->next)
			ev->next->at = ev->at;
		else
			ev->session->tail = ev->at;
		ev->session->pending -= !ev->done_usec;
	}
	if (ev->reader)
		ev->reader->event = NULL;
	share_return(ev);
	(void)map_take_str(&g->events, ev->id);
	if (!g->stopping)
		(void)call_drop(ev->call);
	(void)caller_close(ev->caller);
	(void)source_free(ev->timer);
	release(g, &ev->log);
	release(g, &ev->last);
	release(g, &ev->held);
	free(ev->api);
	free(ev->hash);
	free(ev);
}

static void talk_arm(struct gradio_session *s);

/* It has ended, and nobody is known to wait for it: it failed, or was told, or is not fetched. */
static bool is_spare(const struct gradio_event *ev)
{
	return ev->session ? ev->failed || ev->session->readers : !ev->reader;
}

/* False: the Space has all it may have, and nothing of it can be spared. */
static bool has_room(struct gradio *g, const char *space)
{
	const struct share *s = map_get_str(&g->shares, space);
	struct gradio_event *ev = s ? s->ended : NULL;

	if (!s || s->n < SPACE_EVENTS_MAX)
		return true;
	while (ev && !is_spare(ev))
		ev = ev->next_ended;
	if (ev)
		event_free(ev);
	return ev != NULL;
}

/* A slow client has not noted yet that there is this event. */
static bool is_held(const struct gradio_event *ev)
{
	return ev->noted_usec && !ev->gradio->stopping && ev->noted_usec > clock_mono_usec();
}

/* To whoever reads it, and for who does later. */
static void tell(struct gradio_event *ev, const struct buf *line)
{
	struct gradio *g = ev->gradio;

	if (ev->form != GRADIO_QUEUE) {
		if (ev->reader) {
			reader_add(ev->reader, line->data, line->len);
			return;
		}
		/* Values are whole, so of those on the way the last ones will do. */
		if (!ev->done_usec && ev->log.len > UNREAD_MAX)
			release(g, &ev->log);
		ev->forgotten = keep(g, &ev->log, line->data, line->len) < 0 || ev->forgotten;
		return;
	}
	if (!ev->forgotten && keep(g, &ev->log, line->data, line->len) < 0) {
		ev->forgotten = true;
		release(g, &ev->log);
	}
	for (struct gradio_reader *r = ev->session->readers; r; r = r->next)
		reader_add(r, line->data, line->len);
}

static void tell_held(struct gradio_event *ev)
{
	struct buf lines = ev->held;

	buf_init(&ev->held, KEPT_MAX);
	ev->gradio->bytes -= lines.len;
	if (lines.len > 0)
		tell(ev, &lines);
	buf_done(&lines);
}

static void say(struct gradio_event *ev, const struct buf *line)
{
	if (is_held(ev) || ev->held.len > 0) {
		if (keep(ev->gradio, &ev->held, line->data, line->len) == 0) {
			timer_arm(ev->timer, ev->noted_usec);
			return;
		}
		/* Said too early it may be missed, lost it certainly is. */
		tell_held(ev);
		ev->noted_usec = 0;
		timer_disarm(ev->timer);
	}
	tell(ev, line);
}

static double seconds_of(const struct gradio_event *ev)
{
	return (double)(clock_mono_usec() - ev->begun_usec) / (double)USEC_PER_SEC;
}

/* Its last message is said. */
static void end_event(struct gradio_event *ev)
{
	struct gradio_session *s = ev->session;

	ev->call = NULL;
	ev->done_usec = clock_mono_usec();
	share_note_ended(ev);
	if (s) {
		s->pending--;
		talk_arm(s);
		return;
	}
	if (ev->reader) {
		ev->reader->failed = ev->failed;
		ev->reader->ended = true;
		ev->reader->wake(ev->reader);
	}
	if (ev->timer)
		timer_arm_after(ev->timer, ev->failed ? FAILURE_USEC : RESULT_USEC);
}

static void conclude(struct gradio_event *ev, const struct buf *line)
{
	ev->call = NULL;
	ev->caller = caller_close(ev->caller);
	release(ev->gradio, &ev->last);
	say(ev, line);
	ev->concluded = ev->held.len > 0;
	if (!ev->concluded)
		end_event(ev);
}

static void on_event_timer(void *data)
{
	struct gradio_event *ev = data;

	if (ev->form != GRADIO_QUEUE) { /* nobody came for its result */
		event_free(ev);
		return;
	}
	tell_held(ev);
	if (ev->concluded)
		end_event(ev);
}

/* --- what a call says --- */

static void on_queue(size_t place, size_t of, int64_t expected_ms, const char *reason, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	if (reason)
		return; /* its client takes a place for one before the start */
	ev->estimated = true;
	buf_init(&b, 1024);
	if (ev->form == GRADIO_QUEUE &&
		gradio_estimation(&b, ev->id, place - 1, of, expected_ms) == 0)
		say(ev, &b);
}

static void on_started(void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;
	int r = 0;

	buf_init(&b, 1024);
	if (ev->form != GRADIO_QUEUE)
		return;
	/* The client takes its first word for its place. */
	if (!ev->estimated)
		r = gradio_estimation(&b, ev->id, 0, 1, 0);
	ev->estimated = true;
	if (r == 0 && gradio_starts(&b, ev->id) == 0)
		say(ev, &b);
}

static void on_progress(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, KEPT_MAX);
	if (ev->form == GRADIO_QUEUE && gradio_progress(&b, ev->id, slice_of(json, n)) == 0)
		say(ev, &b);
}

static void on_log(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, KEPT_MAX);
	if (ev->form == GRADIO_QUEUE && gradio_log(&b, ev->id, slice_of(json, n)) == 0)
		say(ev, &b);
}

static bool find_file(const char *id, struct file_info *ret, void *data)
{
	const struct gradio_event *ev = data;
	CLEANUP(closep) int fd = files_open(ev->gradio->gateway->files, ev->space, id, ret);

	return fd >= 0;
}

/* A value for each output, files as clients know them. */
static int write_outputs(struct gradio_event *ev, const uint8_t *json, size_t n, struct buf *ret)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, KEPT_MAX);
	r = gradio_write_value(&b, slice_of(json, n), ev->api, find_file, ev);
	return r < 0 ? r : gradio_write_values(ret, slice_of(b.data, b.len), ev->n_outputs);
}

static int write_yield(struct gradio_event *ev, const struct buf *values, struct buf *line)
{
	struct slice now = slice_of(values->data, values->len);
	CLEANUP(buf_done) struct buf edits;
	int r = 0;

	buf_init(&edits, KEPT_MAX);
	if (ev->form == GRADIO_CALL)
		return gradio_call_event(line, "generating", now);
	if (!ev->last.len)
		return gradio_generating(line, ev->id, now, seconds_of(ev));
	r = gradio_write_diff(&edits, slice_of(ev->last.data, ev->last.len), now, ev->n_outputs);
	return r < 0 ? r
		     : gradio_generating(
			       line, ev->id, slice_of(edits.data, edits.len), seconds_of(ev));
}

static void on_yield(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	struct gradio *g = ev->gradio;
	CLEANUP(buf_done) struct buf values;
	CLEANUP(buf_done) struct buf line;

	buf_init(&values, KEPT_MAX);
	buf_init(&line, KEPT_MAX);
	if (ev->form == GRADIO_RUN || write_outputs(ev, json, n, &values) < 0 ||
		write_yield(ev, &values, &line) < 0)
		return;
	if (ev->form == GRADIO_QUEUE) {
		/* The next one is told as what differs from it. One may be left out, too. */
		if (g->bytes + values.len > BYTES_MAX)
			return;
		release(g, &ev->last);
		g->bytes += values.len;
		ev->last = values;
		buf_init(&values, 1);
	}
	say(ev, &line);
}

static int write_failure(
	struct gradio_event *ev, const char *message, const char *title, struct buf *b)
{
	switch (ev->form) {
	case GRADIO_QUEUE:
		return gradio_failed(b, ev->id, message, title);
	case GRADIO_CALL:
		return gradio_call_failed(b, message, title);
	case GRADIO_RUN:
		return buf_add_str(b, message);
	}
	return 0;
}

static void fail(struct gradio_event *ev, const char *message, const char *title)
{
	CLEANUP(buf_done) struct buf b;

	ev->failed = true;
	buf_init(&b, 64 << 10);
	(void)write_failure(ev, message, title, &b);
	conclude(ev, &b);
}

static void on_failed(enum call_failure why, const char *message, void *data)
{
	fail(data, message, why == CALL_CANCELLED ? "Cancelled" : "Error");
}

static void on_final(const uint8_t *json, size_t n, void *data)
{
	struct gradio_event *ev = data;
	CLEANUP(buf_done) struct buf values;
	CLEANUP(buf_done) struct buf line;
	struct slice v;
	int r;

	buf_init(&values, KEPT_MAX);
	buf_init(&line, KEPT_MAX);
	r = write_outputs(ev, json, n, &values);
	v = slice_of(values.data, values.len);
	if (r == 0)
		r = ev->form == GRADIO_QUEUE  ? gradio_completed(&line, ev->id, v, seconds_of(ev))
		    : ev->form == GRADIO_CALL ? gradio_call_event(&line, "complete", v)
					      : gradio_run_done(&line, v, seconds_of(ev));
	if (r < 0) {
		fail(ev, "the result is too large to be told", "Error");
		return;
	}
	conclude(ev, &line);
}

static const struct call_ops ops = {.on_queue = on_queue,
	.on_started = on_started,
	.on_progress = on_progress,
	.on_log = on_log,
	.on_yield = on_yield,
	.on_final = on_final,
	.on_failed = on_failed};

/* --- sessions --- */

static void talk_free(struct gradio_session *s)
{
	while (s->readers) {
		struct gradio_reader *r = s->readers;

		unhook(r);
		r->ended = true;
		r->wake(r);
	}
	while (s->events)
		event_free(s->events);
	(void)map_take(&s->gradio->sessions, s->key, s->key_length);
	(void)caller_close(s->caller);
	(void)source_free(s->timer);
	free(s);
}

/* A client that was told takes no more on this stream; what it was told need not be said again. */
static void close_streams(struct gradio_session *s)
{
	struct gradio_event *next;

	while (s->readers) {
		struct gradio_reader *r = s->readers;

		unhook(r);
		r->closing = s;
		s->closing++;
		reader_add(r, GRADIO_CLOSE, strlen(GRADIO_CLOSE));
		r->ended = true;
	}
	s->closed_usec = clock_mono_usec();
	for (struct gradio_event *ev = s->events; ev; ev = next) {
		next = ev->next;
		if (ev->done_usec)
			event_free(ev);
	}
}

static void drop_told(struct gradio_session *s, uint64_t now)
{
	struct gradio_event *next;

	for (struct gradio_event *ev = s->events; ev; ev = next) {
		next = ev->next;
		if (ev->done_usec && now >= ev->done_usec + TELL_AGAIN_USEC)
			event_free(ev);
	}
}

static void cancel_all(struct gradio_session *s)
{
	for (struct gradio_event *ev = s->events; ev; ev = ev->next)
		if (ev->call)
			call_cancel(ev->call);
}

static void on_session_timer(void *data)
{
	struct gradio_session *s = data;
	uint64_t now = clock_mono_usec();

	if (s->grace_usec && now >= s->grace_usec) {
		s->grace_usec = 0;
		close_streams(s);
	}
	if (s->alone_usec && now >= s->alone_usec) {
		s->alone_usec = 0;
		cancel_all(s);
	}
	drop_told(s, now);
	if (s->idle_usec && now >= s->idle_usec && !s->events && !s->readers && !s->closing) {
		talk_free(s);
		return;
	}
	talk_arm(s);
}

static void sooner(uint64_t *at, uint64_t deadline)
{
	if (deadline && (!*at || deadline < *at))
		*at = deadline;
}

/* Sets the deadlines that follow from what there is, and the timer for the first of them. */
static void talk_arm(struct gradio_session *s)
{
	uint64_t now = clock_mono_usec(), at = 0;

	if (!s->readers || s->pending > 0)
		s->grace_usec = 0;
	else if (!s->grace_usec)
		s->grace_usec = now + GRACE_USEC;
	if (s->readers || s->pending == 0)
		s->alone_usec = 0;
	else if (!s->alone_usec)
		s->alone_usec = now + NEVER_OPENED_USEC;
	if (s->readers || s->events || s->closing)
		s->idle_usec = 0;
	else if (!s->idle_usec)
		s->idle_usec = now + IDLE_USEC;
	sooner(&at, s->grace_usec);
	sooner(&at, s->alone_usec);
	sooner(&at, s->idle_usec);
	for (const struct gradio_event *ev = s->events; ev; ev = ev->next)
		sooner(&at, ev->done_usec ? ev->done_usec + TELL_AGAIN_USEC : 0);
	if (at)
		timer_arm(s->timer, at);
	else
		timer_disarm(s->timer);
}

static size_t write_key(const struct gradio_ask *ask, char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%s\n%s\n%s", ask->space->id,
		ask->who->known ? ask->who->user : "", ask->hash);
}

static struct gradio_session *talk_find(struct gradio *g, const struct gradio_ask *ask)
{
	char key[33 + 41 + GRADIO_HASH_MAX];

	return map_get(&g->sessions, key, write_key(ask, key, sizeof(key)));
}

static int open_caller(
	struct gradio *g, const struct gradio_ask *ask, struct caller **ret, struct err *e)
{
	char key[8 + GRADIO_HASH_MAX];
	struct caller_start start = {.space = ask->space, .address = ask->address, .who = ask->who};

	if (ask->hash) {
		start.key = key;
		start.key_length = (size_t)snprintf(key, sizeof(key), "gradio:%s", ask->hash);
	}
	return caller_open(g->gateway->callers, &start, ret, e);
}

/* Its visit was ended, by a limit or by the Space's owner: the clients hold on to their hash. */
static int talk_renew(struct gradio_session *s, const struct gradio_ask *ask, struct err *e)
{
	struct caller *c = NULL;
	int r = open_caller(s->gradio, ask, &c, e);

	if (r < 0)
		return r;
	(void)caller_close(s->caller);
	s->caller = c;
	return 0;
}

static int talk_open(
	struct gradio *g, const struct gradio_ask *ask, struct gradio_session **ret, struct err *e)
{
	struct gradio_session *s = talk_find(g, ask);
	int r;

	if (s) {
		*ret = s;
		return caller_is_over(s->caller) ? talk_renew(s, ask, e) : 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->gradio = g;
	s->tail = &s->events;
	s->key_length = write_key(ask, s->key, sizeof(s->key));
	r = open_caller(g, ask, &s->caller, e);
	if (r == 0)
		r = loop_add_timer(g->gateway->loop, on_session_timer, s, &s->timer);
	if (r == 0)
		r = map_put(&g->sessions, s->key, s->key_length, s);
	if (r < 0) {
		(void)caller_close(s->caller);
		(void)source_free(s->timer);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* --- starting --- */

static struct gradio_event *event_new(struct gradio *g, const struct gradio_ask *ask,
	enum gradio_form form, const struct function *f, uint64_t fn_index)
{
	struct gradio_event *ev = calloc(1, sizeof(*ev));
	uint8_t bits[GRADIO_EVENT_ID_LEN / 2];

	if (!ev)
		return NULL;
	*ev = (struct gradio_event){.gradio = g,
		.form = form,
		.fn_index = fn_index,
		.n_outputs = f->n_outputs,
		.begun_usec = clock_mono_usec()};
	random_bytes(bits, sizeof(bits));
	hex_write(bits, sizeof(bits), ev->id);
	(void)snprintf(ev->space, sizeof(ev->space), "%s", ask->space->id);
	(void)snprintf(ev->function, sizeof(ev->function), "%s", f->name);
	buf_init(&ev->log, LOG_MAX);
	buf_init(&ev->last, KEPT_MAX);
	buf_init(&ev->held, KEPT_MAX);
	ev->api = strdup(ask->api);
	ev->hash = ask->hash ? strdup(ask->hash) : NULL;
	if (!ev->api || (ask->hash && !ev->hash) || share_take(ev) < 0 ||
		map_put_str(&g->events, ev->id, ev) < 0 ||
		((form != GRADIO_QUEUE || ask->python) &&
			loop_add_timer(g->gateway->loop, on_event_timer, ev, &ev->timer) < 0)) {
		event_free(ev);
		return NULL;
	}
	return ev;
}

static int start_call(struct gradio_event *ev, struct caller *c, const struct function *f,
	struct slice data, struct err *e)
{
	CLEANUP(buf_done) struct buf args;
	int r;

	buf_init(&args, CALL_ARGS_MAX + 4096);
	r = gradio_read_value(&args, data, find_file, ev, e);
	if (r == -ENOSPC)
		r = err_set(e, -EMSGSIZE, "the arguments are over the limit of %u bytes",
			CALL_ARGS_MAX);
	return r < 0 ? r : call_start(c, f, args.data, args.len, &ops, ev, &ev->call, e);
}

static void enqueue(struct gradio_event *ev, struct gradio_session *s, bool python)
{
	if (python)
		ev->noted_usec = ev->begun_usec + NOTED_MAX_USEC;
	ev->session = s;
	ev->seq = ++s->joins;
	ev->at = s->tail;
	*s->tail = ev;
	s->tail = &ev->next;
	s->pending++;
}

int gradio_start(struct gradio *g, const struct gradio_ask *ask, enum gradio_form form,
	const struct function *f, uint64_t fn_index, struct slice data, struct gradio_event **ret,
	struct err *e)
{
	struct gradio_session *s = NULL;
	struct gradio_event *ev;
	int r = 0;

	if (g->stopping || g->bytes > BYTES_MAX / 2 || !has_room(g, ask->space->id) ||
		g->events.n >= GRADIO_QUEUE_MAX)
		return err_set(e, -EBUSY, "Queue is full: too much is under way. Try again soon.");
	/* What is not in the session's list could not keep the session: it has a caller of its own,
	 * which is the same one while there is one of that hash. */
	if (ask->hash && form == GRADIO_QUEUE)
		r = talk_open(g, ask, &s, e);
	if (r < 0)
		return r;
	ev = event_new(g, ask, form, f, fn_index);
	r = ev ? 0 : -ENOMEM;
	if (r == 0 && !s)
		r = open_caller(g, ask, &ev->caller, e);
	if (r == 0)
		r = start_call(ev, s ? s->caller : ev->caller, f, data, e);
	if (r == -EBUSY || r == -EAGAIN || r == -ENOMEM || (r < 0 && !s && !ev->caller)) {
		if (ev)
			event_free(ev);
		if (s)
			talk_arm(s);
		return r == -EAGAIN && s ? -EBUSY : r;
	}
	if (s)
		enqueue(ev, s, ask->python);
	if (r < 0)
		fail(ev, e->text, "Error");
	if (s)
		talk_arm(s);
	*ret = ev;
	return 0;
}

void gradio_noted(void *gradio, const char *event_id)
{
	struct gradio *g = gradio;
	struct gradio_event *ev = map_get_str(&g->events, event_id);
	uint64_t at = clock_mono_usec() + NOTED_USEC;

	if (!ev || !ev->session || !ev->noted_usec)
		return;
	at += ev->session->pending * NOTED_MORE_USEC;
	if (at < ev->noted_usec)
		ev->noted_usec = at;
	if (ev->held.len > 0)
		timer_arm(ev->timer, ev->noted_usec);
}

const char *gradio_event_id(const struct gradio_event *ev)
{
	return ev->id;
}

uint64_t gradio_hold_usec(const struct gradio_event *ev)
{
	const struct gradio_session *s = ev->session;
	uint64_t now = clock_mono_usec();

	if (s && !s->readers && s->closing)
		return HOLD_USEC;
	if (!s || s->readers || !s->closed_usec || now >= s->closed_usec + HOLD_USEC)
		return 0;
	return s->closed_usec + HOLD_USEC - now;
}

void gradio_cancel(struct gradio *g, const char *event_id, const char *hash, uint64_t fn_index)
{
	struct gradio_event *ev = map_get_str(&g->events, event_id);

	if (ev && ev->call && ev->fn_index == fn_index &&
		(!ev->hash || (hash && !strcmp(ev->hash, hash))))
		call_cancel(ev->call);
}

/* --- reading --- */

/*
 * A client opens a stream only when it has none. Whatever was joined since it opened the last one
 * may have been written to a stream that it had left already, so it is told from the start.
 */
static void tell_again(struct gradio_session *s, struct gradio_reader *r)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	for (struct gradio_event *ev = s->events; ev; ev = ev->next) {
		if (ev->seq <= s->opened)
			continue;
		if (!ev->forgotten) {
			if (keep(r->gradio, &r->out, ev->log.data, ev->log.len) < 0)
				r->broken = true;
		} else if (ev->done_usec && gradio_failed(&b, ev->id,
						    "the result came while nobody listened and was "
						    "too large to keep",
						    "Error") == 0) {
			(void)keep(r->gradio, &r->out, b.data, b.len);
			buf_clear(&b);
		}
	}
	s->opened = s->joins;
}

int gradio_read_session(struct gradio *g, const struct gradio_ask *ask, struct gradio_reader *r)
{
	struct gradio_session *s = talk_find(g, ask);
	int n = reader_init(g, s ? GRADIO_BEAT : NULL, r);

	if (n < 0)
		return n;
	if (!s) {
		n = keep(g, &r->out, GRADIO_NO_SESSION, strlen(GRADIO_NO_SESSION));
		r->ended = true;
		return n;
	}
	tell_again(s, r);
	r->session = s;
	r->next = s->readers;
	r->at = &s->readers;
	if (r->next)
		r->next->at = &r->next;
	s->readers = r;
	talk_arm(s);
	return 0;
}

/* What its reader has not been sent is for the next one, from where a message begins. */
static void put_back(struct gradio_event *ev, struct gradio_reader *r)
{
	forget_taken(r);
	r->taken = 0;
	release(r->gradio, &ev->log);
	ev->log = r->out;
	ev->log.max = LOG_MAX;
	buf_init(&r->out, OUT_MAX);
}

int gradio_read_started(struct gradio *g, struct gradio_event *ev, struct gradio_reader *r)
{
	int n = reader_init(g, ev->form == GRADIO_CALL ? GRADIO_CALL_BEAT : NULL, r);

	if (n < 0)
		return n;
	if (ev->reader) { /* the newest one has it */
		put_back(ev, ev->reader);
		ev->reader->event = NULL;
		ev->reader->broken = true;
		ev->reader->wake(ev->reader);
	}
	r->out = ev->log;
	r->out.max = OUT_MAX;
	buf_init(&ev->log, LOG_MAX);
	r->event = ev;
	r->ended = ev->done_usec > 0;
	r->failed = ev->failed;
	ev->reader = r;
	return 0;
}

int gradio_read_event(struct gradio *g, const struct space *space, const char *event_id,
	const char *function, struct gradio_reader *r)
{
	struct gradio_event *ev = map_get_str(&g->events, event_id);

	if (!ev || ev->form != GRADIO_CALL || strcmp(ev->space, space->id) != 0 ||
		strcmp(ev->function, function) != 0)
		return -ENOENT;
	return gradio_read_started(g, ev, r);
}

int gradio_read_alive(struct gradio *g, struct gradio_reader *r)
{
	int n = reader_init(g, GRADIO_ALIVE, r);

	return n < 0 ? n : keep(g, &r->out, GRADIO_ALIVE, strlen(GRADIO_ALIVE));
}

/* Who did not read to the end may come again; who waits for an answer may not. */
static void leave_event(struct gradio_event *ev, struct gradio_reader *r)
{
	bool all = r->ended && r->out.len == 0;

	ev->reader = NULL;
	if (all || ev->form == GRADIO_RUN) {
		event_free(ev);
		return;
	}
	put_back(ev, r);
}

void gradio_reader_done(struct gradio_reader *r)
{
	struct gradio_session *s = r->session;

	if (!r->gradio)
		return;
	unhook(r);
	/* What counts is when it was written, and not when it was decided. */
	if (r->closing) {
		r->closing->closing--;
		r->closing->closed_usec = clock_mono_usec();
		talk_arm(r->closing);
		r->closing = NULL;
	}
	if (s && !s->readers && s->pending > 0)
		s->alone_usec = clock_mono_usec() + LOST_USEC;
	if (s)
		talk_arm(s);
	if (r->event)
		leave_event(r->event, r);
	(void)source_free(r->timer);
	release(r->gradio, &r->out);
	r->gradio = NULL;
}

/* --- the end of the gateway --- */

static void stop_event(void *value, void *data)
{
	struct gradio_event *ev = value;

	(void)data;
	if (ev->call)
		fail(ev, "The server is restarting; call again.", "Error");
	if (ev->held.len > 0) /* this end, too, if others are waiting to be said */
		on_event_timer(ev);
}

static void stop_session(void *value, void *data)
{
	(void)data;
	close_streams(value);
}

void gradio_stop(struct gradio *g)
{
	if (!g)
		return;
	g->stopping = true;
	map_each(&g->events, stop_event, NULL);
	map_each(&g->sessions, stop_session, NULL);
}

static void free_session(void *value, void *data)
{
	(void)data;
	talk_free(value);
}

static void free_event(void *value, void *data)
{
	(void)data;
	event_free(value);
}

struct gradio *gradio_free(struct gradio *g)
{
	if (!g)
		return NULL;
	g->stopping = true;
	map_each(&g->events, free_event, NULL);
	map_each(&g->sessions, free_session, NULL);
	map_done(&g->sessions);
	map_done(&g->events);
	map_done(&g->shares);
	free(g);
	return NULL;
}
