#include "orchestrator/promote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "orchestrator/fault.h"
#include "orchestrator/hub/note.h"
#include "orchestrator/live.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/refs.h"

#define MAIN "main"

struct promote {
	struct promote *next;
	struct world *world; /* borrowed */
	struct space space;  /* whose main moves */
	struct preview preview;
	char path[REPO_PATH_MAX];
	char from[COMMIT_HEX + 1], to[COMMIT_HEX + 1]; /* of main; from "": it is not there */
	struct git *git;                               /* owned; NULL: nothing is asked of it */
	struct source *soon;                           /* owned; deferred */
	promote_fn fn;                                 /* NULL: canceled */
	void *data;
};

static struct promote *running;

static void destroy(struct promote *p)
{
	for (struct promote **at = &running; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	(void)source_free(p->soon);
	free(p);
}

void promote_end_all(void)
{
	while (running)
		destroy(running);
}

/* --- moving --- */

static void note(struct promote *p)
{
	struct hub_repo repo;
	struct err e = {0};
	int r = hub_by_id(p->world->store, p->space.id, &repo, &e);

	if (r == 0)
		r = hub_note_push(p->world->store, p->path, &repo, &e);
	if (r < 0)
		log_warn("repo=%s/%s: lists do not know yet what it says: %s", p->space.owner,
			p->space.name, e.text);
}

static int move(struct promote *p, struct err *e)
{
	struct world *w = p->world;
	struct pending_build b;
	char id[ID_LEN + 1];
	int r = build_copy(w->store, p->preview.live_build, p->space.id, id, e);

	if (r < 0)
		return r;
	b = pending_of(&p->space, MAIN, p->to, id);
	fault_point("promote-pending");
	r = branch_advance(p->path, MAIN, p->from, p->to, e);
	if (r < 0) {
		if (build_drop_pending(w->store, b.id, &(struct err){0}) < 0)
			reconciler_wake(w->reconciler);
		return r == -ESTALE ? err_set(e, -EEXIST, "main has moved meanwhile; look again")
				    : r;
	}
	fault_point("promote-moved");
	if (live_settle(w, &b, true) == PENDING_WAITS)
		reconciler_wake(w->reconciler);
	note(p);
	log_info("space=%s/%s main is branch %s now", p->space.owner, p->space.name,
		p->preview.branch);
	return space_by_id(w->store, p->space.id, &p->space, e);
}

static void finish(struct promote *p, int code, struct err *e)
{
	promote_fn fn = p->fn;
	void *data = p->data;
	struct space space;

	if (code == 0)
		code = move(p, e);
	space = p->space;
	destroy(p);
	fn(code, &space, e, data);
}

/* --- asking git --- */

static void on_exit_of_git(int status, void *data)
{
	struct promote *p = data;
	struct err e = {0};
	int code = 0;

	if (!p->fn) {
		destroy(p);
		return;
	}
	git_free(TAKE_PTR(p->git));
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		code = err_set(&e, -EIO, "git cannot compare %s with main", p->preview.branch);
	else if (WEXITSTATUS(status) == 1)
		code = err_set(&e, -EEXIST,
			"main has commits that branch '%s' lacks; merge main into it, push it, and "
			"promote it then",
			p->preview.branch);
	finish(p, code, &e);
}

static void ignore(void *data)
{
	(void)data;
}

static const struct git_ops ops = {
	.on_output = ignore, .on_input = ignore, .on_exit = on_exit_of_git};

/* Nothing to compare with: a Space whose main was never pushed. */
static void on_soon(void *data)
{
	struct promote *p = data;
	struct err e = {0};

	p->soon = NULL;
	finish(p, 0, &e);
}

static int ask_git(struct promote *p, struct err *e)
{
	const struct git_plan plan = {.service = GIT_IS_ANCESTOR,
		.repo = p->path,
		.ancestor = p->from,
		.commit = p->to,
		.hook_fd = -1};
	int r;

	if (!*p->from) {
		r = loop_defer(p->world->loop, on_soon, p, &p->soon);
		return r < 0 ? err_set(e, r, "out of memory") : 0;
	}
	r = git_start(p->world->loop, &plan, &ops, p, &p->git, e);
	if (r == 0)
		git_end_input(p->git);
	return r;
}

/* --- start --- */

static int check(struct promote *p, const char *branch, struct err *e)
{
	struct store *s = p->world->store;
	struct build_row built;
	int r = preview_by_branch(s, p->space.id, branch, &p->preview, e);

	if (r == 0)
		r = repo_branch(p->path, MAIN, p->from, e);
	if (r == 0)
		r = repo_branch(p->path, branch, p->to, e);
	if (r < 0)
		return r;
	if (!*p->to)
		return err_set(e, -ENOENT, "there is no branch '%.80s'", branch);
	if (!*p->preview.live_build || p->preview.pending)
		return err_set(e, -EEXIST, "the preview of '%s' is being built; try again", branch);
	r = build_by_id(s, p->preview.live_build, &built, e);
	if (r < 0)
		return r;
	if (strcmp(built.commit, p->to) != 0)
		return err_set(e, -EEXIST,
			"the preview shows %.12s and the branch is at %.12s; push it again, so "
			"that it is built",
			built.commit, p->to);
	if (!strcmp(p->from, p->to))
		return err_set(e, -EEXIST, "main is at %.12s already", p->to);
	return 0;
}

int promote_start(struct world *w, const struct space *space, const char *branch, promote_fn fn,
	void *data, struct promote **ret, struct err *e)
{
	struct promote *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	*p = (struct promote){.next = running, .world = w, .space = *space, .fn = fn, .data = data};
	running = p;
	repo_path(&w->repos, space->id, p->path);
	r = repo_exists(p->path) ? check(p, branch, e)
				 : err_set(e, -ENOENT, "nothing has been pushed to this Space yet");
	if (r == 0)
		r = ask_git(p, e);
	if (r < 0)
		destroy(p);
	else
		*ret = p;
	return r;
}

void promote_cancel(struct promote *p)
{
	p->fn = NULL;
	if (p->git)
		git_free(p->git);
	else
		destroy(p);
}
