#include "gateway/price.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/loop.h"
#include "gateway/costs.h"
#include "gateway/session/sessions.h"

/* A row is in the ledger 20 to 200 ms after its use; until it is, a balance does not know of it. */
#define LEDGER_USEC 1000000

struct price {
	struct source *again; /* owned */
	bool known;
	int64_t left_ms, day_ms;
	char words[513];
};

struct price *price_free(struct price *p)
{
	if (!p)
		return NULL;
	(void)source_free(p->again);
	free(p);
	return NULL;
}

static json_t *list(const struct visit *v)
{
	struct cost of[COSTS_SHOWN_MAX];
	size_t n = costs_of(v->gateway->costs, v->session->space, of);
	json_t *handlers = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(handlers, json_pack("[I, i, I]", (json_int_t)of[i].node,
							      of[i].kind, (json_int_t)of[i].msec));
	return handlers;
}

static void show(struct visit *v)
{
	CLEANUP(json_unrefp) json_t *handlers = list(v);
	struct wire_cost m = {.handlers = handlers};
	const struct price *p = v->price && v->price->known ? v->price : &(struct price){0};

	if (json_array_size(handlers) == 0)
		return;
	m.left_ms = p->left_ms;
	m.day_ms = p->day_ms;
	m.words = p->words[0] ? p->words : NULL;
	visit_show_cost(v, &m);
}

/* The answer shows all. */
static void ask(struct visit *v)
{
	char payer[GRANT_PAYER_MAX + 1];

	grants_payer(v->gateway->grants, v->session, payer, sizeof(payer));
	if (edge_balance_of(v->gateway->edge, v->session->number, payer) < 0)
		show(v);
}

static void on_again(void *data)
{
	ask(data);
}

static struct price *price_of(struct visit *v)
{
	struct price *p = v->price ? v->price : calloc(1, sizeof(*p));

	if (p && !p->again && loop_add_timer(v->gateway->loop, on_again, v, &p->again) < 0)
		p = price_free(p);
	v->price = p;
	return p;
}

void price_joined(struct visit *v)
{
	CLEANUP(json_unrefp) json_t *handlers = NULL;

	if (v->program || !v->session || !v->gateway->costs)
		return;
	handlers = list(v);
	if (json_array_size(handlers) > 0)
		ask(v);
}

void price_spent(const struct event_of *event, uint64_t nsec, void *data)
{
	struct gateway *g = data;
	struct session *s = sessions_by_number(g->sessions, event->session);
	struct visit *v = s ? s->live->visit : NULL;

	costs_add(g->costs, event->space, event->node, event->kind, nsec);
	if (!v || v->program || v->phase != VISIT_JOINED || !price_of(v))
		return;
	timer_arm_after(v->price->again, LEDGER_USEC);
	if (!v->price->known) {
		ask(v);
		return;
	}
	v->price->left_ms -= (int64_t)(nsec / 1000000);
	if (v->price->left_ms < 0)
		v->price->left_ms = 0;
	show(v);
}

void price_balance(struct gateway *g, uint32_t session, const struct edge_balance *m)
{
	struct session *s = sessions_by_number(g->sessions, session);
	struct visit *v = s ? s->live->visit : NULL;

	if (!v || v->phase != VISIT_JOINED || !price_of(v))
		return;
	v->price->known = true;
	v->price->left_ms = m->left_ms;
	v->price->day_ms = m->day_ms;
	(void)snprintf(v->price->words, sizeof(v->price->words), "%s", m->words ? m->words : "");
	show(v);
}
