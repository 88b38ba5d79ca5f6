#include "gateway/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SECONDS_MAX 86400
#define IDLE_FORGIVEN_USEC (100 * USEC_PER_MSEC) /* of each second: collecting garbage, say */

static const struct {
	const char *name;
	size_t offset;
	unsigned int seconds;
} limits[] = {
	{"stall", offsetof(struct watch_limits, stall_usec), 5},
	{"silent", offsetof(struct watch_limits, silent_usec), 25},
	/* A handler has 60 s, and 15 more to end it. */
	{"event", offsetof(struct watch_limits, event_usec), 75},
	{"idle", offsetof(struct watch_limits, idle_usec), 30},
};

static void set(struct watch_limits *l, size_t i, uint64_t seconds)
{
	*(uint64_t *)((char *)l + limits[i].offset) = seconds * USEC_PER_SEC;
}

void watch_limits_default(struct watch_limits *ret)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		set(ret, i, limits[i].seconds);
}

int watch_limits_set(struct watch_limits *l, const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : 0;
	unsigned long seconds;
	char *end;

	if (!equals || equals[1] < '0' || equals[1] > '9')
		return err_set(e, -EINVAL, "limit: '%s' is not NAME=SECONDS", text);
	seconds = strtoul(equals + 1, &end, 10);
	if (*end || seconds < 1 || seconds > SECONDS_MAX)
		return err_set(
			e, -EINVAL, "limit: '%s' is not 1 to %d seconds", equals + 1, SECONDS_MAX);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		if (strlen(limits[i].name) == n && !memcmp(limits[i].name, text, n)) {
			set(l, i, seconds);
			return 0;
		}
	}
	return err_set(e, -EINVAL, "limit: there is none named '%.*s'", (int)n, text);
}

void watch_heard(struct watch *w)
{
	w->heard = true;
}

void watch_finished(struct watch *w, uint64_t now_usec)
{
	w->waits_usec = now_usec;
}

void watch_burned(struct watch *w, uint64_t usec)
{
	if (!w->running)
		w->idle_usec += usec;
}

static void note_silence(struct watch *w, const struct watch_view *v, uint64_t now_usec)
{
	if (w->heard || v->unread == 0 || v->unread < w->unread)
		w->silent_usec = 0;
	else if (!w->silent_usec)
		w->silent_usec = now_usec;
	w->heard = false;
	w->unread = v->unread;
}

static void note_waiting(struct watch *w, const struct watch_view *v, uint64_t now_usec)
{
	if (!v->running)
		w->waits_usec = 0;
	else if (!w->waits_usec)
		w->waits_usec = now_usec;
	w->running = v->running || v->ticks;
}

static bool is_over(uint64_t since_usec, uint64_t limit_usec, uint64_t now_usec)
{
	return since_usec && now_usec - since_usec > limit_usec;
}

const char *watch_look(struct watch *w, const struct watch_limits *l, const struct watch_view *v,
	uint64_t now_usec)
{
	note_silence(w, v, now_usec);
	note_waiting(w, v, now_usec);
	w->idle_usec -= w->idle_usec < IDLE_FORGIVEN_USEC ? w->idle_usec : IDLE_FORGIVEN_USEC;
	if (v->stalled_usec > l->stall_usec)
		return "it did not read what was sent to it";
	if (is_over(w->silent_usec, l->silent_usec, now_usec))
		return "it gave no sign of life while visitors waited";
	if (is_over(w->waits_usec, l->event_usec, now_usec))
		return "visitors waited, and it finished nothing for too long";
	if (w->idle_usec > l->idle_usec)
		return "it kept the processor busy although nobody had asked anything of it";
	return NULL;
}
