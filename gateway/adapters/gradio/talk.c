/* Sessions of clients by their hash: when their streams end, and when they go themselves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "gateway/adapters/gradio/inside.h"
#include "gateway/adapters/gradio/message.h"
#include "gateway/space.h"

/* A stream ends when for so long nothing was pending: without it a client's process never ends, and
 * at once every call would pay for a stream. */
#define GRACE_USEC (100 * USEC_PER_MSEC)
#define NEVER_OPENED_USEC (45 * USEC_PER_SEC)
#define TELL_AGAIN_USEC (10 * USEC_PER_SEC)
#define IDLE_USEC (60 * USEC_PER_SEC) /* the session stays in the log, its caller goes */

/* --- sessions --- */

void gradio_talk_free(struct gradio_session *s)
{
	while (s->readers) {
		struct gradio_reader *r = s->readers;

		gradio_reader_unhook(r);
		r->ended = true;
		r->wake(r);
	}
	while (s->events)
		gradio_event_free(s->events);
	(void)map_take(&s->gradio->sessions, s->key, s->key_length);
	(void)caller_close(s->caller);
	(void)source_free(s->timer);
	free(s);
}

void gradio_talk_close_streams(struct gradio_session *s)
{
	struct gradio_event *next;

	while (s->readers) {
		struct gradio_reader *r = s->readers;

		gradio_reader_unhook(r);
		r->closing = s;
		s->closing++;
		gradio_reader_add(r, GRADIO_CLOSE, strlen(GRADIO_CLOSE));
		r->ended = true;
	}
	s->closed_usec = clock_mono_usec();
	for (struct gradio_event *ev = s->events; ev; ev = next) {
		next = ev->next;
		if (ev->done_usec)
			gradio_event_free(ev);
	}
}

static void drop_told(struct gradio_session *s, uint64_t now)
{
	struct gradio_event *next;

	for (struct gradio_event *ev = s->events; ev; ev = next) {
		next = ev->next;
		if (ev->done_usec && now >= ev->done_usec + TELL_AGAIN_USEC)
			gradio_event_free(ev);
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
		gradio_talk_close_streams(s);
	}
	if (s->alone_usec && now >= s->alone_usec) {
		s->alone_usec = 0;
		cancel_all(s);
	}
	drop_told(s, now);
	if (s->idle_usec && now >= s->idle_usec && !s->events && !s->readers && !s->closing) {
		gradio_talk_free(s);
		return;
	}
	gradio_talk_arm(s);
}

static void sooner(uint64_t *at, uint64_t deadline)
{
	if (deadline && (!*at || deadline < *at))
		*at = deadline;
}

void gradio_talk_arm(struct gradio_session *s)
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

struct gradio_session *gradio_talk_find(struct gradio *g, const struct gradio_ask *ask)
{
	char key[33 + 41 + GRADIO_HASH_MAX];

	return map_get(&g->sessions, key, write_key(ask, key, sizeof(key)));
}

int gradio_open_caller(
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
	int r = gradio_open_caller(s->gradio, ask, &c, e);

	if (r < 0)
		return r;
	(void)caller_close(s->caller);
	s->caller = c;
	return 0;
}

int gradio_talk_open(
	struct gradio *g, const struct gradio_ask *ask, struct gradio_session **ret, struct err *e)
{
	struct gradio_session *s = gradio_talk_find(g, ask);
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
	r = gradio_open_caller(g, ask, &s->caller, e);
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
