#include "orchestrator/peers/accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics.h"
#include "orchestrator/peers/places.h"
#include "orchestrator/usage/rollup.h"

#define LEASED_MAX 8192 /* payers whose leases are kept fresh; others ask */
#define PRUNE_USEC (3600 * USEC_PER_SEC)
/* Of a queue of twice as much or less, so that accounts_peer_drained is certain to come. */
#define TOUR_HIGH (ACCOUNTS_QUEUE_MAX / 8 * 5)
#define NEXT_SLICE_USEC (100 * USEC_PER_MSEC) /* others want the database, too */

struct leased {
	char payer[ACCOUNT_MAX + 1], account[ACCOUNT_MAX + 1];
};

struct accounts_peer {
	struct loop *loop;           /* borrowed */
	struct store *store;         /* borrowed */
	const char *quota;           /* borrowed */
	struct usage_policy *policy; /* owned */
	int64_t version;             /* of it */
	struct link *link;           /* borrowed; NULL: inference is away */
	struct source *prune;        /* owned; timer */
	char journal[33];            /* "": none is known on this link */
	int64_t n;                   /* of it, in the ledger */
	struct leased *leased;       /* owned */
	size_t n_leased, turn;
	struct places_tour tour;
	struct source *more; /* owned; deferred: the next page of it */
	bool greeting;       /* TAKEN follows its last page */
	accounts_behind_fn *on_behind;
	void *data;
};

static void on_prune(void *data)
{
	struct accounts_peer *p = data;
	struct err e = {0};
	int more = usage_prune(p->store, clock_wall_usec(), &e);

	if (more == 0)
		more = rollup_step(p->store, clock_wall_usec(), &e);
	if (more < 0)
		log_warn("old usage cannot be summed up: %s", e.text);
	timer_arm_after(p->prune, more > 0 ? NEXT_SLICE_USEC : PRUNE_USEC);
}

int accounts_peer_new(struct loop *loop, struct store *store, const char *quota,
	struct accounts_peer **ret, struct err *e)
{
	CLEANUP(accounts_peer_freep) struct accounts_peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->loop = loop;
	p->store = store;
	p->quota = quota;
	p->leased = calloc(LEASED_MAX, sizeof(*p->leased));
	r = p->leased ? loop_add_timer(loop, on_prune, p, &p->prune) : -ENOMEM;
	if (r < 0)
		return err_set(e, r, "the ledger: %s", strerror(-r));
	r = policies_load(store, quota, &p->policy, &p->version, e);
	if (r < 0)
		return r;
	timer_arm_after(p->prune, PRUNE_USEC);
	*ret = TAKE_PTR(p);
	return 0;
}

struct accounts_peer *accounts_peer_free(struct accounts_peer *p)
{
	if (!p)
		return NULL;
	(void)source_free(p->prune);
	(void)source_free(p->more);
	(void)usage_policy_free(p->policy);
	free(p->leased);
	free(p);
	return NULL;
}

const struct usage_policy *accounts_peer_policy(const struct accounts_peer *p)
{
	return p->policy;
}

int accounts_peer_balance(const struct accounts_peer *p, const char *payer,
	struct edge_balance *ret, char words[BUDGET_WORDS_MAX])
{
	uint64_t now = clock_wall_usec();
	char account[ACCOUNT_MAX + 1];
	struct err e = {0};
	struct budget b;
	int r = tiers_account_of(p->store, p->policy, payer, account, &e);

	if (r == 0)
		r = usage_budget(p->store, p->policy, payer, account, now, &b, NULL, &e);
	if (r < 0)
		return r;
	budget_refusal(&b, now, words);
	if (!words[0])
		budget_returns(&b, now, words);
	*ret = (struct edge_balance){.left_ms = (int64_t)(budget_left_nsec(&b) / 1000000),
		.day_ms = (int64_t)(b.day_nsec / 1000000),
		.words = words[0] ? words : NULL};
	return 0;
}

json_t *accounts_peer_networks(const struct accounts_peer *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->policy->n_networks; i++)
		(void)json_array_append_new(
			list, json_pack("[s, s]", p->policy->networks[i].cidr,
				      p->policy->tiers[p->policy->networks[i].tier].name));
	return list;
}

const char *accounts_peer_quota(const struct accounts_peer *p)
{
	return p->quota;
}

int64_t accounts_peer_version(const struct accounts_peer *p)
{
	return p->version;
}

