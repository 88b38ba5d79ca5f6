/* REST: the previews of a Space's branches, and a branch that becomes main. */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/api/runtime.h"
#include "orchestrator/previews.h"
#include "orchestrator/promote.h"

/* --- the list --- */

static json_t *describe(struct request *r, const struct preview *p)
{
	CLEANUP(json_unrefp)
	json_t *runtime = runtime_object(r->world, p->id, false, &(struct err){0});
	const char *stage = json_string_value(json_object_get(runtime, "stage"));
	const char *commit = json_string_value(json_object_get(runtime, "sha"));
	struct activity a = edge_peer_activity(r->world->edge, p->id);
	char id[OWNER_MAX + SPACE_NAME_MAX + 2], url[512];

	(void)snprintf(id, sizeof(id), "%s/%s", p->owner, p->name);
	(void)snprintf(url, sizeof(url), "%s/spaces/%s", request_base_url(r), id);
	return json_pack("{s:o, s:s, s:s, s:s?, s:s, s:I, s:o, s:o}", "branch",
		json_words(p->branch), "id", id, "url", url, "commit", commit, "stage",
		stage ? stage : "BUILDING", "sessions", (json_int_t)a.sessions, "pushedAt",
		json_time(p->pushed_usec), "endsAt",
		json_time(p->pushed_usec + (int64_t)PREVIEW_KEPT_USEC));
}

void handle_preview_list(struct request *r)
{
	struct preview all[PREVIEWS_MAX];
	struct space space;
	struct err e = {0};
	json_t *list;
	int n;

	if (request_space(r, &space) < 0)
		return;
	n = preview_list(r->world->store, space.id, all, PREVIEWS_MAX, &e);
	if (n < 0) {
		request_fail(r, n, &e);
		return;
	}
	list = json_array();
	for (int i = 0; i < n; i++)
		(void)json_array_append_new(list, describe(r, &all[i]));
	request_json(r, MHD_HTTP_OK, list);
}

/* --- one --- */

static int take_branch(struct request *r, const char **ret, struct err *e)
{
	return json_get_str(r->json, "branch", BRANCH_MAX, ret, e);
}

void handle_preview_end(struct request *r)
{
	const char *branch;
	struct preview p;
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = take_branch(r, &branch, &e);
	if (code == 0)
		code = preview_by_branch(r->world->store, space.id, branch, &p, &e);
	if (code == 0 && p.pending)
		code = err_set(
			&e, -EEXIST, "the preview of '%s' is being built; try again", branch);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	previews_end(r->world, p.id);
	request_empty(r, MHD_HTTP_NO_CONTENT);
}

/* --- a branch becomes main --- */

static void end_waiting(struct request *r)
{
	if (r->state)
		promote_cancel(r->state);
	r->state = NULL;
}

static void on_promoted(int code, const struct space *space, const struct err *e, void *data)
{
	struct request *r = data;

	r->state = NULL;
	if (code < 0)
		request_fail(r, code, e);
	else
		answer_space(r, space);
}

void handle_promote(struct request *r)
{
	struct promote *p = NULL;
	const char *branch;
	struct space space;
	struct err e = {0};
	int code;

	if (request_space(r, &space) < 0)
		return;
	code = take_branch(r, &branch, &e);
	if (code == 0)
		code = promote_start(r->world, &space, branch, on_promoted, r, &p, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	r->state = p;
	r->on_end = end_waiting;
}
