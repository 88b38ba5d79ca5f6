/* Who pays for a call, whether they may, and what it has used. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "inference/peers/inside.h"
#include "proto/messages.h"

/* What an event is expected to take is set aside while calls of it run, so that others who come
 * meanwhile do not count on it too. */
static void reserve(struct event *v, struct account *a)
{
	if (!a || v->reserved_nsec > 0 || v->expected_nsec <= v->spent_nsec)
		return;
	v->account = a;
	v->reserved_nsec = v->expected_nsec - v->spent_nsec;
	account_reserve(a, v->reserved_nsec);
}

static void release(struct event *v, uint64_t nsec)
{
	uint64_t part = nsec < v->reserved_nsec ? nsec : v->reserved_nsec;

	if (part == 0)
		return;
	account_release(v->account, part);
	v->reserved_nsec -= part;
}

void call_leave_event(struct call *c)
{
	if (c->event && --c->event->calls == 0)
		release(c->event, UINT64_MAX);
}

/* What the event of a call may use, or without one the call: the grant's word, or the payer's tier
 * where that says less. */
static uint64_t call_limit(const struct call *c, const struct account *a)
{
	uint64_t nsec = c->event ? c->event->budget_nsec : UINT64_MAX;

	return a && a->call_nsec && a->call_nsec < nsec ? a->call_nsec : nsec;
}

static uint64_t spent_of(const struct call *c)
{
	return c->event ? c->event->spent_nsec : c->charge.nsec;
}

static bool may_go_on(const struct call *c)
{
	const struct account *a = c->charge.account;

	return (!a || account_left_nsec(a) > 0) && spent_of(c) < call_limit(c, a);
}

/* Others that spend the same do not wait for a step of their own to hear it: each would overspend
 * by one. */
static void break_others(const struct service *s)
{
	for (struct worker *w = s->workers; w; w = w->next)
		for (struct call *c = w->calls; c; c = c->next)
			if (c->request && !may_go_on(c))
				request_break(c->request);
}

bool call_spend(uint64_t nsec, void *data)
{
	struct call *c = data;
	bool left;

	c->charge.device = c->job.model->net->device->ops->name;
	left = charge_add(&c->charge, nsec);
	if (c->event) {
		c->event->spent_nsec += nsec;
		release(c->event, nsec);
	}
	if (left && may_go_on(c))
		return true;
	break_others(c->worker->service);
	return false;
}

void call_say_quota(const struct call *c, struct err *e)
{
	const struct account *a = c->charge.account;
	uint64_t limit = call_limit(c, a);

	if (spent_of(c) >= limit)
		(void)err_set(e, -EDQUOT,
			"this %s has used %.3g s of compute, all that one may use, before there "
			"was a result",
			c->event ? "event" : "call", (double)limit / 1e9);
	else if (a)
		(void)err_set(e, -EDQUOT,
			"Your compute was used up before there was a result: 0 s are left%s%s.",
			a->returns[0] ? "; " : "", a->returns);
}

/* The event that the call's grant is for, and who pays. -EDQUOT, -ETIME: it may spend no more. */
static int open_grant(struct call *c, const char *text, struct err *e)
{
	struct worker *w = c->worker;
	const struct grant_place place = {
		.replica = w->replica, .session = c->channel, .n = c->node};
	uint64_t now = clock_mono_usec();
	struct grant_terms terms;
	struct event *event;
	int r = grant_read(&w->service->keys, &place, text, now, &terms, e);

	if (r < 0)
		return r;
	event = events_get(&w->events, c->channel, c->node, now);
	if (!event)
		return err_set(e, -ENOMEM, "too many events are using models just now");
	if (event->revoked)
		return err_set(e, -ETIME, "the event that this call belongs to has ended");
	event->budget_nsec = (uint64_t)terms.budget_msec * 1000000;
	event->expected_nsec = (uint64_t)terms.expected_msec * 1000000;
	event->calls++;
	c->event = event;
	(void)snprintf(c->payer, sizeof(c->payer), "%s", terms.payer);
	return 0;
}

/* Without a grant nobody's gesture asked for it: the Space's owner pays. */
static int find_payer(struct call *c, const struct infer_call *m, struct err *e)
{
	if (c->worker->caller)
		(void)snprintf(c->payer, sizeof(c->payer), "%s", m->payer);
	else if (m->grant)
		return open_grant(c, m->grant, e);
	else
		(void)snprintf(c->payer, sizeof(c->payer), "space:%.32s", c->tenant->space);
	return 0;
}

/* -EDQUOT: its event has used what one may, or is expected to take more than is left. -EAGAIN:
 * others of the payer's run, as many as may. */
static int check_limits(struct call *c, struct account *a, struct err *e)
{
	uint64_t limit = call_limit(c, a);

	if (c->event && c->event->spent_nsec >= limit)
		return err_set(e, -EDQUOT,
			"this event has used %.3g s of compute, all that one may use",
			(double)limit / 1e9);
	if (a && c->event && c->event->spent_nsec == 0 && c->event->reserved_nsec == 0 &&
		account_afford(a, c->event->expected_nsec, e) < 0)
		return -EDQUOT;
	c->crowded = a && account_is_full(a);
	if (!c->crowded)
		return 0;
	account_wait_for_room(a);
	return err_set(
		e, -EAGAIN, "%u of your calls run already, as many as may at once", a->concurrent);
}

int call_find_account(
	struct call *c, const struct infer_call *m, struct account **ret, struct err *e)
{
	struct ledger *ledger = c->worker->service->ledger;
	int r = c->payer[0] ? 0 : find_payer(c, m, e);

	if (r == 0 && ledger)
		r = ledger_admit(ledger, c->payer, ret, e);
	c->unpaid = r == -EAGAIN;
	return r < 0 ? r : check_limits(c, *ret, e);
}

static struct charge charge_of(const struct call *c)
{
	return (struct charge){.space = c->worker->caller ? "" : c->tenant->space,
		.model = c->job.model->id,
		.task = c->job.task->name,
		.session = c->channel,
		.event = c->node};
}

void call_begin_charge(struct call *c, struct account *account)
{
	c->charge = charge_of(c);
	if (account)
		charge_begin(&c->charge, c->worker->service->ledger, account);
	if (c->event)
		reserve(c->event, account);
}

void call_spend_again(uint64_t nsec, void *data)
{
	struct call *c = data;
	struct ledger *ledger = c->worker->service->ledger;
	struct account *platform = c->again.ledger || !ledger ? NULL : ledger_platform(ledger);

	if (platform) {
		c->again = charge_of(c);
		charge_begin(&c->again, ledger, platform);
	}
	c->again.device = c->job.model->net->device->ops->name;
	(void)charge_add(&c->again, nsec);
}

bool call_is_crowded(const struct call *c)
{
	struct ledger *ledger = c->worker->service->ledger;
	struct account *a = NULL;
	struct err e = {0};

	if (!c->crowded || !ledger || clock_mono_usec() >= c->held_until_usec ||
		ledger_admit(ledger, c->payer, &a, &e) < 0 || !account_is_full(a))
		return false;
	account_wait_for_room(a);
	return true;
}
