/* REST: Spaces and their builds. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/api/runtime.h"
#include "orchestrator/live.h"
#include "orchestrator/notes.h"

#define BUILDS_MAX 100
#define SEARCH_MAX 100

/* Columns as in space_one and space_list. */
static json_t *space_object(struct world *w, const struct store_row *row)
{
	const char *space = store_text(row, 0), *owner = store_text(row, 1),
		   *name = store_text(row, 2);
	const char *title = store_text(row, 4), *bundle = store_text(row, 6),
		   *commit = store_text(row, 7);
	struct activity a = edge_peer_activity(w->edge, space);
	char id[OWNER_MAX + SPACE_NAME_MAX + 2], url[512];
	json_t *o;

	(void)snprintf(id, sizeof(id), "%s/%s", owner, name);
	(void)snprintf(url, sizeof(url), "%s/spaces/%s", w->url, id);
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:I, s:o, s:s?, s:s?, s:s, s:b}", "id",
		id, "owner", owner, "name", name, "title", json_words(*title ? title : name),
		"emoji", json_words(store_text(row, 5)), "sdk",
		*bundle || !*commit ? "lua" : "static", "state",
		*bundle   ? a.phase
		: *commit ? "running"
			  : "empty",
		"sessions", (json_int_t)a.sessions, "updatedAt", json_time(store_int(row, 3)),
		"bundle", *bundle ? bundle : NULL, "commit", *commit ? commit : NULL, "url", url,
		"private", (int)(store_int(row, 8) != 0));
	return o;
}

struct list {
	struct request *request;
	json_t *json; /* owned by the handler */
};

static int append_space(const struct store_row *row, void *data)
{
	struct list *l = data;

	return json_array_append_new(l->json, space_object(l->request->world, row)) < 0 ? -ENOMEM
											: 0;
}

/* The search text as a LIKE pattern: %text%, with its own wildcards escaped, in lower case. */
static int make_pattern(const char *text, char ret[2 * SEARCH_MAX + 3])
{
	char *p = ret;

	if (strlen(text) > SEARCH_MAX)
		return -EINVAL;
	*p++ = '%';
	for (; *text; text++) {
		if (strchr("%_\\", *text))
			*p++ = '\\';
		*p++ = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
	}
	*p++ = '%';
	*p = '\0';
	return 0;
}

json_t *list_spaces(struct request *r, const char *search, int64_t limit, struct err *e)
{
	struct list l = {.request = r, .json = json_array()};
	char pattern[2 * SEARCH_MAX + 3];

	if (make_pattern(search, pattern) < 0) {
		(void)err_set(e, -EINVAL, "search: over the limit of %d bytes", SEARCH_MAX);
	} else if (store_run(r->world->store, "space_list", append_space, &l, e, "sisi", pattern,
			   limit, permit_viewer(&r->who), (int64_t)r->who.admin) >= 0) {
		return l.json;
	}
	json_decref(l.json);
	return NULL;
}

/* --- builds --- */

struct build_list {
	json_t *json;
	bool inside; /* failed builds and their words are for those who may see them */
};

static int append_build(const struct store_row *row, void *data)
{
	struct build_list *l = data;
	const char *id = store_text(row, 0), *bundle = store_text(row, 2),
		   *state = store_text(row, 3);
	const char *phases = store_text(row, 6);
	json_t *parsed = NULL;
	struct err e = {0};

	if (!l->inside && strcmp(state, "ready") != 0)
		return 0;
	if (!strcmp(id, store_text(row, 7)))
		state = "live";
	if (json_parse(phases, strlen(phases), 65536, &parsed, &e) < 0)
		parsed = json_array();
	return json_array_append_new(l->json,
		       json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:o}", "id", id, "commit",
			       store_text(row, 1), "bundle", *bundle ? bundle : NULL, "state",
			       state, "createdAt", json_time(store_int(row, 4)), "message",
			       json_words(store_text(row, 5)), "phases", parsed)) < 0
		       ? -ENOMEM
		       : 0;
}

