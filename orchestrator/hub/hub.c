#include "orchestrator/hub/hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const struct {
	const char *name, *plural, *prefix;
} kinds[REPO_KINDS + 1] = {
	[REPO_SPACE] = {"space", "spaces", "spaces/"},
	[REPO_MODEL] = {"model", "models", ""},
	[REPO_DATASET] = {"dataset", "datasets", "datasets/"},
	[REPO_PREVIEW] = {"preview", "previews", "spaces/"},
};

/* It is served: it has a row in spaces, and gateways know its epoch. */
static bool is_served(enum repo_kind kind)
{
	return kind == REPO_SPACE || kind == REPO_PREVIEW;
}

const char *hub_kind_name(enum repo_kind kind)
{
	return kinds[kind].name;
}

const char *hub_prefix(enum repo_kind kind)
{
	return kinds[kind].prefix;
}

int hub_kind_find(const char *name, size_t n, enum repo_kind *ret)
{
	for (int i = 0; i < REPO_KINDS; i++)
		if ((strlen(kinds[i].name) == n && !memcmp(kinds[i].name, name, n)) ||
			(strlen(kinds[i].plural) == n && !memcmp(kinds[i].plural, name, n))) {
			*ret = (enum repo_kind)i;
			return 0;
		}
	return -EINVAL;
}

int hub_name_check(enum repo_kind kind, const char *name, struct err *e)
{
	return kind == REPO_SPACE ? space_name_check(name, e) : repo_name_check(name, e);
}

/* --- reading --- */

/* Columns as in repo_by_name. */
static int read_repo(const struct store_row *row, void *data)
{
	struct hub_repo *r = data;

	*r = (struct hub_repo){.kind = (enum repo_kind)store_int(row, 1),
		.private = store_int(row, 4) != 0,
		.likes = store_int(row, 5),
		.created_usec = store_int(row, 6),
		.updated_usec = store_int(row, 7),
		.deleted_usec = store_int(row, 8)};
	(void)snprintf(r->id, sizeof(r->id), "%s", store_text(row, 0));
	(void)snprintf(r->maker, sizeof(r->maker), "%s", store_text(row, 9));
	(void)snprintf(r->owner, sizeof(r->owner), "%s", store_text(row, 2));
	(void)snprintf(r->name, sizeof(r->name), "%s", store_text(row, 3));
	return 1;
}

static int one(int rows, struct err *e)
{
	if (rows < 0)
		return rows;
	return rows ? 0 : err_set(e, -ENOENT, "there is no such repository");
}

int hub_by_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e)
{
	return one(
		store_run(s, "repo_by_name", read_repo, ret, e, "iss", (int64_t)kind, owner, name),
		e);
}

int hub_by_former_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e)
{
	return one(store_run(s, "repo_by_former_name", read_repo, ret, e, "iss", (int64_t)kind,
			   owner, name),
		e);
}

int hub_by_deleted_name(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e)
{
	return one(store_run(s, "repo_by_deleted_name", read_repo, ret, e, "iss", (int64_t)kind,
			   owner, name),
		e);
}

int hub_by_id(struct store *s, const char *id, struct hub_repo *ret, struct err *e)
{
	return one(store_run(s, "repo_by_id", read_repo, ret, e, "s", id), e);
}

/* --- writing --- */

void hub_prepare(struct hub_repo *ret, enum repo_kind kind, const char *owner, const char *name,
	bool private)
{
	*ret = (struct hub_repo){.kind = kind, .private = private};
	random_id(ret->id);
	ret->created_usec = ret->updated_usec = (int64_t)clock_wall_usec();
	(void)snprintf(ret->owner, sizeof(ret->owner), "%s", owner);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
}

static int add(struct store *s, const struct hub_repo *repo, struct err *e)
{
	int r = store_run(s, "repo_name_forget", NULL, NULL, e, "iss", (int64_t)repo->kind,
		repo->owner, repo->name);

	if (r >= 0)
		r = store_run(s, "repo_add", NULL, NULL, e, "sissiis", repo->id,
			(int64_t)repo->kind, repo->owner, repo->name, (int64_t)repo->private,
			repo->created_usec, repo->maker);
	if (r >= 0 && is_served(repo->kind))
		r = store_run(s, "space_add", NULL, NULL, e, "s", repo->id);
	return r < 0 ? r : 0;
}

