#include "orchestrator/live.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/data/data.h"
#include "orchestrator/hub/note.h"
#include "orchestrator/notes.h"
#include "orchestrator/previews.h"
#include "orchestrator/rebuild.h"
#include "orchestrator/served.h"

#define AGAIN_USEC (100 * USEC_PER_MSEC)
#define LOOK_USEC (3600 * USEC_PER_SEC)
#define PURGED_MAX 16
#define MISSED_MAX 1024
#define PENDING_MAX 64 /* settled in one go; the rest follows */

int live_set(struct world *w, struct space *space, const char *build_id, const char *bundle,
	struct err *e)
{
	int r = space_go_live(w->store, space, build_id, e);

	if (r < 0)
		return r;
	log_info("space=%s/%s epoch=%lld bundle=%.12s is live", space->owner, space->name,
		(long long)space->epoch, bundle);
	notes_forget_commits();
	if (*bundle)
		agent_peer_offer(w->agent, bundle);
	edge_peer_route(w->edge, space->id);
	accounts_peer_space(w->accounts, space->id);
	journal_poke(w->run_logs, space->id);
	return 0;
}

void live_tell(struct world *w, const char *space_id)
{
	edge_peer_route(w->edge, space_id);
	accounts_peer_space(w->accounts, space_id);
	previews_follow(w, space_id);
}

int live_set_private(struct world *w, struct hub_repo *repo, bool private, struct err *e)
{
	int r = hub_set_private(w->store, repo, private, e);

	if (r < 0)
		return r;
	log_info("%s=%s/%s is %s", hub_kind_name(repo->kind), repo->owner, repo->name,
		private ? "private" : "public");
	if (repo->kind == REPO_SPACE)
		live_tell(w, repo->id);
	served_poke(w->served, repo->id);
	return 0;
}

static int remove_trash(struct world *w, const char *id, struct err *e)
{
	char path[REPO_PATH_MAX];
	int r;

	repo_path(&w->repos, id, path);
	r = repo_remove(&w->repos, path, e);
	if (r >= 0)
		r = data_forget(w->data, id, e);
	return r < 0 ? r : hub_trash_done(w->store, id, e);
}

int live_rename(
	struct world *w, struct hub_repo *repo, const char *owner, const char *name, struct err *e)
{
	const struct hub_repo before = *repo;
	int r = hub_rename(w->store, repo, owner, name, e);

	if (r < 0)
		return r;
	log_info("%s=%s/%s is now %s/%s", hub_kind_name(repo->kind), before.owner, before.name,
		owner, name);
	if (repo->kind == REPO_SPACE)
		live_tell(w, repo->id);
	served_poke(w->served, repo->id);
	return 0;
}

int live_delete(struct world *w, struct hub_repo *repo, struct err *e)
{
	int r = hub_delete(w->store, repo, e);

	if (r < 0)
		return r;
	log_info("%s=%s/%s is deleted", hub_kind_name(repo->kind), repo->owner, repo->name);
	if (repo->kind == REPO_SPACE) {
		previews_end_all_of(w, repo->id);
		edge_peer_route_gone(w->edge, repo->id);
		notes_tell_deleted(w, repo);
	}
	served_poke(w->served, repo->id);
	return 0;
}

int live_restore(struct world *w, struct hub_repo *repo, struct err *e)
{
	int r = hub_restore(w->store, repo, e);

	if (r < 0)
		return r;
	log_info("%s=%s/%s is there again", hub_kind_name(repo->kind), repo->owner, repo->name);
	if (repo->kind == REPO_SPACE)
		edge_peer_route(w->edge, repo->id);
	served_poke(w->served, repo->id);
	return 0;
}

static void purge(struct world *w, const struct hub_repo *repo)
{
	struct err e = {0};

	if (hub_purge(w->store, repo, &e) < 0) {
		log_warn("repo=%s/%s is removed later: %s", repo->owner, repo->name, e.text);
		return;
	}
	log_info("%s=%s/%s is removed", hub_kind_name(repo->kind), repo->owner, repo->name);
	journal_delete(w->run_logs, repo->id);
	notes_forget_space(w, repo->id);
}

/* Those whose time is over. True: there are more. */
static bool purge_old(struct world *w)
{
	struct hub_repo old[PURGED_MAX];
	struct err e = {0};
	int n = hub_list_deleted(
		w->store, (int64_t)(clock_wall_usec() - DELETED_KEPT_USEC), old, PURGED_MAX, &e);

	for (int i = 0; i < n; i++)
		purge(w, &old[i]);
	return n == PURGED_MAX;
}

/* --- after a crash --- */

static int make_live(struct world *w, const struct pending_build *b, struct err *e)
{
	struct space space;
	struct build_row row;
	int r = space_by_id(w->store, b->space_id, &space, e);

	if (r == 0)
		r = build_by_id(w->store, b->id, &row, e);
	if (r == 0 && *space.parent)
		r = preview_pushed(w->store, space.id, (int64_t)clock_wall_usec(), e);
	if (r == 0)
		r = live_set(w, &space, b->id, row.bundle, e);
	if (r == 0)
		notes_tell_live(w, EVENT_BUILD_LIVE, &space, &row);
	return r;
}