static bool may(struct request *r, enum action action, const struct space *space)
{
	struct hub_repo repo;
	struct err e = {0};

	return hub_by_id(r->world->store, space->id, &repo, &e) == 0 &&
	       request_permit(r, action, &repo, &e) == 0;
}

static json_t *list_builds(struct request *r, const struct space *space, struct err *e)
{
	struct build_list l = {.json = json_array(), .inside = may(r, ACTION_SEE_INSIDE, space)};

	if (store_run(r->world->store, "build_list", append_build, &l, e, "si", space->id,
		    (int64_t)BUILDS_MAX) >= 0)
		return l.json;
	json_decref(l.json);
	return NULL;
}

void handle_build_list(struct request *r)
{
	struct space space;
	struct err e = {0};
	json_t *list;

	if (request_space(r, &space) < 0)
		return;
	list = list_builds(r, &space, &e);
	if (list)
		request_json(r, MHD_HTTP_OK, list);
	else
		request_fail(r, e.code, &e);
}

/* --- one Space --- */

static int read_object(const struct store_row *row, void *data)
{
	struct list *l = data;

	l->json = space_object(l->request->world, row);
	return 1;
}

json_t *space_describe(struct request *r, const struct space *space, struct err *e)
{
	struct list l = {.request = r};
	json_t *builds;

	if (store_run(r->world->store, "space_one", read_object, &l, e, "s", space->id) < 0 ||
		!l.json)
		return NULL;
	builds = list_builds(r, space, e);
	if (!builds) {
		json_decref(l.json);
		return NULL;
	}
	(void)json_object_set_new(l.json, "runtime",
		runtime_object(r->world, space->id, may(r, ACTION_SEE_INSIDE, space), e));
	(void)json_object_set_new(l.json, "epoch", json_integer(space->epoch));
	(void)json_object_set_new(l.json, "owned", json_boolean(may(r, ACTION_MANAGE, space)));
	(void)json_object_set_new(l.json, "builds", builds);
	return l.json;
}

void answer_space(struct request *r, const struct space *space)
{
	struct err e = {0};
	json_t *o = space_describe(r, space, &e);

	if (o)
		request_json(r, MHD_HTTP_OK, o);
	else
		request_fail(r, e.code ? e.code : -ENOMEM, &e);
}

void handle_space_delete(struct request *r)
{
	struct hub_repo repo;
	struct err e = {0};
	int code;

	if (request_repo(r, ACTION_MANAGE, &repo) < 0)
		return;
	code = live_delete(r->world, &repo, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_empty(r, MHD_HTTP_NO_CONTENT);
}

static int find_target(
	struct request *r, const struct space *space, struct build_row *ret, struct err *e)
{
	const char *id;
	int code = json_opt_str(r->json, "build", 64, NULL, &id, e);

	if (code < 0)
		return code;
	if (!id)
		return build_before_live(r->world->store, space, ret, e);
	code = build_by_id(r->world->store, id, ret, e);
	if (code < 0)
		return code;
	if (strcmp(ret->space_id, space->id) != 0)
		return err_set(e, -ENOENT, "there is no such build");
	if (strcmp(ret->state, "ready") != 0)
		return err_set(e, -EEXIST, "build: this one failed, it cannot be made live");
	return 0;
}

void handle_rollback(struct request *r)
{
	struct build_row build;
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = find_target(r, &space, &build, &e);
	if (code == 0 && build.bundle[0] && !blob_has(r->world->blobs, build.bundle))
		code = err_set(&e, -EEXIST, "the bundle of this build is not kept any more");
	if (code == 0 && strcmp(build.id, space.live_build) != 0) {
		code = live_set(r->world, &space, build.id, build.bundle, &e);
		if (code == 0)
			notes_tell_live(r->world, EVENT_ROLLBACK, &space, &build);
	}
	if (code == -ENOENT && !json_object_get(r->json, "build"))
		code = -EEXIST; /* nothing before the live one is no missing page */
	if (code < 0)
		request_fail(r, code, &e);
	else
		answer_space(r, &space);
}