int hub_add_with(struct store *s, const struct hub_repo *repo, int (*fn)(void *data, struct err *e),
	void *data, struct err *e)
{
	int r = store_begin(s, e);

	if (r == 0)
		r = add(s, repo, e);
	if (r == 0 && fn)
		r = fn(data, e);
	if (r == 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r;
}

int hub_add(struct store *s, const struct hub_repo *repo, struct err *e)
{
	return hub_add_with(s, repo, NULL, NULL, e);
}

int hub_create(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	bool private, struct hub_repo *ret, struct err *e)
{
	hub_prepare(ret, kind, owner, name, private);
	return hub_add(s, ret, e);
}

int hub_ensure(struct store *s, enum repo_kind kind, const char *owner, const char *name,
	struct hub_repo *ret, struct err *e)
{
	struct err none = {0};
	int r = hub_by_name(s, kind, owner, name, ret, &none);

	if (r != -ENOENT)
		return r < 0 ? err_set(e, r, "%s", none.text) : 0;
	return hub_create(s, kind, owner, name, false, ret, e);
}

static int grow_epoch(struct store *s, const struct hub_repo *repo, struct err *e)
{
	if (!is_served(repo->kind))
		return 0;
	return store_run(s, "space_grow_epoch", NULL, NULL, e, "s", repo->id);
}

int hub_set_private(struct store *s, struct hub_repo *repo, bool private, struct err *e)
{
	int64_t now = (int64_t)clock_wall_usec();
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(s, "repo_set_private", NULL, NULL, e, "sii", repo->id,
			(int64_t) private, now);
	if (r >= 0)
		r = grow_epoch(s, repo, e);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	repo->private = private;
	repo->updated_usec = now;
	return 0;
}

int hub_rename(
	struct store *s, struct hub_repo *repo, const char *owner, const char *name, struct err *e)
{
	int64_t now = (int64_t)clock_wall_usec();
	int r = store_begin(s, e);

	/* Nobody is led from a name to the very repo that has it. */
	if (r == 0)
		r = store_run(s, "repo_name_forget", NULL, NULL, e, "iss", (int64_t)repo->kind,
			owner, name);
	if (r >= 0)
		r = store_run(s, "repo_rename", NULL, NULL, e, "sssi", repo->id, owner, name, now);
	if (r >= 0 && (strcmp(owner, repo->owner) != 0 || strcasecmp(name, repo->name) != 0))
		r = store_run(s, "repo_name_keep", NULL, NULL, e, "isss", (int64_t)repo->kind,
			repo->owner, repo->name, repo->id);
	if (r >= 0)
		r = grow_epoch(s, repo, e);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	(void)snprintf(repo->owner, sizeof(repo->owner), "%s", owner);
	(void)snprintf(repo->name, sizeof(repo->name), "%s", name);
	repo->updated_usec = now;
	return 0;
}

/* --- deletion --- */

static int set_deleted(struct store *s, struct hub_repo *repo, int64_t usec, struct err *e)
{
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(s, "repo_set_deleted", NULL, NULL, e, "si", repo->id, usec);
	if (r >= 0)
		r = grow_epoch(s, repo, e);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	if (r < 0)
		return r;
	repo->deleted_usec = usec;
	return 0;
}

int hub_delete(struct store *s, struct hub_repo *repo, struct err *e)
{
	return set_deleted(s, repo, (int64_t)clock_wall_usec(), e);
}

int hub_restore(struct store *s, struct hub_repo *repo, struct err *e)
{
	return set_deleted(s, repo, 0, e);
}

struct repo_list {
	struct hub_repo *rows;
	size_t n;
};

static int append_repo(const struct store_row *row, void *data)
{
	struct repo_list *l = data;

	(void)read_repo(row, &l->rows[l->n++]);
	return 0;
}

int hub_list_deleted(
	struct store *s, int64_t before_usec, struct hub_repo *ret, size_t max, struct err *e)
{
	struct repo_list l = {.rows = ret};
	int r = store_run(
		s, "repo_list_deleted", append_repo, &l, e, "ii", before_usec, (int64_t)max);

	return r < 0 ? r : (int)l.n;
}

int hub_purge(struct store *s, const struct hub_repo *repo, struct err *e)
{
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(
			s, "trash_add", NULL, NULL, e, "sss", repo->id, repo->owner, repo->name);
	if (r >= 0)
		r = store_run(s, "repo_text_delete", NULL, NULL, e, "s", repo->id);
	if (r >= 0)
		r = store_run(s, "repo_delete", NULL, NULL, e, "s", repo->id);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r < 0 ? r : 0;
}

int hub_trash_done(struct store *s, const char *id, struct err *e)
{
	int r = store_run(s, "trash_delete", NULL, NULL, e, "s", id);

	return r < 0 ? r : 0;
}

struct trash_walk {
	int (*fn)(const char *id, void *data);
	void *data;
};

static int read_trash(const struct store_row *row, void *data)
{
	const struct trash_walk *w = data;

	return w->fn(store_text(row, 0), w->data);
}

int hub_trash_each(
	struct store *s, int (*fn)(const char *id, void *data), void *data, struct err *e)
{
	struct trash_walk w = {.fn = fn, .data = data};
	int r = store_run(s, "trash_list", read_trash, &w, e, "");

	return r < 0 ? r : 0;
}

static int read_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

bool hub_trash_holds(struct store *s, const char *owner, const char *name)
{
	int64_t n = 0;

	(void)store_run(s, "trash_named", read_count, &n, &(struct err){0}, "ss", owner, name);
	return n > 0;
}
