#include "orchestrator/api/look_up.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/api/routes.h"
#include "orchestrator/hub/lfs.h"

/* --- what comes back --- */

void look_up_add_commit(struct look_up *u, const struct reading_answer *a)
{
	const char *commit = json_string_value(json_object_get(a->head, "commit"));

	if (commit && *commit)
		request_add_header(u->request, "X-Repo-Commit", commit);
}

static void fail(struct look_up *u, const struct reading_answer *a)
{
	const char *code = json_string_value(json_object_get(a->head, "error"));
	const char *words = json_string_value(json_object_get(a->head, "words"));
	int why = (int)json_integer_value(json_object_get(a->head, "code"));
	struct err e = {0};

	if (!a->head) {
		request_fail(u->request, a->e->code, a->e);
		return;
	}
	/* These words are those that Hugging Face's clients know. */
	if (!strcmp(code, "RevisionNotFound"))
		request_hub_error(
			u->request, MHD_HTTP_NOT_FOUND, code, "Invalid rev id: %s", words);
	else if (!strcmp(code, "EntryNotFound"))
		request_hub_error(
			u->request, MHD_HTTP_NOT_FOUND, code, "Entry not found: %s", words);
	else if (why == -EFBIG)
		request_hub_error(
			u->request, MHD_HTTP_CONTENT_TOO_LARGE, NULL, "%s", words ? words : "");
	else
		request_fail(u->request, err_set(&e, why, "%s", words ? words : ""), &e);
	look_up_add_commit(u, a);
}

static void on_answer(struct reading_answer *a, void *data)
{
	struct look_up *u = data;

	u->reading = NULL;
	if (!u->or_done && (!a->head || json_object_get(a->head, "error")))
		fail(u, a);
	else
		u->done(u, a);
}

void look_up_done_json(struct look_up *u, struct reading_answer *a)
{
	request_answer_fd(
		u->request, MHD_HTTP_OK, "application/json; charset=utf-8", a->body, a->size);
	a->body = -1;
	look_up_add_commit(u, a);
}

int look_up_open_large(struct look_up *u, const json_t *lfs, struct err *e)
{
	const struct world *w = u->request->world;
	const char *oid = json_string_value(json_object_get(lfs, "oid"));
	json_int_t size = json_integer_value(json_object_get(lfs, "size"));
	struct pointer p = {.size = (uint64_t)size};

	if (!oid || size < 0)
		return err_set(e, -ENOENT, "there is no such file");
	(void)snprintf(p.oid, sizeof(p.oid), "%s", oid);
	return lfs_open(w->store, w->blobs, u->repo.id, &p, e);
}

/* --- asking --- */

static void on_end(struct request *r)
{
	struct look_up *u = r->state;

	const json_t *body = json_object_get(u->later, "body");

	reading_cancel(u->reading);
	if (body && json_integer_value(body) >= 0)
		close((int)json_integer_value(body));
	json_decref(u->later);
	free(u);
	r->state = NULL;
}

void look_up_again(struct look_up *u, const struct look_up_plan *plan)
{
	struct request *r = u->request;
	char path[REPO_PATH_MAX];
	struct reading_plan reading = {.repo = path,
		.args = plan->args,
		.heavy = plan->heavy,
		.content = plan->content,
		.input = plan->input};
	struct err e = {0};
	json_t *rest;
	int code;

	if (r->rest_n && plan->args && !json_object_get(plan->args, "rest")) {
		rest = json_stringn(r->rest, r->rest_n);
		(void)json_object_set_new(plan->args, "rest", rest ? rest : json_string(""));
	}
	u->done = plan->done;
	u->or_done = plan->or_done;
	repo_path(&r->world->repos, u->repo.id, path);
	if (!repo_exists(path))
		repo_empty_path(&r->world->repos, path);
	code = readers_ask(r->world->readers, &reading, on_answer, u, &u->reading, &e);
	if (code < 0)
		request_fail(r, code, &e);
}

void look_up(struct request *r, const struct hub_repo *repo, const struct look_up_plan *plan)
{
	struct look_up *u = calloc(1, sizeof(*u));
	struct err e = {0};

	if (!u) {
		json_decref(plan->args);
		request_fail(r, err_set(&e, -ENOMEM, "out of memory"), &e);
		return;
	}
	u->request = r;
	u->repo = *repo;
	r->state = u;
	r->on_end = on_end;
	look_up_again(u, plan);
}
