#include "orchestrator/space/space.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static int one(int rows, const char *what, struct err *e)
{
	if (rows < 0)
		return rows;
	return rows ? 0 : err_set(e, -ENOENT, "%s", what);
}

static int read_space(const struct store_row *row, void *data)
{
	struct space *s = data;

	(void)snprintf(s->id, sizeof(s->id), "%s", store_text(row, 0));
	(void)snprintf(s->owner, sizeof(s->owner), "%s", store_text(row, 1));
	(void)snprintf(s->name, sizeof(s->name), "%s", store_text(row, 2));
	(void)snprintf(s->live_build, sizeof(s->live_build), "%s", store_text(row, 3));
	s->epoch = store_int(row, 4);
	s->private = store_int(row, 7) != 0;
	s->settings = store_int(row, 8);
	s->paused = store_int(row, 9) != 0;
	s->sleep_sec = store_int(row, 10);
	(void)snprintf(s->hardware, sizeof(s->hardware), "%s", store_text(row, 11));
	(void)snprintf(s->parent, sizeof(s->parent), "%s", store_text(row, 12));
	(void)snprintf(s->branch, sizeof(s->branch), "%s", store_text(row, 13));
	return 1;
}

static int read_build(const struct store_row *row, void *data)
{
	struct build_row *b = data;

	(void)snprintf(b->id, sizeof(b->id), "%s", store_text(row, 0));
	(void)snprintf(b->space_id, sizeof(b->space_id), "%s", store_text(row, 1));
	b->number = store_int(row, 2);
	(void)snprintf(b->state, sizeof(b->state), "%s", store_text(row, 3));
	(void)snprintf(b->commit, sizeof(b->commit), "%s", store_text(row, 4));
	(void)snprintf(b->bundle, sizeof(b->bundle), "%s", store_text(row, 5));
	return 1;
}

int space_by_name(
	struct store *s, const char *owner, const char *name, struct space *ret, struct err *e)
{
	return one(store_run(s, "space_by_name", read_space, ret, e, "ss", owner, name),
		"there is no such Space", e);
}

int space_by_id(struct store *s, const char *id, struct space *ret, struct err *e)
{
	return one(store_run(s, "space_by_id", read_space, ret, e, "s", id),
		"there is no such Space", e);
}

int space_ensure(
	struct store *s, const char *owner, const char *name, struct space *ret, struct err *e)
{
	struct hub_repo repo;
	int r = hub_ensure(s, REPO_SPACE, owner, name, &repo, e);

	return r < 0 ? r : space_by_id(s, repo.id, ret, e);
}

