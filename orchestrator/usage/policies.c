#include "orchestrator/usage/policies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "orchestrator/usage/policy_file.h"
#include "orchestrator/usage/usage.h"

/* --- versions --- */

struct last {
	int64_t version;
	char *text; /* owned */
};

static int take_last(const struct store_row *row, void *data)
{
	struct last *l = data;

	l->version = store_int(row, 0);
	l->text = strdup(store_text(row, 4));
	return l->text ? 1 : -ENOMEM;
}

static int load_usual(const char *quota, struct usage_policy **ret, struct err *e)
{
	char text[POLICY_USUAL_MAX];
	int r = usage_policy_usual(quota, text, e);

	return r < 0 ? r : usage_policy_read(text, strlen(text), ret, e);
}

int policies_load(struct store *s, const char *quota, struct usage_policy **ret,
	int64_t *ret_version, struct err *e)
{
	struct last last = {0};
	struct err why = {0};
	int r = store_run(s, "policy_last", take_last, &last, e, "");

	*ret_version = last.version;
	if (r <= 0) {
		free(last.text);
		return r < 0 ? r : load_usual(quota, ret, e);
	}
	r = usage_policy_read(last.text, strlen(last.text), ret, &why);
	free(last.text);
	if (r == 0)
		return 0;
	log_error("policy %lld is not taken any more, the usual one stands: %s",
		(long long)*ret_version, why.text);
	return load_usual(quota, ret, e);
}

int policies_put(struct store *s, int64_t version, const char *text, const char *who,
	const char *why, uint64_t now_usec, struct err *e)
{
	int r = store_run(s, "policy_put", NULL, NULL, e, "iisss", version + 1, (int64_t)now_usec,
		who, why, text);

	if (r >= 0)
		r = store_run(s, "policy_prune", NULL, NULL, e, "i", version + 1 - POLICIES_KEPT);
	return r < 0 ? r : 0;
}

/* --- names --- */

static int check_name(struct store *s, const struct bind *b, struct err *e)
{
	static const char *const statements[] = {
		[BIND_USER] = "policy_has_user", [BIND_ORGANISATION] = "policy_has_organisation"};
	static const char *const words[] = {
		"user", "organization", "user or organization", "Space"};
	const char *slash = strchr(b->name, '/');
	char owner[BIND_NAME_LEN + 1];
	int r;

	if (b->kind == BIND_SPACE) {
		(void)snprintf(owner, sizeof(owner), "%.*s", (int)(slash - b->name), b->name);
		r = store_run(s, "policy_space_id", NULL, NULL, e, "ss", owner, slash + 1);
	} else if (b->kind == BIND_OWNER) {
		r = store_run(s, statements[BIND_USER], NULL, NULL, e, "s", b->name);
		if (r == 0)
			r = store_run(
				s, statements[BIND_ORGANISATION], NULL, NULL, e, "s", b->name);
	} else {
		r = store_run(s, statements[b->kind], NULL, NULL, e, "s", b->name);
	}
	if (r != 0)
		return r < 0 ? r : 0;
	return err_set(e, -EINVAL, POLICY_FILE_NAME ":%d:%d: %s: there is no %s '%.100s'",
		b->place.line, b->place.column, usage_policy_bind_names[b->kind], words[b->kind],
		b->name);
}

int policies_check_names(struct store *s, const struct usage_policy *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_binds; i++)
		r = check_name(s, &p->binds[i], e);
	return r;
}

/* --- plan --- */

struct plan {
	struct store *store;
	const struct usage_policy *from, *to;
	uint64_t now_usec;
	plan_fn fn;
	void *data;
	char *accounts[PLAN_ACCOUNTS_MAX]; /* owned */
	size_t n;
	struct err *e;
};

/* How much of the device is the pool's that a tier is in: of the same pool more is more. Another
 * pool has other people in it, which is both. */
static void compare_pools(const struct usage_policy *a, const struct tier *from,
	const struct usage_policy *b, const struct tier *to, bool *more, bool *less)
{
	int64_t before = usage_policy_percent(a, from->pool);
	int64_t after = usage_policy_percent(b, to->pool);
	bool borrowed = from->pool == POLICY_NONE || a->pools[from->pool].borrow;
	bool borrows = to->pool == POLICY_NONE || b->pools[to->pool].borrow;
	bool other = strcmp(usage_policy_pool(a, from->pool), usage_policy_pool(b, to->pool)) != 0;

	*more |= other || after > before || borrows > borrowed;
	*less |= other || after < before || borrows < borrowed;
}

static enum plan_change compare(const struct usage_policy *a, const struct tier *from,
	const struct usage_policy *b, const struct tier *to)
{
	const int64_t before[] = {
		from->day_sec, from->weight, from->concurrent, from->call_sec, from->memory_mib};
	const int64_t after[] = {
		to->day_sec, to->weight, to->concurrent, to->call_sec, to->memory_mib};
	bool more = false, less = false;

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		more |= after[i] > before[i];
		less |= after[i] < before[i];
	}
	compare_pools(a, from, b, to, &more, &less);
	return more && less ? PLAN_MIXED : more ? PLAN_GAINS : less ? PLAN_LOSES : PLAN_SAME;
}

