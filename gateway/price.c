#include "gateway/price.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/costs.h"
#include "gateway/session/sessions.h"

struct price {
	int64_t left_ms, day_ms;
	char words[513];
};

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
	struct price unknown = {0}, *p = v->price ? v->price : &unknown;

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
	if (!v || v->program || v->phase != VISIT_JOINED)
		return;
	if (!v->price) {
		ask(v);
		return;
	}
	/* Until the row is in the ledger it would count nowhere. */
	v->price->left_ms -= (int64_t)(nsec / 1000000);
	if (v->price->left_ms < 0)
		v->price->left_ms = 0;
	show(v);
}

void price_balance(struct gateway *g, uint32_t session, const struct edge_balance *m)
{
	struct session *s = sessions_by_number(g->sessions, session);
	struct visit *v = s ? s->live->visit : NULL;

	if (!v || v->phase != VISIT_JOINED)
		return;
	if (!v->price)
		v->price = calloc(1, sizeof(*v->price));
	if (!v->price)
		return;
	v->price->left_ms = m->left_ms;
	v->price->day_ms = m->day_ms;
	(void)snprintf(v->price->words, sizeof(v->price->words), "%s", m->words ? m->words : "");
	show(v);
}
