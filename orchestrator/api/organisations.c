/* REST: organisations, their members, and what everybody sees of an owner. */
#include "orchestrator/people/organisations.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"

#define MEMBERS_SHOWN 1000

static int append_membership(const struct store_row *row, void *data)
{
	const char *name = store_text(row, 0), *fullname = store_text(row, 2);
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:n, s:s, s:b, s:s}", "type", "org", "id", name,
		"name", name, "fullname", json_words(*fullname ? fullname : name), "email",
		"avatarUrl", "", "isEnterprise", 0, "roleInOrg",
		role_name((enum role)store_int(row, 1)));

	return json_array_append_new(data, o) < 0 ? -ENOMEM : 0;
}

json_t *organisations_of(struct request *r, const char *user_id)
{
	json_t *list = json_array();

	if (store_run(r->world->store, "memberships", append_membership, list, &(struct err){0},
		    "si", user_id, (int64_t)MEMBERSHIPS_MAX) < 0)
		(void)json_array_clear(list);
	return list;
}

/* --- what everybody sees --- */

static int add_count(const struct store_row *row, void *data)
{
	static const char *const keys[REPO_KINDS] = {[REPO_SPACE] = "numSpaces",
		[REPO_MODEL] = "numModels",
		[REPO_DATASET] = "numDatasets"};

	if (store_int(row, 0) >= REPO_KINDS)
		return 0;
	return json_object_set_new(data, keys[store_int(row, 0)], json_integer(store_int(row, 1))) <
			       0
		       ? -ENOMEM
		       : 0;
}

static void add_counts(struct request *r, json_t *o)
{
	(void)json_object_update_new(o, json_pack("{s:i, s:i, s:i, s:s}", "numSpaces", 0,
						"numModels", 0, "numDatasets", 0, "avatarUrl", ""));
	(void)store_run(
		r->world->store, "owner_counts", add_count, o, &(struct err){0}, "s", r->owner);
}

void handle_user_overview(struct request *r)
{
	struct identity who;
	struct err e = {0};
	int code = people_by_name(r->world->people, r->owner, &who, NULL, &e);
	json_t *o;

	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	o = json_pack("{s:s, s:s, s:s, s:b, s:o}", "type", "user", "user", who.user, "fullname",
		who.user, "isPro", 0, "orgs", organisations_of(r, who.user_id));
	add_counts(r, o);
	request_json(r, MHD_HTTP_OK, o);
}

static int read_organisation(const struct store_row *row, void *data)
{
	const char *name = store_text(row, 0), *fullname = store_text(row, 1);

	*(json_t **)data = json_pack("{s:s, s:s, s:o, s:o}", "type", "org", "name", name,
		"fullname", json_words(*fullname ? fullname : name), "createdAt",
		json_time(store_int(row, 2)));
	return 1;
}

/* The organisation of the path: 0, or answered. */
static int find(struct request *r, json_t **ret)
{
	struct err e = {0};
	int code = store_run(
		r->world->store, "organisation_get", read_organisation, ret, &e, "s", r->owner);

	if (code == 0)
		code = err_set(&e, -ENOENT, "there is no organisation '%s'", r->owner);
	if (code < 0)
		request_fail(r, code, &e);
	return code < 0 ? code : 0;
}

void handle_organisation(struct request *r)
{
	const char *mine = role_name(role_of(&r->who, &(struct about){.owner = r->owner}));
	json_t *o = NULL;

	if (find(r, &o) < 0)
		return;
	add_counts(r, o);
	(void)json_object_set_new(o, "roleInOrg", mine ? json_string(mine) : json_null());
	(void)json_object_set_new(o, "canLead",
		json_boolean(permit(&r->who, ACTION_LEAD, r->owner, &(struct err){0}) == 0));
	request_json(r, MHD_HTTP_OK, o);
}

static int append_member(const struct store_row *row, void *data)
{
	const char *name = store_text(row, 1);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "_id", store_text(row, 0),
		"user", name, "fullname", name, "type", "user", "avatarUrl", "", "isPro", 0, "role",
		role_name((enum role)store_int(row, 2)), "createdAt", json_time(store_int(row, 3)));

	return json_array_append_new(data, o) < 0 ? -ENOMEM : 0;
}

void handle_member_list(struct request *r)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	json_t *list;
	struct err e = {0};
	int code;

	if (find(r, &o) < 0)
		return;
	list = json_array();
	code = store_run(r->world->store, "member_list", append_member, list, &e, "si", r->owner,
		(int64_t)MEMBERS_SHOWN);
	if (code >= 0) {
		request_json(r, MHD_HTTP_OK, list);
		return;
	}
	json_decref(list);
	request_fail(r, code, &e);
}

/* --- changing --- */

/* {name, fullname?} */
void handle_organisation_add(struct request *r)
{
	const char *name, *fullname;
	struct err e = {0};
	int code = json_get_str(r->json, "name", OWNER_MAX, &name, &e);

	if (code == 0)
		code = json_opt_str(r->json, "fullname", FULLNAME_MAX, "", &fullname, &e);
	if (code < 0)
		code = -EINVAL;
	else
		code = organisation_add(r->world->store, name, fullname, &r->who, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_CREATED, json_pack("{s:s}", "name", name));
}

void handle_organisation_delete(struct request *r)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	struct err e = {0};
	int code;

	if (find(r, &o) < 0)
		return;
	code = permit(&r->who, ACTION_LEAD, r->owner, &e);
	if (code == 0)
		code = organisation_remove(r->world->store, r->owner, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_empty(r, MHD_HTTP_NO_CONTENT);
}

/* {role} */
void handle_member_set(struct request *r)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	struct identity member;
	const char *name;
	enum role role = ROLE_READ;
	struct err e = {0};
	int code;

	if (find(r, &o) < 0)
		return;
	code = permit(&r->who, ACTION_LEAD, r->owner, &e);
	if (code == 0 && (json_get_str(r->json, "role", 16, &name, &e) < 0 ||
				 role_find(name, &role, &e) < 0))
		code = -EINVAL;
	if (code == 0)
		code = people_by_name(r->world->people, r->name, &member, NULL, &e);
	if (code == 0)
		code = member_set(r->world->store, r->owner, &member, role, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(
			r, MHD_HTTP_OK, json_pack("{s:s, s:s}", "user", r->name, "role", name));
}

/* Whoever leads it, and everybody for themselves. */
void handle_member_remove(struct request *r)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	struct identity member;
	struct err e = {0};
	int code;

	if (find(r, &o) < 0)
		return;
	code = permit(&r->who, strcmp(r->name, r->who.user) != 0 ? ACTION_LEAD : ACTION_CHANGE_SELF,
		r->owner, &e);
	if (code == 0)
		code = people_by_name(r->world->people, r->name, &member, NULL, &e);
	if (code == 0)
		code = member_remove(r->world->store, r->owner, &member, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_empty(r, MHD_HTTP_NO_CONTENT);
}
