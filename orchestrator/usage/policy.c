#include "orchestrator/usage/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/usage/policy_file.h"

const char *const usage_policy_bind_names[BIND_KINDS] = {
	[BIND_USER] = "users",
	[BIND_ORGANISATION] = "organizations",
	[BIND_OWNER] = "owners",
	[BIND_SPACE] = "spaces",
};
const char *const usage_policy_budget_names[BUDGETS] = {
	[BUDGET_USER] = "user",
	[BUDGET_OWNER] = "owner",
	[BUDGET_NETWORK] = "network",
	[BUDGET_SPACE] = "space",
};

struct usage_policy *usage_policy_free(struct usage_policy *p)
{
	if (p)
		free(p->binds);
	free(p);
	return NULL;
}

const struct tier *usage_policy_tier(const struct usage_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_tiers; i++)
		if (!strcmp(p->tiers[i].name, name))
			return &p->tiers[i];
	return NULL;
}

const struct flavour *usage_policy_flavour(const struct usage_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_flavours; i++)
		if (!strcmp(p->flavours[i].name, name))
			return &p->flavours[i];
	return NULL;
}

const char *usage_policy_pool(const struct usage_policy *p, size_t pool)
{
	return pool == POLICY_NONE ? "" : p->pools[pool].name;
}

int64_t usage_policy_percent(const struct usage_policy *p, size_t pool)
{
	int64_t left = 100;

	if (pool != POLICY_NONE)
		return p->pools[pool].percent;
	for (size_t i = 0; i < p->n_pools; i++)
		left -= p->pools[i].percent;
	return left;
}

const struct tier *usage_policy_bound(
	const struct usage_policy *p, enum bind_kind kind, const char *name)
{
	for (size_t i = 0; i < p->n_binds; i++)
		if (p->binds[i].kind == kind && !strcmp(p->binds[i].name, name))
			return &p->tiers[p->binds[i].tier];
	return NULL;
}

const struct tier *usage_policy_default_tier(const struct usage_policy *p, enum budget_kind kind)
{
	return &p->tiers[p->defaults[kind == BUDGET_SPACE ? BUDGET_OWNER : kind]];
}

bool account_kind(const char *account, enum budget_kind *ret)
{
	for (int i = 0; i < BUDGETS; i++) {
		size_t k = strlen(usage_policy_budget_names[i]);

		if (!strncmp(account, usage_policy_budget_names[i], k) && account[k] == ':' &&
			account[k + 1]) {
			*ret = (enum budget_kind)i;
			return true;
		}
	}
	return false;
}

/* --- without a file --- */

static int set_one(int64_t day_sec[BUDGETS_DEFAULT], const char *text, size_t n)
{
	for (int i = 0; i < BUDGETS_DEFAULT; i++) {
		size_t k = strlen(usage_policy_budget_names[i]);
		unsigned long long sec;
		char *end;

		if (n <= k || strncmp(text, usage_policy_budget_names[i], k) != 0 || text[k] != '=')
			continue;
		sec = strtoull(text + k + 1, &end, 10);
		if (end != text + n || text[k + 1] < '0' || text[k + 1] > '9' ||
			sec > POLICY_DAY_SEC_MAX)
			return -EINVAL;
		day_sec[i] = (int64_t)sec;
		return 0;
	}
	return -EINVAL;
}

int usage_policy_usual(const char *quota, char ret[POLICY_USUAL_MAX], struct err *e)
{
	int64_t day_sec[BUDGETS_DEFAULT] = {
		[BUDGET_USER] = 4 * 3600, [BUDGET_OWNER] = 8 * 3600, [BUDGET_NETWORK] = 3600};

	for (const char *at = quota; *quota;) {
		size_t n = strcspn(at, ",");

		if (set_one(day_sec, at, n) < 0)
			return err_set(e, -EINVAL,
				"--quota: takes seconds of compute a day, like "
				"user=14400,owner=28800,network=3600 (got '%.60s')",
				quota);
		if (!at[n])
			break;
		at += n + 1;
	}
	(void)snprintf(ret, POLICY_USUAL_MAX,
		"# Nothing has been applied: the usual tiers, with the seconds of --quota.\n"
		"tiers:\n"
		"  user:    {seconds: %lld}\n"
		"  owner:   {seconds: %lld}\n"
		"  network: {seconds: %lld}\n"
		"bind:\n"
		"  default: {user: user, owner: owner, network: network}\n",
		(long long)day_sec[BUDGET_USER], (long long)day_sec[BUDGET_OWNER],
		(long long)day_sec[BUDGET_NETWORK]);
	return 0;
}
