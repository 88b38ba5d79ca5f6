#include "orchestrator/duplicate.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/log.h"
#include "orchestrator/hub/lfs.h"
#include "orchestrator/hub/note.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/served.h"
#include "orchestrator/space/settings.h"

struct duplicate {
	struct duplicate *next;
	struct world *world; /* borrowed */
	struct hub_repo from, to;
	bool variables;
	char path[REPO_PATH_MAX], source[REPO_PATH_MAX];
	struct git *git; /* owned */
	duplicate_fn fn; /* NULL: canceled */
	void *data;
};

static struct duplicate *running;

static void destroy(struct duplicate *d)
{
	for (struct duplicate **at = &running; *at; at = &(*at)->next)
		if (*at == d) {
			*at = d->next;
			break;
		}
	free(d);
}

/* Half-made folders are swept away at the next start. */
void duplicate_end_all(void)
{
	while (running)
		destroy(running);
}

static int add_rows(void *data, struct err *e)
{
	const struct duplicate *d = data;
	struct world *w = d->world;
	int r = lfs_check_copy(w->store, d->from.id, d->to.owner, w->lfs.storage_max, e);

	if (r == 0)
		r = lfs_copy(w->store, d->from.id, d->to.id, e);
	if (r == 0 && d->variables)
		r = settings_copy_variables(w->store, d->from.id, d->to.id, e);
	return r;
}

/* As a new repo's first commit: the folder is whole, then the row, then the folder's place. */
static int settle(struct duplicate *d, struct err *e)
{
	struct world *w = d->world;
	int r = hub_add_with(w->store, &d->to, add_rows, d, e);

	if (r < 0) {
		(void)fs_remove_tree(d->path);
		return r;
	}
	r = repo_settle(&w->repos, d->to.id, e);
	repo_path(&w->repos, d->to.id, d->path);
	served_poke(w->served, d->to.id);
	return r < 0 ? r : hub_note_push(w->store, d->path, &d->to, e);
}

static void on_exit_of_git(int status, void *data)
{
	struct duplicate *d = data;
	duplicate_fn fn = d->fn;
	void *fn_data = d->data;
	struct err e = {0};
	int r = 0;

	if (!fn) {
		(void)fs_remove_tree(d->path);
		destroy(d);
		return;
	}
	git_free(d->git);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fs_remove_tree(d->path);
		r = err_set(&e, -EIO, "the repository cannot be copied");
	}
	if (r == 0)
		r = settle(d, &e);
	destroy(d);
	fn(r, &e, fn_data);
}

static void ignore(void *data)
{
	(void)data;
}

static const struct git_ops ops = {
	.on_output = ignore, .on_input = ignore, .on_exit = on_exit_of_git};

static int start_git(struct duplicate *d, struct err *e)
{
	const struct git_plan plan = {
		.service = GIT_COPY, .repo = d->path, .source = d->source, .hook_fd = -1};
	int r = repo_create(d->path, e);

	if (r == 0)
		r = git_start(d->world->loop, &plan, &ops, d, &d->git, e);
	if (r == 0)
		git_end_input(d->git);
	else
		(void)fs_remove_tree(d->path);
	return r;
}

int duplicate_start(struct world *w, const struct duplicate_plan *plan, duplicate_fn fn, void *data,
	struct duplicate **ret, struct err *e)
{
	struct duplicate *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	*d = (struct duplicate){.next = running,
		.world = w,
		.from = *plan->from,
		.to = *plan->to,
		.variables = plan->variables,
		.fn = fn,
		.data = data};
	running = d;
	repo_nascent_path(&w->repos, d->to.id, d->path);
	repo_path(&w->repos, d->from.id, d->source);
	if (!repo_exists(d->source))
		repo_empty_path(&w->repos, d->source);
	/* Once now, before there is anything to undo, and once more with the rows. */
	r = lfs_check_copy(w->store, d->from.id, d->to.owner, w->lfs.storage_max, e);
	if (r == 0)
		r = start_git(d, e);
	if (r < 0)
		destroy(d);
	else
		*ret = d;
	return r;
}

void duplicate_cancel(struct duplicate *d)
{
	d->fn = NULL;
	git_free(d->git);
}