static void tell(struct plan *p, const char *account, const struct tier *from,
	const struct tier *to, uint64_t used_nsec, uint64_t credit_nsec)
{
	const struct plan_row row = {.account = account,
		.from = from,
		.to = to,
		.before = p->from,
		.after = p->to,
		.change = compare(p->from, from, p->to, to),
		.used_nsec = used_nsec,
		.over = credit_nsec == 0 && used_nsec > 0 &&
			used_nsec >= (uint64_t)to->day_sec * 1000000000ull &&
			used_nsec < (uint64_t)from->day_sec * 1000000000ull};

	p->fn(&row, p->data);
}

static int take_account(const struct store_row *row, void *data)
{
	struct plan *p = data;

	p->accounts[p->n] = strdup(store_text(row, 0));
	if (!p->accounts[p->n])
		return -ENOMEM;
	return ++p->n == PLAN_ACCOUNTS_MAX;
}

static int plan_account(struct plan *p, const char *account)
{
	const struct tier *from, *to;
	struct budget b;
	int r;

	if (!strncmp(account, "network:", 8) || !strncmp(account, "space:", 6))
		return 0; /* by class and by name, below */
	r = usage_budget(p->store, p->from, "", account, p->now_usec, &b, &from, p->e);
	if (r == 0)
		r = tiers_of(p->store, p->to, "", account, &to, p->e);
	if (r == 0)
		tell(p, account, from, to, b.used_nsec, b.credit_nsec);
	return r;
}

/* What a network has by a policy: its class's tier where that names the same network. */
static const struct tier *tier_of_network(const struct usage_policy *p, const char *cidr)
{
	for (size_t i = 0; i < p->n_networks; i++)
		if (!strcmp(p->networks[i].cidr, cidr))
			return &p->tiers[p->networks[i].tier];
	return usage_policy_default_tier(p, BUDGET_NETWORK);
}

static void plan_network(struct plan *p, const char *cidr)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "network:%s", cidr);
	tell(p, name, tier_of_network(p->from, cidr), tier_of_network(p->to, cidr), 0, 0);
}

static bool is_named(const struct usage_policy *p, const char *cidr)
{
	for (size_t i = 0; i < p->n_networks; i++)
		if (!strcmp(p->networks[i].cidr, cidr))
			return true;
	return false;
}

static void plan_networks(struct plan *p)
{
	plan_network(p, "*");
	for (size_t i = 0; i < p->to->n_networks; i++)
		plan_network(p, p->to->networks[i].cidr);
	for (size_t i = 0; i < p->from->n_networks; i++)
		if (!is_named(p->to, p->from->networks[i].cidr))
			plan_network(p, p->from->networks[i].cidr);
}

/* Without a tier of its own a Space has its owner's. */
static const struct tier *tier_of_space(const struct usage_policy *p, const char *name)
{
	const struct tier *t = usage_policy_bound(p, BIND_SPACE, name);
	char owner[BIND_NAME_LEN + 1];

	(void)snprintf(owner, sizeof(owner), "%.*s", (int)strcspn(name, "/"), name);
	if (!t)
		t = usage_policy_bound(p, BIND_OWNER, owner);
	return t ? t : usage_policy_default_tier(p, BUDGET_OWNER);
}

static void plan_spaces(struct plan *p, const struct usage_policy *in, bool only_new)
{
	char name[BIND_NAME_LEN + 8];

	for (size_t i = 0; i < in->n_binds; i++) {
		const struct bind *b = &in->binds[i];

		if (b->kind != BIND_SPACE ||
			(only_new && usage_policy_bound(p->to, BIND_SPACE, b->name)))
			continue;
		(void)snprintf(name, sizeof(name), "space:%s", b->name);
		tell(p, name, tier_of_space(p->from, b->name), tier_of_space(p->to, b->name), 0, 0);
	}
}

int policies_plan(struct store *s, const struct usage_policy *from, const struct usage_policy *to,
	uint64_t now_usec, plan_fn fn, void *data, struct err *e)
{
	struct plan *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	*p = (struct plan){.store = s,
		.from = from,
		.to = to,
		.now_usec = now_usec,
		.fn = fn,
		.data = data,
		.e = e};
	r = store_run(s, "policy_accounts", take_account, p, e, "iii", budget_first_slot(now_usec),
		budget_slot_of(now_usec + WINDOW_USEC), (int64_t)PLAN_ACCOUNTS_MAX);
	for (size_t i = 0; r >= 0 && i < p->n; i++)
		r = plan_account(p, p->accounts[i]);
	if (r >= 0) {
		plan_spaces(p, to, false);
		plan_spaces(p, from, true);
		plan_networks(p);
	}
	for (size_t i = 0; i < p->n; i++)
		free(p->accounts[i]);
	free(p);
	return r < 0 ? r : 0;
}
