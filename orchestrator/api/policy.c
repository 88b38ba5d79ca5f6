/* REST: the policy, what another one would change, and credits. For administrators. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/api/tier.h"
#include "orchestrator/moves.h"
#include "orchestrator/peers/accounts.h"
#include "orchestrator/usage/credits.h"
#include "orchestrator/usage/flavours.h"
#include "orchestrator/usage/policies.h"
#include "orchestrator/usage/policy_file.h"

#define HISTORY_MAX 200
#define PLAN_ROWS_MAX 1000

json_t *tier_object(const struct tier *t)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", t->name, "secondsPerDay",
		(json_int_t)t->day_sec, "weight", (json_int_t)t->weight, "concurrent",
		(json_int_t)t->concurrent, "secondsPerCall", (json_int_t)t->call_sec, "memoryMib",
		(json_int_t)t->memory_mib);
}

/* --- showing --- */

static int take_version(const struct store_row *row, void *data)
{
	json_t *o = data;

	(void)json_object_set_new(o, "version", json_integer(store_int(row, 0)));
	(void)json_object_set_new(o, "time", json_time(store_int(row, 1)));
	(void)json_object_set_new(o, "by", json_words(store_text(row, 2)));
	(void)json_object_set_new(o, "reason", json_words(store_text(row, 3)));
	return 1;
}

static int take_text(const struct store_row *row, void *data)
{
	(void)take_version(row, data);
	(void)json_object_set_new(data, "text", json_words(store_text(row, 4)));
	return 1;
}

static int take_history(const struct store_row *row, void *data)
{
	json_t *o = json_object();

	(void)take_version(row, o);
	return json_array_append_new(data, o);
}

/* ?version=N; without it the one that counts. */
void handle_policy(struct request *r)
{
	const char *version = request_query(r, "version");
	char text[POLICY_USUAL_MAX];
	json_t *o = json_object();
	struct err e = {0};
	int n;

	if (version)
		n = store_run(r->world->store, "policy_get", take_text, o, &e, "i",
			(int64_t)strtoll(version, NULL, 10));
	else
		n = store_run(r->world->store, "policy_last", take_text, o, &e, "");
	if (n == 0 && version)
		n = err_set(&e, -ENOENT, "there is no such version of the policy");
	if (n == 0) {
		n = usage_policy_usual(accounts_peer_quota(r->world->accounts), text, &e);
		(void)json_object_set_new(o, "version", json_integer(0));
		(void)json_object_set_new(o, "text", json_string(text));
	}
	if (n < 0) {
		json_decref(o);
		request_fail(r, n, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, o);
}

void handle_policy_history(struct request *r)
{
	json_t *list = json_array();
	struct err e = {0};
	int n = store_run(
		r->world->store, "policy_list", take_history, list, &e, "i", (int64_t)HISTORY_MAX);

	if (n < 0) {
		json_decref(list);
		request_fail(r, n, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, list);
}

/* --- what would change --- */

/* A tier, and the pool that it is in: "" is what no pool was given. */
static json_t *side_object(const struct usage_policy *p, const struct tier *t)
{
	json_t *o = tier_object(t);
	bool borrows = t->pool == POLICY_NONE || p->pools[t->pool].borrow;

	(void)json_object_set_new(o, "pool", json_string(usage_policy_pool(p, t->pool)));
	(void)json_object_set_new(o, "poolPercent", json_integer(usage_policy_percent(p, t->pool)));
	(void)json_object_set_new(o, "poolBorrows", json_boolean(borrows));
	return o;
}

struct told {
	json_t *rows;
	size_t gains, loses, mixed, same, over;
};

static void take_row(const struct plan_row *row, void *data)
{
	static const char *const words[] = {[PLAN_SAME] = "same",
		[PLAN_GAINS] = "gains",
		[PLAN_LOSES] = "loses",
		[PLAN_MIXED] = "mixed"};
	struct told *t = data;

	t->gains += row->change == PLAN_GAINS;
	t->loses += row->change == PLAN_LOSES;
	t->mixed += row->change == PLAN_MIXED;
	t->same += row->change == PLAN_SAME;
	t->over += row->over;
	if (row->change == PLAN_SAME || json_array_size(t->rows) == PLAN_ROWS_MAX)
		return;
	(void)json_array_append_new(t->rows,
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:b}", "account", json_words(row->account),
			"change", words[row->change], "from", side_object(row->before, row->from),
			"to", side_object(row->after, row->to), "secondsUsed",
			json_real((double)row->used_nsec / 1e9), "over", row->over));
}

