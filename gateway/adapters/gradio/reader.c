/* Streams: what a client is to be sent, kept until it takes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "gateway/adapters/gradio/inside.h"
#include "gateway/adapters/gradio/message.h"
#include "gateway/space.h"

/* A stream that is cut may be replaced: the client may have closed it to open another. */
#define LOST_USEC USEC_PER_SEC
#define BEAT_USEC (15 * USEC_PER_SEC)
#define OUT_MAX (64u << 20)    /* of one stream that is not read */
#define TAKEN_MAX (256u << 10) /* of what is taken, before it is given back */

/* --- bytes that are kept --- */

int gradio_keep(struct gradio *g, struct buf *b, const void *bytes, size_t n)
{
	int r = g->bytes + n > GRADIO_BYTES_MAX ? -ENOSPC : buf_add(b, bytes, n);

	if (r == 0)
		g->bytes += n;
	return r;
}

void gradio_release(struct gradio *g, struct buf *b)
{
	g->bytes -= b->len;
	buf_done(b);
}

/* --- readers --- */

void gradio_reader_add(struct gradio_reader *r, const void *bytes, size_t n)
{
	if (r->ended || r->broken)
		return;
	if (gradio_keep(r->gradio, &r->out, bytes, n) < 0)
		r->broken = true;
	if (r->beat)
		timer_arm_after(r->timer, BEAT_USEC);
	r->wake(r);
}

static void on_beat(void *data)
{
	struct gradio_reader *r = data;

	gradio_reader_add(r, r->beat, strlen(r->beat));
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
		gradio_release(r->gradio, &r->out);
		r->taken = r->whole = 0;
	} else if (r->whole >= TAKEN_MAX && r->whole >= r->out.len - r->whole) {
		forget_taken(r); /* moves less than it gives back */
	}
	return (ssize_t)n;
}

void gradio_reader_unhook(struct gradio_reader *r)
{
	if (!r->session)
		return;
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	r->session = NULL;
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
			if (gradio_keep(r->gradio, &r->out, ev->log.data, ev->log.len) < 0)
				r->broken = true;
		} else if (ev->done_usec && gradio_failed(&b, ev->id,
						    "the result came while nobody listened and was "
						    "too large to keep",
						    "Error") == 0) {
			(void)gradio_keep(r->gradio, &r->out, b.data, b.len);
			buf_clear(&b);
		}
	}
	s->opened = s->joins;
}

int gradio_read_session(struct gradio *g, const struct gradio_ask *ask, struct gradio_reader *r)
{
	struct gradio_session *s = gradio_talk_find(g, ask);
	int n = reader_init(g, s ? GRADIO_BEAT : NULL, r);

	if (n < 0)
		return n;
	if (!s) {
		n = gradio_keep(g, &r->out, GRADIO_NO_SESSION, strlen(GRADIO_NO_SESSION));
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
	gradio_talk_arm(s);
	return 0;
}

/* What its reader has not been sent is for the next one, from where a message begins. */
static void put_back(struct gradio_event *ev, struct gradio_reader *r)
{
	forget_taken(r);
	r->taken = 0;
	gradio_release(r->gradio, &ev->log);
	ev->log = r->out;
	ev->log.max = GRADIO_LOG_MAX;
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
	buf_init(&ev->log, GRADIO_LOG_MAX);
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

	return n < 0 ? n : gradio_keep(g, &r->out, GRADIO_ALIVE, strlen(GRADIO_ALIVE));
}

/* Who did not read to the end may come again; who waits for an answer may not. */
static void leave_event(struct gradio_event *ev, struct gradio_reader *r)
{
	bool all = r->ended && r->out.len == 0;

	ev->reader = NULL;
	if (all || ev->form == GRADIO_RUN) {
		gradio_event_free(ev);
		return;
	}
	put_back(ev, r);
}

void gradio_reader_done(struct gradio_reader *r)
{
	struct gradio_session *s = r->session;

	if (!r->gradio)
		return;
	gradio_reader_unhook(r);
	/* What counts is when it was written, and not when it was decided. */
	if (r->closing) {
		r->closing->closing--;
		r->closing->closed_usec = clock_mono_usec();
		gradio_talk_arm(r->closing);
		r->closing = NULL;
	}
	if (s && !s->readers && s->pending > 0)
		s->alone_usec = clock_mono_usec() + LOST_USEC;
	if (s)
		gradio_talk_arm(s);
	if (r->event)
		leave_event(r->event, r);
	(void)source_free(r->timer);
	gradio_release(r->gradio, &r->out);
	r->gradio = NULL;
}
