#include "orchestrator/usage/tiers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct whose {
	char owner[ACCOUNT_MAX + 1], name[BIND_NAME_LEN + 1]; /* owner; owner/name */
};

static int take_space(const struct store_row *row, void *data)
{
	struct whose *w = data;

	(void)snprintf(w->owner, sizeof(w->owner), "%s", store_text(row, 0));
	(void)snprintf(w->name, sizeof(w->name), "%s/%s", store_text(row, 0), store_text(row, 1));
	return 1;
}

static int find_space(struct store *s, const char *id, struct whose *ret, struct err *e)
{
	int r = store_run(s, "usage_space", take_space, ret, e, "s", id);

	return r > 0 ? 0 : r < 0 ? r : err_set(e, -ENOENT, "there is no such Space");
}

int tiers_account_of(struct store *s, const struct usage_policy *p, const char *payer,
	char ret[ACCOUNT_MAX + 1], struct err *e)
{
	enum budget_kind kind;
	struct whose w;
	int r;

	if (!account_kind(payer, &kind) || kind == BUDGET_OWNER || strlen(payer) > ACCOUNT_MAX)
		return err_set(e, -ENOENT, "nobody pays as that");
	if (kind != BUDGET_SPACE) {
		(void)snprintf(ret, ACCOUNT_MAX + 1, "%.*s", (int)strcspn(payer, "@"), payer);
		return 0;
	}
	r = find_space(s, strchr(payer, ':') + 1, &w, e);
	if (r < 0)
		return r;
	if (usage_policy_bound(p, BIND_SPACE, w.name))
		(void)snprintf(ret, ACCOUNT_MAX + 1, "%s", payer);
	else
		(void)snprintf(ret, ACCOUNT_MAX + 1, "owner:%.57s", w.owner);
	return 0;
}

struct best {
	const struct usage_policy *policy;
	const struct tier *tier;
};

static int take_organisation(const struct store_row *row, void *data)
{
	struct best *b = data;
	const struct tier *t = usage_policy_bound(b->policy, BIND_ORGANISATION, store_text(row, 0));

	if (t && (!b->tier || t->day_sec > b->tier->day_sec))
		b->tier = t;
	return 0;
}

static int tier_of_user(struct store *s, const struct usage_policy *p, const char *name,
	const struct tier **ret, struct err *e)
{
	struct best best = {p, usage_policy_bound(p, BIND_USER, name)};
	int r = 0;

	if (!best.tier)
		r = store_run(s, "tier_organisations", take_organisation, &best, e, "s", name);
	*ret = best.tier;
	return r < 0 ? r : 0;
}

int tiers_of(struct store *s, const struct usage_policy *p, const char *payer, const char *account,
	const struct tier **ret, struct err *e)
{
	const char *name = strchr(account, ':'), *class = strchr(payer, '@');
	const struct tier *t = NULL;
	enum budget_kind kind;
	struct whose w;
	int r = 0;

	if (!account_kind(account, &kind))
		return err_set(e, -EINVAL, "account: '%.40s' is none", account);
	name++;
	if (kind == BUDGET_USER)
		r = tier_of_user(s, p, name, &t, e);
	else if (kind == BUDGET_OWNER)
		t = usage_policy_bound(p, BIND_OWNER, name);
	else if (kind == BUDGET_NETWORK && class)
		t = usage_policy_tier(p, class + 1);
	else if (kind == BUDGET_SPACE && find_space(s, name, &w, e) == 0)
		t = usage_policy_bound(p, BIND_SPACE, w.name);
	if (r == 0)
		*ret = t ? t : usage_policy_default_tier(p, kind);
	return r;
}
