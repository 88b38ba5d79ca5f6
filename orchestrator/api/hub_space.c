/* REST: how a Space runs, as the hub's clients ask it: secrets, variables, runtime and what changes
 * it. */
#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/api/runtime.h"
#include "orchestrator/change.h"
#include "orchestrator/manage.h"
#include "orchestrator/rebuild.h"
#include "orchestrator/space/hardware.h"

#define SLEEP_SEC_MAX (366 * 86400)
#define AUDIT_MAX 200

/* --- secrets and variables --- */

static void add_setting(const struct setting *v, void *data)
{
	json_t *o =
		json_pack("{s:s, s:o}", "key", v->name, "updatedAt", json_time(v->updated_usec));

	if (v->value)
		(void)json_object_set_new(o, "value", json_words(v->value));
	if (*v->words)
		(void)json_object_set_new(o, "description", json_words(v->words));
	(void)json_object_set_new(data, v->name, o);
}

/* All of them, which is the answer to every change too. */
static void answer_settings(struct request *r, const struct space *space, enum setting_kind kind)
{
	json_t *all = json_object();
	struct err e = {0};
	int code = settings_each(r->world->store, space, kind, add_setting, all, &e);

	if (code < 0) {
		json_decref(all);
		request_fail(r, code, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, all);
}

static int read_setting(const json_t *o, struct setting *ret, struct err *e)
{
	int code = json_get_str(o, "key", SETTING_NAME_BYTES, &ret->name, e);

	if (code == 0)
		code = json_get_str(o, "value", SETTING_VALUE_BYTES, &ret->value, e);
	if (code == 0)
		code = json_opt_str(o, "description", SETTING_WORDS_BYTES, "", &ret->words, e);
	return code == -ENOENT ? -EINVAL : code;
}

static void list_settings(struct request *r, enum setting_kind kind)
{
	struct space space;

	if (request_space(r, &space) == 0)
		answer_settings(r, &space, kind);
}

static void set_setting(struct request *r, enum setting_kind kind)
{
	struct setting v;
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = read_setting(r->json, &v, &e);
	if (code == 0)
		code = manage_set(r->world, &space, kind, &v, r->who.user, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_settings(r, &space, kind);
}

static void remove_setting(struct request *r, enum setting_kind kind)
{
	struct space space;
	struct err e = {0};
	const char *name;
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = json_get_str(r->json, "key", SETTING_NAME_BYTES, &name, &e);
	if (code == -ENOENT)
		code = -EINVAL;
	if (code == 0)
		code = manage_remove(r->world, &space, kind, name, r->who.user, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_settings(r, &space, kind);
}

void handle_secret_list(struct request *r)
{
	list_settings(r, SETTING_SECRET);
}

void handle_secret_set(struct request *r)
{
	set_setting(r, SETTING_SECRET);
}

void handle_secret_remove(struct request *r)
{
	remove_setting(r, SETTING_SECRET);
}

void handle_variable_list(struct request *r)
{
	list_settings(r, SETTING_VARIABLE);
}

void handle_variable_set(struct request *r)
{
	set_setting(r, SETTING_VARIABLE);
}

void handle_variable_remove(struct request *r)
{
	remove_setting(r, SETTING_VARIABLE);
}

static int add_audit(const struct store_row *row, void *data)
{
	return json_array_append_new(data,
		       json_pack("{s:o, s:s, s:s, s:s, s:s}", "time", json_time(store_int(row, 0)),
			       "what", store_text(row, 1), "names", store_text(row, 2), "who",
			       store_text(row, 3), "why", store_text(row, 4))) < 0
		       ? -ENOMEM
		       : 0;
}

/* Who opened, set or removed secrets, newest first. */
void handle_secret_audit(struct request *r)
{
	json_t *list = json_array();
	struct space space;
	struct err e = {0};
	int code = request_space(r, &space);

	if (code == 0 && store_run(r->world->store, "secret_audit_list", add_audit, list, &e, "si",
				 space.id, (int64_t)AUDIT_MAX) >= 0) {
		request_json(r, MHD_HTTP_OK, list);
		return;
	}
	json_decref(list);
	if (code == 0)
		request_fail(r, e.code, &e);
}

/* --- fields of POST /api/repos/create --- */

static int take_list(struct request *r, struct space *space, const char *field,
	enum setting_kind kind, struct err *e)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(r->json, field), i, v)
	{
		struct setting new;
		int code = read_setting(v, &new, e);

		if (code == 0)
			code = manage_set(r->world, space, kind, &new, r->who.user, e);
		if (code < 0)
			return code;
	}
	return 0;
}

static int take_hardware(struct request *r, struct space *space, const char *field, struct err *e)
{
	const char *flavor;
	int64_t sleep;
	int code = json_opt_str(r->json, field, FLAVOR_MAX, NULL, &flavor, e);

	if (code == 0)
		code = json_opt_int(
			r->json, "sleepTimeSeconds", -1, SLEEP_SEC_MAX, INT64_MIN, &sleep, e);
	if (code == 0 && flavor)
		code = manage_hardware(r->world, space, flavor, e);
	if (code == 0 && sleep != INT64_MIN)
		code = manage_sleep(r->world, space, sleep < 0 ? 0 : sleep, e);
	return code;
}

int hub_space_take_settings(struct request *r, const char *space_id, struct err *e)
{
	struct space space;
	int code = space_by_id(r->world->store, space_id, &space, e);

	if (code == 0)
		code = take_list(r, &space, "secrets", SETTING_SECRET, e);
	if (code == 0)
		code = take_list(r, &space, "variables", SETTING_VARIABLE, e);
	return code < 0 ? code : take_hardware(r, &space, "hardware", e);
}

/* --- runtime --- */

static void answer_runtime(struct request *r, const struct space *space, int code, struct err *e)
{
	struct hub_repo repo;
	bool inside;
	json_t *o;

	if (code == 0)
		code = hub_by_id(r->world->store, space->id, &repo, e);
	inside = code == 0 && request_permit(r, ACTION_SEE_INSIDE, &repo, &(struct err){0}) == 0;
	o = code < 0 ? NULL : runtime_object(r->world, space->id, inside, e);
	if (o)
		request_json(r, MHD_HTTP_OK, o);
	else
		request_fail(r, e->code ? e->code : -ENOMEM, e);
}

void handle_runtime(struct request *r)
{
	struct space space;
	struct err e = {0};

	if (request_space(r, &space) == 0)
		answer_runtime(r, &space, 0, &e);
}

void handle_hardware_list(struct request *r)
{
	const struct usage_policy *p = accounts_peer_policy(r->world->accounts);
	json_t *list = hardware_list(&r->world->classes);

	for (size_t i = 0; list && i < p->n_flavours; i++) {
		const struct flavour *f = &p->flavours[i];

		if (!hardware_class(f->name)) /* those are there */
			(void)json_array_append_new(list,
				hardware_object(&r->world->classes, f->name, f->class, f->device));
	}
	request_json(r, MHD_HTTP_OK, list);
}

void handle_hardware(struct request *r)
{
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = json_object_get(r->json, "flavor") ? take_hardware(r, &space, "flavor", &e)
						  : err_set(&e, -EINVAL, "flavor: is missing");
	answer_runtime(r, &space, code, &e);
}

void handle_sleep_time(struct request *r)
{
	struct space space;
	struct err e = {0};
	int64_t seconds;
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = json_get_int(r->json, "seconds", -1, SLEEP_SEC_MAX, &seconds, &e);
	if (code == 0)
		code = manage_sleep(r->world, &space, seconds < 0 ? 0 : seconds, &e);
	else
		e.code = -EINVAL;
	answer_runtime(r, &space, code, &e);
}

/* A folder of pages has nothing that could be paused, which its clients expect to be told. */
static int check_is_no_folder(struct world *w, const struct space *space, struct err *e)
{
	CLEANUP(json_unrefp) json_t *o = runtime_object(w, space->id, false, e);
	const char *sdk = json_string_value(json_object_get(o, "sdk"));

	if (!o)
		return e->code;
	if (sdk && !strcmp(sdk, FRONT_MATTER_STATIC) && !space_serves_app(w->store, space))
		return err_set(e, -EINVAL, "a static Space has nothing that could be paused");
	return 0;
}

void handle_pause(struct request *r)
{
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = check_is_no_folder(r->world, &space, &e);
	if (code == 0)
		code = manage_pause(r->world, &space, true, &e);
	answer_runtime(r, &space, code, &e);
}

/* With factory=true the live commit is built anew; its workers start anew either way. */
void handle_restart(struct request *r)
{
	const char *factory = request_query(r, "factory");
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = manage_restart(r->world, &space, &e);
	if (code == 0 && factory && !strcmp(factory, "true"))
		code = rebuild_start(r->world, &space, &e);
	if (code == -ENOENT)
		code = 0; /* nothing has been pushed */
	answer_runtime(r, &space, code, &e);
}
