#include "sdk-lua/host/ticker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sdk-lua/host/session.h"

static void arm(struct worker *w, uint64_t at)
{
	if (w->tick_at && w->tick_at <= at)
		return;
	w->tick_at = at;
	timer_arm(w->tick_timer, at);
}

static void schedule(struct ticker *t, uint64_t now)
{
	t->due_usec = (now / t->every_usec + 1) * t->every_usec;
}

int ticker_set(struct session *s, uint32_t node, uint64_t every_usec)
{
	struct ticker **at = &s->tickers;
	size_t n = 0;

	for (; *at && (*at)->node != node; at = &(*at)->next)
		n++;
	if (every_usec == 0) {
		struct ticker *gone = *at;

		if (gone) {
			*at = gone->next;
			free(gone);
		}
		return 0;
	}
	if (!*at) {
		if (n >= TICKERS_MAX)
			return -ENOSPC;
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->node = node;
	}
	if ((*at)->every_usec == every_usec)
		return 0;
	(*at)->every_usec = every_usec;
	schedule(*at, clock_mono_usec());
	if (s->present)
		arm(s->worker, (*at)->due_usec);
	return 0;
}

void tickers_free(struct session *s)
{
	while (s->tickers)
		(void)ticker_set(s, s->tickers->node, 0);
}

void tickers_begin(struct session *s)
{
	uint64_t now = clock_mono_usec();

	for (struct ticker *t = s->tickers; t; t = t->next) {
		t->late = false;
		schedule(t, now);
		arm(s->worker, t->due_usec);
	}
}

static bool is_running(const struct session *s, const struct ticker *t)
{
	const struct handler *h = worker_handler(s->worker, t->node, EVENT_TICK);

	for (size_t i = 0; i < TASKS_MAX; i++) {
		const struct task *task = &s->worker->tasks[i];

		if (task->state != TASK_FREE && task->session == s && task->handler == h)
			return true;
	}
	return false;
}

void tickers_pump(struct session *s)
{
	for (struct ticker *t = s->tickers; t && s->present; t = t->next)
		if (t->late && session_start_own(s, t->node, EVENT_TICK))
			t->late = false;
}

/* Returns when the session's next tick is due; 0: none. */
static uint64_t look(struct session *s, uint64_t now)
{
	uint64_t next = 0;

	for (struct ticker *t = s->tickers; t; t = t->next) {
		if (t->due_usec <= now) {
			t->late = !is_running(s, t);
			schedule(t, now);
		}
		if (!next || t->due_usec < next)
			next = t->due_usec;
	}
	tickers_pump(s);
	return next;
}

void tickers_due(void *data)
{
	struct worker *w = data;
	uint64_t now = clock_mono_usec(), next = 0;

	w->tick_at = 0;
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next) {
			uint64_t due = s->tickers && s->present ? look(s, now) : 0;

			if (due && (!next || due < next))
				next = due;
		}
	if (next)
		arm(w, next);
}
