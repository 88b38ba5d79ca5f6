/*
 * REST: a repo made of another one. The request waits, parked, while git copies; a client that
 * hangs up before its end gets nothing made.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/hub_repos.h"
#include "orchestrator/duplicate.h"
#include "orchestrator/hub/takedown.h"

struct waiting {
	struct request *request;     /* borrowed */
	struct duplicate *duplicate; /* owned; NULL once it is over */
	struct hub_repo repo;
};

static void end_waiting(struct request *r)
{
	struct waiting *x = r->state;

	if (x->duplicate)
		duplicate_cancel(x->duplicate);
	free(x);
	r->state = NULL;
}

/* 0; otherwise answered. */
static int answer_if_taken(struct request *r, const struct hub_repo *repo)
{
	struct hub_repo other;

	if (hub_by_name(r->world->store, repo->kind, repo->owner, repo->name, &other,
		    &(struct err){0}) < 0)
		return 0;
	repo_answer_taken(r, &other);
	return -EEXIST;
}

static void answer_failure(struct request *r, const struct hub_repo *repo, int code, struct err *e)
{
	if (code == STORE_CONFLICT && answer_if_taken(r, repo) < 0)
		return;
	request_fail(r, code == -EDQUOT ? -ENOSPC : code, e);
}

static void on_done(int code, const struct err *why, void *data)
{
	struct waiting *x = data;
	struct request *r = x->request;
	struct err e = *why;
	char url[512];

	x->duplicate = NULL;
	if (code == 0 && x->repo.kind == REPO_SPACE)
		code = repo_finish_space(r, &x->repo, &e);
	if (code < 0) {
		answer_failure(r, &x->repo, code, &e);
		return;
	}
	log_info("%s=%s/%s is made of another", hub_kind_name(x->repo.kind), x->repo.owner,
		x->repo.name);
	repo_write_url(r, &x->repo, url);
	request_json(r, MHD_HTTP_OK, json_pack("{s:s}", "url", url));
}

static int take_new(
	struct request *r, const struct hub_repo *from, struct hub_repo *ret, struct err *e)
{
	struct named named = {.kind = from->kind};
	bool private = from->private;
	const char *text;
	int code = json_get_str(r->json, "repository", WORD_MAX, &text, e);

	if (code == -ENOENT)
		code = -EINVAL;
	if (code == 0)
		code = named_split(text, r->who.user, &named, e);
	if (code == 0)
		code = repo_may_make(r, &named, e);
	if (code == 0)
		code = repo_take_private(r->json, &private, e);
	if (code < 0)
		return code;
	hub_prepare(ret, named.kind, named.owner, named.name, private);
	return 0;
}

/* Its owner would have another one that is public. */
static int check_taken_down(struct request *r, const struct hub_repo *from, struct err *e)
{
	struct takedown t;
	int code = r->who.admin ? 0 : takedown_get(r->world->store, from->id, &t, e);

	return code > 0 ? err_set(e, -EPERM, "taken down by an administrator: %s", t.reason) : code;
}

/* Whoever may not see a Space's variables where they are does not get to see them in a copy. */
static int start(struct request *r, const struct hub_repo *from, struct waiting *x, struct err *e)
{
	const struct duplicate_plan plan = {.from = from,
		.to = &x->repo,
		.variables = from->kind == REPO_SPACE &&
			     request_permit(r, ACTION_SEE_SETTINGS, from, &(struct err){0}) == 0};

	return duplicate_start(r->world, &plan, on_done, x, &x->duplicate, e);
}

void handle_repo_duplicate(struct request *r)
{
	struct hub_repo from;
	struct waiting *x;
	struct err e = {0};
	int code;

	if (request_repo(r, ACTION_READ, &from) < 0)
		return;
	x = calloc(1, sizeof(*x));
	if (!x) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return;
	}
	x->request = r;
	r->state = x;
	r->on_end = end_waiting;
	code = check_taken_down(r, &from, &e);
	if (code == 0)
		code = take_new(r, &from, &x->repo, &e);
	if (code == 0 && answer_if_taken(r, &x->repo) < 0)
		return;
	if (code == 0)
		code = start(r, &from, x, &e);
	if (code < 0)
		answer_failure(r, &x->repo, code, &e);
}