static bool is_there(const json_t *devices, const char *name)
{
	const json_t *d;
	size_t i;

	json_array_foreach(devices, i, d)
	{
		if (!strcmp(json_string_value(json_object_get(d, "name")), name))
			return true;
	}
	return false;
}

/* Devices are known once inference has told of them; until then any name may be right. */
static int check_devices(struct request *r, const struct usage_policy *p, struct err *e)
{
	uint64_t when;
	const json_t *devices =
		json_object_get(models_peer_top(r->world->models, &when), "devices");

	for (size_t i = 0; devices && i < p->n_flavours; i++) {
		const struct flavour *f = &p->flavours[i];

		if (f->device[0] && !is_there(devices, f->device))
			return err_set(e, -EINVAL,
				POLICY_FILE_NAME ":%d:%d: device: there is no '%s' here",
				f->place.line, f->place.column, f->device);
	}
	return 0;
}

/* Reads the text of the body, and checks it and its names. */
static int read_policy(
	struct request *r, const char **ret_text, struct usage_policy **ret, struct err *e)
{
	int n = r->json ? json_get_str(r->json, "text", POLICY_FILE_MAX, ret_text, e)
			: err_set(e, -EINVAL, "text: missing");

	if (n == 0)
		n = usage_policy_read(*ret_text, strlen(*ret_text), ret, e);
	if (n == 0)
		n = policies_check_names(r->world->store, *ret, e);
	return n < 0 ? n : check_devices(r, *ret, e);
}

static json_t *flavour_object(const struct space_flavour *f)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "name", f->name, "class", f->class, "pool",
		f->pool, "device", f->device);
}

static int take_move(const struct flavour_move *m, void *data)
{
	json_t *moves = data;

	if (json_array_size(moves) == PLAN_ROWS_MAX)
		return 1;
	return json_array_append_new(
		moves, json_pack("{s:o, s:o, s:o}", "space",
			       json_sprintf("%s/%s", m->space->owner, m->space->name), "from",
			       flavour_object(&m->from), "to", flavour_object(&m->to)));
}

static json_t *plan(struct request *r, const struct usage_policy *fresh, struct err *e)
{
	struct told t = {.rows = json_array()};
	json_t *moves = json_array();
	int n = policies_plan(r->world->store, accounts_peer_policy(r->world->accounts), fresh,
		clock_wall_usec(), take_row, &t, e);

	if (n >= 0)
		n = flavours_compare(r->world->store, accounts_peer_policy(r->world->accounts),
			fresh, take_move, moves, e);
	if (n < 0) {
		json_decref(t.rows);
		json_decref(moves);
		return NULL;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "version",
		(json_int_t)accounts_peer_version(r->world->accounts), "tiers",
		(json_int_t)fresh->n_tiers, "pools", (json_int_t)fresh->n_pools, "flavours",
		(json_int_t)fresh->n_flavours, "gains", (json_int_t)t.gains, "loses",
		(json_int_t)t.loses, "mixed", (json_int_t)t.mixed, "same", (json_int_t)t.same,
		"over", (json_int_t)t.over, "rows", t.rows, "moves", moves);
}

void handle_policy_plan(struct request *r)
{
	CLEANUP(usage_policy_freep) struct usage_policy *fresh = NULL;
	struct err e = {0};
	const char *text;
	int n = read_policy(r, &text, &fresh, &e);
	json_t *o = n < 0 ? NULL : plan(r, fresh, &e);

	if (o)
		request_json(r, MHD_HTTP_OK, o);
	else
		request_fail(r, n < 0 ? n : e.code, &e);
}

/* --- applying --- */

static int add_id(const struct flavour_move *m, void *data)
{
	return strcmp(m->from.class, m->to.class) != 0
		       ? json_array_append_new(data, json_string(m->id))
		       : 0;
}

/* The policy, and a new start for those whose boxes are of another size from now on. */
static int keep(struct request *r, int64_t version, const char *text, const char *why,
	const json_t *moved, struct err *e)
{
	struct store *s = r->world->store;
	int n = store_begin(s, e);

	if (n == 0)
		n = policies_put(s, version, text, r->who.user, why, clock_wall_usec(), e);
	if (n == 0)
		n = moves_keep(s, moved, e);
	if (n == 0)
		n = store_commit(s, e);
	store_rollback(s);
	return n;
}

