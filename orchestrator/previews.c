#include "orchestrator/previews.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/live.h"
#include "orchestrator/notes.h"

#define SWEPT_MAX 32
#define ALL_SEEN "~" /* behind every id */

/* --- the end --- */

void previews_end(struct world *w, const char *id)
{
	struct hub_repo repo;
	struct err e = {0};
	int r = hub_by_id(w->store, id, &repo, &e);

	if (r == -ENOENT)
		return;
	if (r == 0)
		r = hub_purge(w->store, &repo, &e);
	if (r < 0) {
		log_warn("preview id=%s ends later: %s", id, e.text);
		return;
	}
	log_info("preview=%s/%s has ended", repo.owner, repo.name);
	edge_peer_route_gone(w->edge, id);
	journal_delete(w->run_logs, id);
	notes_forget_space(w, id);
	reconciler_wake(w->reconciler); /* what it kept goes with its trash */
}

void previews_end_branch(struct world *w, const char *parent_id, const char *branch)
{
	struct preview p;

	if (preview_by_branch(w->store, parent_id, branch, &p, &(struct err){0}) == 0)
		previews_end(w, p.id);
}

void previews_end_all_of(struct world *w, const char *parent_id)
{
	struct preview all[PREVIEWS_MAX];
	struct err e = {0};
	int n = preview_list(w->store, parent_id, all, PREVIEWS_MAX, &e);

	if (n < 0)
		log_warn("repo id=%s its previews end later: %s", parent_id, e.text);
	for (int i = 0; i < n; i++)
		previews_end(w, all[i].id);
}

/* --- the beginning --- */

/* Of too many: the one whose last push is longest ago, of those that nobody looks at if there are
 * such. What is being built is what somebody has just pushed: it is never the one. */
static int make_room(struct world *w, const char *parent_id, struct err *e)
{
	struct preview all[PREVIEWS_MAX];
	int n = preview_list(w->store, parent_id, all, PREVIEWS_MAX, e), oldest = -1;

	if (n < PREVIEWS_MAX)
		return n < 0 ? n : 0;
	for (int i = n - 1; i >= 0; i--) {
		if (all[i].pending)
			continue;
		if (edge_peer_activity(w->edge, all[i].id).sessions == 0) {
			previews_end(w, all[i].id);
			return 0;
		}
		if (oldest < 0)
			oldest = i;
	}
	if (oldest < 0)
		return err_set(e, -EBUSY, "all %d previews of the Space are being built", n);
	previews_end(w, all[oldest].id);
	return 0;
}

int previews_open(struct world *w, const char *parent_id, const char *branch, struct space *ret,
	bool *ret_fresh, struct err *e)
{
	struct err none = {0};
	struct hub_repo parent;
	struct preview p;
	int r;

	*ret_fresh = false;
	r = hub_by_id(w->store, parent_id, &parent, e);
	if (r < 0)
		return r;
	if (parent.deleted_usec)
		return err_set(e, -ENOENT, "the Space is deleted");
	r = preview_by_branch(w->store, parent_id, branch, &p, &none);
	*ret_fresh = r == -ENOENT;
	if (r == -ENOENT) {
		r = make_room(w, parent_id, e);
		if (r == 0)
			r = preview_add(
				w->store, &parent, branch, (int64_t)clock_wall_usec(), &p, e);
	} else if (r < 0) {
		return err_set(e, r, "%s", none.text);
	}
	return r < 0 ? r : space_by_id(w->store, p.id, ret, e);
}

void previews_follow(struct world *w, const char *parent_id)
{
	struct preview all[PREVIEWS_MAX];
	struct hub_repo parent;
	struct err e = {0};
	int n = hub_by_id(w->store, parent_id, &parent, &e);

	if (n == 0)
		n = preview_list(w->store, parent_id, all, PREVIEWS_MAX, &e);
	if (n < 0)
		log_warn("repo id=%s its previews are not told: %s", parent_id, e.text);
	for (int i = 0; i < n; i++) {
		if (preview_follow(w->store, &all[i], &parent, &e) < 0) {
			log_warn("preview=%s/%s ends: %s", all[i].owner, all[i].name, e.text);
			previews_end(w, all[i].id);
			continue;
		}
		edge_peer_route(w->edge, all[i].id);
	}
}

/* --- what is over --- */

static bool end_due(struct world *w)
{
	struct preview due[SWEPT_MAX];
	struct err e = {0};
	int n = preview_list_due(
		w->store, (int64_t)(clock_wall_usec() - PREVIEW_KEPT_USEC), due, SWEPT_MAX, &e);

	for (int i = 0; i < n; i++) {
		log_info("preview=%s/%s is over: nothing was pushed for %d days", due[i].owner,
			due[i].name, (int)(PREVIEW_KEPT_USEC / 86400 / USEC_PER_SEC));
		previews_end(w, due[i].id);
	}
	return n == SWEPT_MAX;
}

/* A crash between the Space's new name and its previews' leaves them with whom it was before. */
static void take_name(struct world *w, const struct preview *p, const struct hub_repo *parent)
{
	char name[SPACE_NAME_MAX + 1];

	if (strcmp(p->owner, parent->owner) != 0 ||
		preview_name(parent->name, p->branch, name, NULL) < 0 || strcmp(p->name, name) != 0)
		previews_follow(w, parent->id);
}

/* True: a push may be at work on it, and it has to be looked at again. */
static bool end_if_lost(struct world *w, const struct preview *p)
{
	char path[REPO_PATH_MAX], head[COMMIT_HEX + 1] = "";
	struct hub_repo parent;
	struct err e = {0};
	int r = hub_by_id(w->store, p->parent, &parent, &e);

	repo_path(&w->repos, p->parent, path);
	if (r == 0 && !parent.deleted_usec) {
		if (repo_exists(path) && repo_branch(path, p->branch, head, &e) < 0)
			return false; /* what cannot be read is not missing */
		if (*head && *p->live_build) {
			take_name(w, p, &parent);
			return false;
		}
		if (p->pending || (repo_exists(path) && !repo_is_quiet(path)))
			return true;
	}
	previews_end(w, p->id);
	return false;
}

static bool look_at_page(struct world *w, char after[ID_LEN + 1])
{
	struct preview page[SWEPT_MAX];
	struct err e = {0};
	int n = preview_list_after(w->store, after, page, SWEPT_MAX, &e);
	bool again = n < 0;

	for (int i = 0; i < n; i++)
		again = end_if_lost(w, &page[i]) || again;
	if (again)
		return true; /* this page once more */
	if (n == SWEPT_MAX)
		memcpy(after, page[n - 1].id, ID_LEN + 1);
	else
		memcpy(after, ALL_SEEN, sizeof(ALL_SEEN));
	return n == SWEPT_MAX;
}

bool previews_sweep(struct world *w, char after[ID_LEN + 1])
{
	bool more = end_due(w);

	return (strcmp(after, ALL_SEEN) != 0 && look_at_page(w, after)) || more;
}
