#include "sdk-lua/host/presence.h"

#include <errno.h>

#include "sdk-lua/host/inbox.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/ticker.h"

static void cancel(struct session *s, uint32_t n)
{
	const struct frame f = {.type = APP_CANCEL, .channel = s->channel, .seq = n};

	(void)inbox_cancel(s->worker, &f, NULL);
}

/* Numbers first: cancelling one may start or end others. */
static void cancel_left(struct session *s)
{
	uint32_t list[EVENTS_PENDING_MAX + TASKS_MAX];
	struct worker *w = s->worker;
	size_t n = 0;

	for (const struct input *i = s->inputs; i && n < EVENTS_PENDING_MAX; i = i->next) {
		const struct handler *h = worker_handler(w, i->node, i->kind);

		if (h && h->leave)
			list[n++] = i->n;
	}
	for (size_t i = 0; i < TASKS_MAX; i++) {
		const struct task *t = &w->tasks[i];

		if (t->state != TASK_FREE && t->session == s && t->n && t->handler &&
			t->handler->leave)
			list[n++] = t->n;
	}
	for (size_t i = 0; i < n; i++)
		cancel(s, list[i]);
}

int presence_take(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	if (f->op < PRESENCE_HERE || f->op > PRESENCE_LEFT)
		return err_set(e, -EPROTO, "app.PRESENCE op: %u is not known", f->op);
	if (!s)
		return 0;
	if (f->op == PRESENCE_HERE && !s->present)
		tickers_begin(s);
	s->present = f->op == PRESENCE_HERE;
	if (f->op == PRESENCE_LEFT && !s->left) {
		s->unload_due = worker_handler(w, 0, EVENT_UNLOAD) != NULL;
		cancel_left(s);
	}
	s->left = f->op == PRESENCE_LEFT;
	if (s->present)
		s->unload_due = false; /* the visitor came back first */
	session_pump(s);
	return 0;
}

void presence_pump(struct session *s)
{
	if (s->unload_due && session_start_own(s, 0, EVENT_UNLOAD))
		s->unload_due = false;
	tickers_pump(s);
}

void presence_check(struct session *s, const struct handler *h, uint32_t n)
{
	if (s->left && h && h->leave)
		cancel(s, n);
}