static enum pending_fate wait_after(const struct pending_build *b, const struct err *e)
{
	log_warn("space=%s/%s commit=%.12s is not settled yet: %s", b->owner, b->name, b->commit,
		e->text);
	return PENDING_WAITS;
}

enum pending_fate live_settle(struct world *w, const struct pending_build *b, bool accepted)
{
	char path[REPO_PATH_MAX], head[COMMIT_HEX + 1];
	struct err e = {0};

	repo_path(&w->repos, b->repo_id, path);
	if (!accepted && repo_exists(path) && !repo_is_quiet(path))
		return PENDING_WAITS;
	if (repo_branch(path, b->branch, head, &e) < 0 && repo_exists(path))
		return wait_after(b, &e);
	if (!strcmp(head, b->commit))
		return make_live(w, b, &e) < 0 ? wait_after(b, &e) : PENDING_LIVE;
	if (accepted)
		return build_keep_ready(w->store, b->id, &e) < 0 ? wait_after(b, &e)
								 : PENDING_PASSED;
	if (build_drop_pending(w->store, b->id, &e) < 0)
		return wait_after(b, &e);
	log_info("space=%s/%s commit=%.12s was not accepted by git", b->owner, b->name, b->commit);
	return PENDING_DROPPED;
}

struct reconciler {
	struct world *world;  /* borrowed */
	struct source *timer; /* owned */
	int64_t noted;        /* number of the last repo whose note was looked at */
	bool all_noted;
	char missed[MISSED_MAX][ID_LEN + 1]; /* Spaces that may have nothing built of their main */
	size_t n_missed;
	char previews[ID_LEN + 1]; /* as previews_sweep keeps it */
};

struct trash_list {
	char ids[PENDING_MAX][ID_LEN + 1];
	size_t n;
};

static int list_trash(const char *id, void *data)
{
	struct trash_list *l = data;

	if (l->n == PENDING_MAX)
		return 1;
	(void)snprintf(l->ids[l->n++], sizeof(l->ids[0]), "%s", id);
	return 0;
}

static bool empty_trash(struct world *w)
{
	struct trash_list l = {.n = 0};
	struct err e = {0};
	bool more = false;

	if (hub_trash_each(w->store, list_trash, &l, &e) < 0)
		return true;
	for (size_t i = 0; i < l.n; i++)
		if (remove_trash(w, l.ids[i], &e) < 0)
			more = true;
	return more || l.n == PENDING_MAX;
}

static void remember_missed(const struct hub_repo *repo, void *data)
{
	struct reconciler *r = data;

	if (repo->kind != REPO_SPACE)
		return;
	if (r->n_missed < MISSED_MAX)
		(void)snprintf(r->missed[r->n_missed++], ID_LEN + 1, "%s", repo->id);
	else
		log_warn("space=%s/%s what was pushed last is not live: push again", repo->owner,
			repo->name);
}

static bool build_missed(struct reconciler *r)
{
	while (r->n_missed) {
		struct err e = {0};
		int code = rebuild_missed(r->world, r->missed[r->n_missed - 1], &e);

		if (code == -EAGAIN)
			return true;
		if (code < 0)
			log_warn("space=%s what was pushed last is not live: %s",
				r->missed[r->n_missed - 1], e.text);
		r->n_missed--;
	}
	return false;
}

/* Once after the start: a process that is killed after a push leaves a repo that no list knows. */
static bool note_missed(struct reconciler *r)
{
	struct err e = {0};
	int code = r->all_noted ? 0
				: hub_note_missed(r->world->store, &r->world->repos, &r->noted,
					  remember_missed, r, &e);

	if (code < 0)
		log_warn("pushes that lists do not know are not looked for: %s", e.text);
	r->all_noted = code <= 0;
	return !r->all_noted;
}

static void reconcile(void *data)
{
	static struct pending_build pending[PENDING_MAX]; /* single-threaded */
	struct reconciler *r = data;
	struct err e = {0};
	int n = build_list_pending(r->world->store, pending, PENDING_MAX, &e);
	bool more = n < 0 || n == PENDING_MAX;

	for (int i = 0; i < n; i++)
		if (live_settle(r->world, &pending[i], false) == PENDING_WAITS)
			more = true;
	if (previews_sweep(r->world, r->previews))
		more = true;
	if (purge_old(r->world))
		more = true;
	if (empty_trash(r->world))
		more = true;
	if (note_missed(r))
		more = true;
	if (build_missed(r))
		more = true;
	timer_arm_after(r->timer, more ? AGAIN_USEC : LOOK_USEC);
}

int reconciler_new(struct world *w, struct reconciler **ret)
{
	struct reconciler *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->world = w;
	if (loop_add_timer(w->loop, reconcile, r, &r->timer) < 0) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct reconciler *reconciler_free(struct reconciler *r)
{
	if (!r)
		return NULL;
	(void)source_free(r->timer);
	free(r);
	return NULL;
}

void reconciler_wake(struct reconciler *r)
{
	timer_arm_after(r->timer, 0);
}
