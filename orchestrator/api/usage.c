/* REST: what models have cost whoever asks, and for administrators what they have cost everybody.
 */
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/api/tier.h"
#include "orchestrator/peers/accounts.h"
#include "orchestrator/usage/rollup.h"
#include "orchestrator/usage/usage.h"

#define DAYS_USUAL 1
#define GROUPS_MAX 100
#define CALLS_MAX 200
#define CREDITS_MAX 100

struct view {
	int64_t since_usec, since_day;                      /* calls, and sums of days */
	bool all;                                           /* everybody's */
	char user[ACCOUNT_MAX + 1], owner[ACCOUNT_MAX + 1]; /* accounts */
	json_t *list;
	const char *name; /* of what is grouped by */
};

static json_t *seconds(int64_t nsec)
{
	return json_real((double)nsec / 1e9);
}

static int add_group(const struct store_row *row, void *data)
{
	struct view *v = data;

	(void)json_array_append_new(v->list,
		json_pack("{s:o, s:I, s:o, s:I, s:I}", v->name, json_words(store_text(row, 0)),
			"calls", (json_int_t)store_int(row, 1), "deviceSeconds",
			seconds(store_int(row, 2)), "tokensIn", (json_int_t)store_int(row, 3),
			"tokensOut", (json_int_t)store_int(row, 4)));
	return 0;
}

static int add_call(const struct store_row *row, void *data)
{
	struct view *v = data;
	static const char *const texts[] = {
		[1] = "account", [2] = "space", [3] = "model", [4] = "task", [5] = "outcome"};
	json_t *o = json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "time",
		json_time(store_int(row, 0)), "deviceSeconds", seconds(store_int(row, 6)),
		"queueSeconds", seconds(store_int(row, 7) * 1000), "tokensIn",
		(json_int_t)store_int(row, 8), "tokensCached", (json_int_t)store_int(row, 9),
		"tokensOut", (json_int_t)store_int(row, 10), "session",
		(json_int_t)store_int(row, 11), "event", (json_int_t)store_int(row, 12));

	for (int i = 1; i <= 5; i++)
		(void)json_object_set_new(o, texts[i], json_words(store_text(row, i)));
	(void)json_object_set_new(o, "commit", json_words(store_text(row, 13)));
	(void)json_object_set_new(o, "device", json_words(store_text(row, 14)));
	(void)json_array_append_new(v->list, o);
	return 0;
}

static int add_credit(const struct store_row *row, void *data)
{
	int64_t expires = store_int(row, 4);

	return json_array_append_new(data,
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", seconds(store_int(row, 1)),
			"usedSeconds", seconds(store_int(row, 2)), "time",
			json_time(store_int(row, 3)), "expires",
			expires ? json_time(expires) : json_null(), "by",
			json_words(store_text(row, 5)), "reason", json_words(store_text(row, 6))));
}

static int add_budget(struct request *r, const char *account, json_t *list, struct err *e)
{
	uint64_t now = clock_wall_usec();
	struct world *w = r->world;
	char refusal[BUDGET_WORDS_MAX], returns[BUDGET_WORDS_MAX];
	json_t *credits = json_array();
	const struct tier *t;
	struct budget b;
	int n = usage_budget(
		w->store, accounts_peer_policy(w->accounts), "", account, now, &b, &t, e);

	if (n == 0)
		n = store_run(w->store, "credits_of", add_credit, credits, e, "si", account,
			(int64_t)CREDITS_MAX);
	if (n < 0) {
		json_decref(credits);
		return n;
	}
	budget_refusal(&b, now, refusal);
	budget_returns(&b, now, returns);
	return json_array_append_new(list,
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s*, s:s*, s:o}", "account",
			account, "tier", tier_object(t), "secondsPerDay",
			seconds((int64_t)b.day_nsec), "secondsUsed", seconds((int64_t)b.used_nsec),
			"secondsLeft", seconds((int64_t)budget_left_nsec(&b)), "creditSeconds",
			seconds((int64_t)b.credit_nsec), "credits", credits, "refusal",
			refusal[0] ? refusal : NULL, "returns", returns[0] ? returns : NULL, "full",
			json_time((int64_t)budget_full_usec(&b, now))));
}

static int list_groups(struct store *s, struct view *v, const char *name, struct err *e)
{
	char statement[32];

	v->name = name;
	v->list = json_array();
	(void)snprintf(
		statement, sizeof(statement), v->all ? "usage_all by %s" : "usage_of by %s", name);
	return v->all ? store_run(s, statement, add_group, v, e, "iii", v->since_usec, v->since_day,
				(int64_t)GROUPS_MAX)
		      : store_run(s, statement, add_group, v, e, "iiiss", v->since_usec,
				v->since_day, (int64_t)GROUPS_MAX, v->user, v->owner);
}

static int list_calls(struct store *s, struct view *v, struct err *e)
{
	v->list = json_array();
	return v->all ? store_run(s, "usage_calls_all", add_call, v, e, "ii", v->since_usec,
				(int64_t)CALLS_MAX)
		      : store_run(s, "usage_calls_of", add_call, v, e, "iiss", v->since_usec,
				(int64_t)CALLS_MAX, v->user, v->owner);
}

static int list_budgets(struct request *r, struct view *v, struct err *e)
{
	int n;

	v->list = json_array();
	n = add_budget(r, v->user, v->list, e);
	return n < 0 ? n : add_budget(r, v->owner, v->list, e);
}

static int fill(struct request *r, struct view *v, json_t *o, struct err *e)
{
	struct store *s = r->world->store;
	int n = list_groups(s, v, "space", e);

	(void)json_object_set_new(o, "spaces", v->list);
	if (n >= 0) {
		n = list_groups(s, v, "model", e);
		(void)json_object_set_new(o, "models", v->list);
	}
	if (n >= 0) {
		n = list_calls(s, v, e);
		(void)json_object_set_new(o, "calls", v->list);
	}
	if (n < 0)
		return n;
	n = v->all ? list_groups(s, v, "account", e) : list_budgets(r, v, e);
	(void)json_object_set_new(o, v->all ? "accounts" : "budgets", v->list);
	return n;
}

void handle_usage(struct request *r)
{
	const char *all = request_query(r, "all"), *text = request_query(r, "days");
	CLEANUP(json_unrefp) json_t *o = json_object();
	unsigned int days = DAYS_USUAL;
	struct view v = {.all = all != NULL};
	struct err e = {0};
	char rest;

	if (v.all && !r->who.admin) {
		request_error(r, MHD_HTTP_FORBIDDEN, "all", "only administrators see everybody's");
		return;
	}
	if (text &&
		(sscanf(text, "%u%c", &days, &rest) != 1 || days < 1 || days > ROLLUP_KEEP_DAYS)) {
		request_error(r, MHD_HTTP_BAD_REQUEST, "days", "must be 1 to %d", ROLLUP_KEEP_DAYS);
		return;
	}
	v.since_usec = (int64_t)rollup_since_usec(clock_wall_usec(), days);
	v.since_day = rollup_first_day((uint64_t)v.since_usec);
	(void)snprintf(v.user, sizeof(v.user), "user:%s", r->who.user);
	(void)snprintf(v.owner, sizeof(v.owner), "owner:%s", r->who.user);
	(void)json_object_set_new(o, "days", json_integer(days));
	if (fill(r, &v, o, &e) < 0)
		request_fail(r, e.code, &e);
	else
		request_json(r, MHD_HTTP_OK, json_incref(o));
}