static int send_taken(struct accounts_peer *p, struct link *link)
{
	struct models_taken m = {.journal = p->journal, .n = p->n};
	struct frame f = {.type = MODELS_TAKEN};
	CLEANUP(buf_done) struct buf value;
	int r;

	buf_init(&value, (size_t)proto_models_taken.value_max);
	r = models_taken_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	return r < 0 ? r : link_send(link, &f);
}

static void fall_behind(struct accounts_peer *p, const char *why)
{
	if (p->on_behind)
		p->on_behind(why, p->data);
}

void accounts_peer_watch(struct accounts_peer *p, accounts_behind_fn *fn, void *data)
{
	p->on_behind = fn;
	p->data = data;
}

/* --- what Spaces have, in as many messages as the link takes at a time --- */

static int tour_on(struct accounts_peer *p, struct err *e);

/* What pools and Spaces there are is told before the first call, which TAKEN lets begin. */
static int end_tour(struct accounts_peer *p, struct err *e)
{
	int r = p->greeting ? send_taken(p, p->link) : 0;

	p->greeting = false;
	return r < 0 ? err_set(e, r, "TAKEN: %s", strerror(-r)) : 0;
}

static void tour_step(void *data)
{
	struct accounts_peer *p = data;
	struct err e = {0};
	int r;

	p->more = NULL;
	if (!p->link || !p->tour.going || link_queued(p->link) > TOUR_HIGH)
		return; /* accounts_peer_drained goes on */
	r = places_go_on(p->store, p->policy, p->link, &p->tour, &e);
	if (r == 0)
		r = tour_on(p, &e);
	if (r < 0)
		fall_behind(p, e.text);
}

static int tour_on(struct accounts_peer *p, struct err *e)
{
	int r;

	if (!p->tour.going)
		return end_tour(p, e);
	r = p->more ? 0 : loop_defer(p->loop, tour_step, p, &p->more);
	return r < 0 ? err_set(e, r, "pools: %s", strerror(-r)) : 0;
}

static int tour_begin(struct accounts_peer *p, struct err *e)
{
	int r = places_begin(p->policy, p->link, &p->tour, e);

	return r < 0 ? r : tour_on(p, e);
}

void accounts_peer_drained(struct accounts_peer *p)
{
	struct err e = {0};

	if (p->link && p->tour.going && tour_on(p, &e) < 0)
		log_error("inference hears of Spaces later: %s", e.text);
}

int accounts_peer_greet(struct accounts_peer *p, struct link *link, struct err *e)
{
	int r = usage_settle(p->store, e);

	p->link = link;
	p->journal[0] = '\0';
	p->n = 0;
	p->n_leased = p->turn = 0;
	p->greeting = true;
	return r < 0 ? r : tour_begin(p, e);
}

void accounts_peer_leave(struct accounts_peer *p)
{
	p->link = NULL;
	p->tour.going = p->greeting = false;
}

static void remember(struct accounts_peer *p, const char *payer, const char *account)
{
	struct leased *l = NULL;

	for (size_t i = 0; i < p->n_leased && !l; i++)
		if (!strcmp(p->leased[i].payer, payer))
			l = &p->leased[i];
	if (!l) {
		l = &p->leased[p->turn++ % LEASED_MAX];
		if (p->n_leased < LEASED_MAX)
			p->n_leased++;
	}
	(void)snprintf(l->payer, sizeof(l->payer), "%s", payer);
	(void)snprintf(l->account, sizeof(l->account), "%s", account);
}

static int send_lease(
	struct accounts_peer *p, struct link *link, const char *payer, const char *account)
{
	uint64_t now = clock_wall_usec();
	struct models_lease m = {.payer = payer,
		.account = account,
		.journal = p->journal[0] ? p->journal : NULL,
		.n = p->n,
		.valid_ms = LEASE_VALID_MSEC};
	struct frame f = {.type = MODELS_LEASE};
	char refusal[BUDGET_WORDS_MAX], returns[BUDGET_WORDS_MAX];
	CLEANUP(buf_done) struct buf value;
	const struct tier *t;
	struct err e = {0};
	struct budget b;
	int r = usage_budget(p->store, p->policy, payer, account, now, &b, &t, &e);

	buf_init(&value, (size_t)proto_models_lease.value_max);
	if (r < 0)
		return r;
	m.usec = (int64_t)(budget_left_nsec(&b) / 1000);
	m.weight = t->weight;
	m.concurrent = t->concurrent;
	m.call_ms = t->call_sec * 1000;
	m.memory_mib = t->memory_mib;
	m.pool = t->pool == POLICY_NONE ? NULL : usage_policy_pool(p->policy, t->pool);
	budget_refusal(&b, now, refusal);
	budget_returns(&b, now, returns);
	m.refusal = refusal[0] ? refusal : NULL;
	m.returns = returns[0] ? returns : "what is used comes back a day later";
	r = models_lease_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send(link, &f);
	if (r == 0)
		remember(p, payer, account);
	return r;
}