int build_add(struct store *s, const struct space *space, const char *state,
	const struct build_new *b, char ret_id[ID_LEN + 1], struct err *e)
{
	char id[ID_LEN + 1];
	int r = store_begin(s, e);

	random_id(id);
	if (r == 0)
		r = store_run(s, "build_add", NULL, NULL, e, "sssssssisssssssiis", id, space->id,
			state, b->commit, b->bundle, b->entry, b->class, b->sleep_sec, b->title,
			b->emoji, b->tree, b->api, b->message, b->phases, b->log,
			(int64_t)clock_wall_usec(), b->replicas, b->http);
	if (r >= 0 && !strcmp(state, "failed"))
		r = store_run(s, "build_prune_failed", NULL, NULL, e, "si", space->id,
			(int64_t)BUILD_FAILED_KEPT);
	if (r >= 0)
		r = store_run(s, "build_prune_ready", NULL, NULL, e, "sii", space->id,
			(int64_t)BUILD_READY_KEPT,
			(int64_t)(clock_wall_usec() - BUILD_READY_AGE_USEC));
	if (r >= 0)
		r = store_run(s, "build_prune_logs", NULL, NULL, e, "sii", space->id,
			(int64_t)BUILD_LOGS_KEPT,
			(int64_t)(clock_wall_usec() - BUILD_LOG_AGE_USEC));
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

static int stop_at_first(const struct store_row *row, void *data)
{
	(void)row;
	(void)data;
	return 1;
}

int build_by_id(struct store *s, const char *id, struct build_row *ret, struct err *e)
{
	return one(store_run(s, "build_by_id", read_build, ret, e, "s", id),
		"there is no such build", e);
}

int build_is_of(struct store *s, const char *space_id, const char *commit, struct err *e)
{
	return store_run(s, "build_is_of", stop_at_first, NULL, e, "ss", space_id, commit);
}

int build_before_live(
	struct store *s, const struct space *space, struct build_row *ret, struct err *e)
{
	return one(store_run(s, "build_before_live", read_build, ret, e, "s", space->id),
		"there is no version before this one", e);
}

int space_go_live(struct store *s, struct space *space, const char *build_id, struct err *e)
{
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(s, "build_set_ready", NULL, NULL, e, "s", build_id);
	if (r >= 0)
		r = store_run(s, "space_go_live", NULL, NULL, e, "ssi", space->id, build_id,
			space->epoch);
	if (r == 0)
		r = err_set(e, STORE_CONFLICT, "%s/%s has been changed meanwhile", space->owner,
			space->name);
	if (r > 0)
		r = store_run(s, "space_show_live", NULL, NULL, e, "ssi", space->id, build_id,
			(int64_t)clock_wall_usec());
	if (r > 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	space->epoch++;
	(void)snprintf(space->live_build, sizeof(space->live_build), "%s", build_id);
	return 0;
}

int build_drop_pending(struct store *s, const char *id, struct err *e)
{
	int r = store_run(s, "build_drop_pending", NULL, NULL, e, "s", id);

	return r < 0 ? r : 0;
}

int build_keep_ready(struct store *s, const char *id, struct err *e)
{
	int r = store_run(s, "build_set_ready", NULL, NULL, e, "s", id);

	return r < 0 ? r : 0;
}

struct pending_build pending_of(
	const struct space *space, const char *branch, const char *commit, const char *build_id)
{
	struct pending_build b = {.id = ""};

	(void)snprintf(b.id, sizeof(b.id), "%s", build_id);
	(void)snprintf(b.space_id, sizeof(b.space_id), "%s", space->id);
	(void)snprintf(
		b.repo_id, sizeof(b.repo_id), "%s", *space->parent ? space->parent : space->id);
	(void)snprintf(b.branch, sizeof(b.branch), "%s", branch);
	(void)snprintf(b.commit, sizeof(b.commit), "%s", commit);
	(void)snprintf(b.owner, sizeof(b.owner), "%s", space->owner);
	(void)snprintf(b.name, sizeof(b.name), "%s", space->name);
	return b;
}

int build_copy(struct store *s, const char *build_id, const char *space_id, char ret_id[ID_LEN + 1],
	struct err *e)
{
	char id[ID_LEN + 1];
	int r;

	random_id(id);
	r = store_run(s, "build_copy", NULL, NULL, e, "sssi", id, space_id, build_id,
		(int64_t)clock_wall_usec());
	if (r == 0)
		return err_set(e, -ENOENT, "there is no such build");
	if (r < 0)
		return r;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

struct pending_list {
	struct pending_build *rows;
	size_t n, max;
};

static int read_pending(const struct store_row *row, void *data)
{
	struct pending_list *l = data;
	struct pending_build *b = &l->rows[l->n];

	if (l->n == l->max)
		return 1;
	l->n++;
	(void)snprintf(b->id, sizeof(b->id), "%s", store_text(row, 0));
	(void)snprintf(b->space_id, sizeof(b->space_id), "%s", store_text(row, 1));
	(void)snprintf(b->commit, sizeof(b->commit), "%s", store_text(row, 2));
	(void)snprintf(b->owner, sizeof(b->owner), "%s", store_text(row, 3));
	(void)snprintf(b->name, sizeof(b->name), "%s", store_text(row, 4));
	(void)snprintf(b->repo_id, sizeof(b->repo_id), "%s", store_text(row, 5));
	(void)snprintf(b->branch, sizeof(b->branch), "%s", store_text(row, 6));
	return 0;
}

int build_list_pending(struct store *s, struct pending_build *ret, size_t max, struct err *e)
{
	struct pending_list l = {.rows = ret, .max = max};
	int r = store_run(s, "build_pending", read_pending, &l, e, "");

	return r < 0 ? r : (int)l.n;
}