static int apply(struct request *r, const char *text, const json_t *moved, struct err *e)
{
	struct accounts_peer *accounts = r->world->accounts;
	const char *why;
	int64_t version;
	int n = json_get_str(r->json, "reason", POLICY_WHY_MAX, &why, e);

	if (n == 0 && !why[0])
		n = err_set(e, -EINVAL, "reason: must say why");
	if (n == 0)
		n = json_opt_int(r->json, "version", 0, INT64_MAX, accounts_peer_version(accounts),
			&version, e);
	if (n == 0 && version != accounts_peer_version(accounts))
		n = err_set(e, -EEXIST,
			"version: %lld is not the one that counts, %lld is; look at what has "
			"changed",
			(long long)version, (long long)accounts_peer_version(accounts));
	if (n == 0)
		n = keep(r, version, text, why, moved, e);
	if (n == 0)
		n = accounts_peer_reload(accounts, e);
	if (n < 0)
		return n;
	edge_peer_networks(r->world->edge, accounts_peer_networks(accounts));
	moves_tell(r->world->moves, moved);
	log_info("policy %lld applied by %s: %s", (long long)accounts_peer_version(accounts),
		r->who.user, why);
	return 0;
}

void handle_policy_apply(struct request *r)
{
	CLEANUP(usage_policy_freep) struct usage_policy *fresh = NULL;
	struct err e = {0};
	const char *text;
	CLEANUP(json_unrefp) json_t *moved = json_array();
	json_t *o = NULL;
	int n = read_policy(r, &text, &fresh, &e);

	if (n == 0) { /* both against the one that stands until now */
		o = plan(r, fresh, &e);
		n = o ? flavours_compare(r->world->store, accounts_peer_policy(r->world->accounts),
				fresh, add_id, moved, &e)
		      : e.code;
	}
	if (n == 0)
		n = apply(r, text, moved, &e);
	if (n < 0) {
		json_decref(o);
		request_fail(r, n, &e);
		return;
	}
	(void)json_object_set_new(
		o, "version", json_integer(accounts_peer_version(r->world->accounts)));
	request_json(r, MHD_HTTP_OK, o);
}

/* --- credits --- */

/* "user:NAME" or "owner:NAME", of somebody who is there. */
static int check_account(struct request *r, const char *account, struct err *e)
{
	const char *name = strchr(account, ':');
	enum budget_kind kind;
	int n;

	if (!account_kind(account, &kind) || (kind != BUDGET_USER && kind != BUDGET_OWNER))
		return err_set(e, -EINVAL, "account: must be user:NAME or owner:NAME");
	n = store_run(r->world->store, "policy_has_user", NULL, NULL, e, "s", name + 1);
	if (n == 0 && kind == BUDGET_OWNER)
		n = store_run(
			r->world->store, "policy_has_organisation", NULL, NULL, e, "s", name + 1);
	return n > 0   ? 0
	       : n < 0 ? n
		       : err_set(e, -ENOENT, "there is nobody called '%.40s'", name + 1);
}

void handle_credit(struct request *r)
{
	uint64_t now = clock_wall_usec();
	struct credit c = {.who = r->who.user};
	struct err e = {0};
	int64_t sec = 0, days = 0;
	int n = json_get_str(r->json, "account", ACCOUNT_MAX, &c.account, &e);

	if (n == 0)
		n = json_get_int(r->json, "seconds", 1, CREDIT_SEC_MAX, &sec, &e);
	if (n == 0)
		n = json_get_str(r->json, "reason", CREDIT_WHY_MAX, &c.why, &e);
	if (n == 0 && !c.why[0])
		n = err_set(&e, -EINVAL, "reason: must say why");
	if (n == 0)
		n = json_opt_int(r->json, "expiresInDays", 1, 3650, 0, &days, &e);
	if (n == 0)
		n = check_account(r, c.account, &e);
	c.nsec = (uint64_t)sec * 1000000000;
	c.expires_usec = days ? now + (uint64_t)days * WINDOW_USEC : 0;
	if (n == 0)
		n = credit_give(r->world->store, &c, now, &e);
	if (n < 0) {
		request_fail(r, n, &e);
		return;
	}
	log_info("%s gives %s %lld s: %s", c.who, c.account, (long long)sec, c.why);
	accounts_peer_renew(r->world->accounts);
	request_json(r, MHD_HTTP_CREATED,
		json_pack("{s:s, s:I}", "account", c.account, "seconds", (json_int_t)sec));
}