void accounts_peer_renew(struct accounts_peer *p)
{
	char account[ACCOUNT_MAX + 1];

	if (!p->link)
		return;
	link_cork(p->link);
	for (size_t i = 0; i < p->n_leased; i++) {
		const struct leased l = p->leased[i];
		struct err e = {0};

		/* Another account where its Space has got a tier of its own. */
		if (tiers_account_of(p->store, p->policy, l.payer, account, &e) == 0)
			(void)send_lease(p, p->link, l.payer, account); /* or it asks */
	}
	link_uncork(p->link);
}

int accounts_peer_reload(struct accounts_peer *p, struct err *e)
{
	struct usage_policy *fresh = NULL;
	struct err why = {0};
	int r = policies_load(p->store, p->quota, &fresh, &p->version, e);

	if (r < 0)
		return r;
	(void)usage_policy_free(p->policy);
	p->policy = fresh;
	/* The policy stands whatever becomes of the link: with the next one all is told. */
	if (p->link && tour_begin(p, &why) < 0)
		fall_behind(p, why.text);
	accounts_peer_renew(p);
	return 0;
}

void accounts_peer_space(struct accounts_peer *p, const char *space_id)
{
	struct err e = {0};

	if (p->link && places_tell_one(p->store, p->policy, p->link, space_id, &e) < 0)
		fall_behind(p, e.text);
}

static int learn_journal(struct accounts_peer *p, const char *journal, struct err *e)
{
	if (!strcmp(p->journal, journal))
		return 0;
	(void)snprintf(p->journal, sizeof(p->journal), "%s", journal);
	return usage_taken_of(p->store, journal, &p->n, e);
}

static int on_want(struct accounts_peer *p, struct link *link, const struct frame *f, struct err *e)
{
	char account[ACCOUNT_MAX + 1];
	struct models_want m;
	int r = models_want_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	r = learn_journal(p, m.journal, e);
	if (r == 0)
		r = tiers_account_of(p->store, p->policy, m.payer, account, e);
	if (r == -ENOENT) {
		log_warn("inference asks for '%s', who does not exist", m.payer);
		*e = (struct err){0};
		r = 0;
	} else if (r == 0) {
		r = send_lease(p, link, m.payer, account);
	}
	models_want_done(&m);
	return r < 0 && !e->code ? err_set(e, r, "WANT: %s", strerror(-r)) : r;
}

struct touched {
	struct accounts_peer *peer;
	struct link *link;
};

static void on_account(const char *account, void *data)
{
	struct touched *t = data;

	for (size_t i = 0; i < t->peer->n_leased; i++) {
		const struct leased l = t->peer->leased[i]; /* sending writes it */

		if (!strcmp(l.account, account))
			(void)send_lease(t->peer, t->link, l.payer, l.account); /* it asks */
	}
}

static void count_rows(const json_t *rows, int64_t known)
{
	const json_t *o;
	size_t i;

	json_array_foreach(rows, i, o)
	{
		if (json_integer_value(json_object_get(o, "n")) <= known)
			continue;
		orchestrator_count(ORCHESTRATOR_USAGE_ROWS, 1);
	}
}

static int on_usage(
	struct accounts_peer *p, struct link *link, const struct frame *f, struct err *e)
{
	struct touched t = {p, link};
	struct models_usage m;
	int64_t before, n;
	int r = models_usage_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	r = learn_journal(p, m.journal, e);
	before = n = p->n;
	if (r == 0) {
		link_cork(link);
		r = usage_take(p->store, p->policy, &m, clock_wall_usec(), &n, e);
		p->n = n;
		if (r == 0) {
			usage_each_account(m.rows, on_account, &t);
			count_rows(m.rows, before);
			r = send_taken(p, link);
		}
		link_uncork(link);
	}
	models_usage_done(&m);
	return r < 0 && !e->code ? err_set(e, r, "USAGE: %s", strerror(-r)) : r;
}

int accounts_peer_take(
	struct accounts_peer *p, struct link *link, const struct frame *f, struct err *e)
{
	return f->type == MODELS_WANT ? on_want(p, link, f, e) : on_usage(p, link, f, e);
}
