#include "gateway/adapters/gradio/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "gateway/adapters/gradio/inside.h"
#include "gateway/space.h"

/* The end of a stream and the answer to a join travel on two connections; who hears the answer
 * first waits on the stream that is about to end. */
#define HOLD_USEC (60 * USEC_PER_MSEC)
/*
 * The Python client notes an event's id some time after it has read the answer to its join, in
 * another thread than the one that reads the stream. What comes before may be lost, and a call that
 * ends before ends all of its calls. Its threads wait for each other, so many at once take longer.
 */
#define NOTED_USEC (40 * USEC_PER_MSEC) /* after it has hung up, having read the answer */
#define NOTED_MORE_USEC (30 * USEC_PER_MSEC)
#define NOTED_MAX_USEC (3 * USEC_PER_SEC)

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

	if (g->stopping || g->bytes > GRADIO_BYTES_MAX / 2 || !gradio_has_room(g, ask->space->id) ||
		g->events.n >= GRADIO_QUEUE_MAX)
		return err_set(e, -EBUSY, "Queue is full: too much is under way. Try again soon.");
	/* What is not in the session's list could not keep the session: it has a caller of its own,
	 * which is the same one while there is one of that hash. */
	if (ask->hash && form == GRADIO_QUEUE)
		r = gradio_talk_open(g, ask, &s, e);
	if (r < 0)
		return r;
	ev = gradio_event_new(g, ask, form, f, fn_index);
	r = ev ? 0 : -ENOMEM;
	if (r == 0 && !s)
		r = gradio_open_caller(g, ask, &ev->caller, e);
	if (r == 0)
		r = gradio_event_begin(ev, s ? s->caller : ev->caller, f, data, e);
	if (r == -EBUSY || r == -EAGAIN || r == -ENOMEM || (r < 0 && !s && !ev->caller)) {
		if (ev)
			gradio_event_free(ev);
		if (s)
			gradio_talk_arm(s);
		return r == -EAGAIN && s ? -EBUSY : r;
	}
	if (s)
		enqueue(ev, s, ask->python);
	if (r < 0)
		gradio_event_fail(ev, e->text, "Error");
	if (s)
		gradio_talk_arm(s);
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

/* --- the end of the gateway --- */

static void stop_event(void *value, void *data)
{
	struct gradio_event *ev = value;

	(void)data;
	if (ev->call)
		gradio_event_fail(ev, "The server is restarting; call again.", "Error");
	if (ev->held.len > 0) /* this end, too, if others are waiting to be said */
		gradio_event_due(ev);
}

static void stop_session(void *value, void *data)
{
	(void)data;
	gradio_talk_close_streams(value);
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
	gradio_talk_free(value);
}

static void free_event(void *value, void *data)
{
	(void)data;
	gradio_event_free(value);
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
