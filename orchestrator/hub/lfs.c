#include "orchestrator/hub/lfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static int take_int(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

int lfs_size(struct store *s, const char *repo_id, const char *oid, uint64_t *ret, struct err *e)
{
	int64_t size;
	int rows = store_run(s, "lfs_get", take_int, &size, e, "ss", repo_id, oid);

	if (rows < 0)
		return rows;
	if (!rows)
		return err_set(e, -ENOENT, "there is no large file %.12s… here", oid);
	*ret = (uint64_t)size;
	return 0;
}

int lfs_open(struct store *s, struct blob_store *b, const char *repo_id, const struct pointer *p,
	struct err *e)
{
	uint64_t size;
	int r = lfs_size(s, repo_id, p->oid, &size, e);

	if (r == 0 && size != p->size)
		r = err_set(e, -ENOENT,
			"the large file %.12s… has %llu bytes, its pointer says %llu", p->oid,
			(unsigned long long)size, (unsigned long long)p->size);
	return r < 0 ? r : blob_open(b, p->oid, e);
}

int lfs_open_for_push(struct store *s, struct blob_store *b, const char *repo_id, const char *oid,
	uint64_t *ret_size, struct err *e)
{
	struct pointer p;
	int r = lfs_size(s, repo_id, oid, &p.size, e);

	(void)snprintf(p.oid, sizeof(p.oid), "%.64s", oid);
	if (r == 0)
		r = lfs_hold(s, repo_id, &p, e);
	if (r == 0)
		r = blob_open(b, oid, e);
	if (r >= 0)
		*ret_size = p.size;
	return r;
}

int lfs_hold(struct store *s, const char *repo_id, const struct pointer *p, struct err *e)
{
	int r = store_run(s, "lfs_hold", NULL, NULL, e, "ssii", repo_id, p->oid, (int64_t)p->size,
		(int64_t)clock_wall_usec());

	return r < 0 ? r : 0;
}

/* --- claiming --- */

struct elsewhere {
	const struct identity *who;
	bool found;
	uint64_t size;
};

static int look_elsewhere(const struct store_row *row, void *data)
{
	struct elsewhere *l = data;

	if (!permit_to_know(l->who, store_int(row, 0) != 0,
		    &(struct about){store_text(row, 1), store_text(row, 3)}))
		return 0;
	l->found = true;
	l->size = (uint64_t)store_int(row, 2);
	return 1;
}

int lfs_claim(struct store *s, const char *repo_id, const struct pointer *p,
	const struct identity *who, struct err *e)
{
	struct elsewhere l = {.who = who};
	int r = lfs_size(s, repo_id, p->oid, &l.size, NULL);

	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "the database cannot be read");
	l.found = r == 0;
	if (!l.found) {
		r = store_run(s, "lfs_elsewhere", look_elsewhere, &l, e, "s", p->oid);
		if (r < 0)
			return r;
	}
	if (!l.found)
		return 1;
	if (l.size != p->size)
		return err_set(e, -EINVAL, "size: %llu, but the object has %llu bytes",
			(unsigned long long)p->size, (unsigned long long)l.size);
	return lfs_hold(s, repo_id, p, e);
}

int lfs_copy(struct store *s, const char *from_id, const char *to_id, struct err *e)
{
	int r = store_run(
		s, "lfs_copy", NULL, NULL, e, "ssi", from_id, to_id, (int64_t)clock_wall_usec());

	return r < 0 ? r : 0;
}

int lfs_check_copy(
	struct store *s, const char *from_id, const char *owner, uint64_t limit, struct err *e)
{
	char words[2][SIZE_WORDS_MAX];
	int64_t more = 0;
	uint64_t used = 0;
	int r = limit ? store_run(s, "lfs_copy_size", take_int, &more, e, "ss", from_id, owner) : 0;

	if (r >= 0 && more)
		r = lfs_used(s, owner, &used, e);
	if (r < 0 || !more || (used <= limit && (uint64_t)more <= limit - used))
		return r < 0 ? r : 0;
	size_words((uint64_t)more, words[0]);
	size_words(used < limit ? limit - used : 0, words[1]);
	return err_set(e, -EDQUOT, "its large files have %s, and '%s' has %s left for them",
		words[0], owner, words[1]);
}

/* --- storage --- */

void size_words(uint64_t bytes, char ret[SIZE_WORDS_MAX])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double n = (double)bytes / 1000;
	size_t i = 0;

	if (bytes < 1000) {
		(void)snprintf(ret, SIZE_WORDS_MAX, "%u bytes", (unsigned int)bytes);
		return;
	}
	for (; n >= 999.95 && i < 3; i++)
		n /= 1000;
	(void)snprintf(ret, SIZE_WORDS_MAX, "%.1f %s", n, units[i]);
}

int lfs_used(struct store *s, const char *owner, uint64_t *ret, struct err *e)
{
	int64_t used = 0;
	int r = store_run(s, "lfs_used", take_int, &used, e, "s", owner);

	if (r < 0)
		return r;
	*ret = (uint64_t)used;
	return 0;
}

static int sum_once(struct store *s, struct lfs_room *room, struct err *e)
{
	int r = room->summed ? 0 : lfs_used(s, room->owner, &room->used, e);

	room->summed |= r == 0;
	return r;
}

int lfs_check_room(struct store *s, struct lfs_room *room, const struct pointer *p, struct err *e)
{
	char words[3][SIZE_WORDS_MAX];
	int64_t has = 0;
	uint64_t used;
	int r = room->limit ? store_run(s, "lfs_owner_has", take_int, &has, e, "ss", room->owner,
				      p->oid)
			    : 0;

	room->fresh = !has;
	if (r < 0 || !room->limit || has)
		return r < 0 ? r : 0;
	r = sum_once(s, room, e);
	used = room->used + room->busy;
	if (r < 0 || (used <= room->limit && p->size <= room->limit - used))
		return r;
	size_words(p->size, words[0]);
	size_words(used < room->limit ? room->limit - used : 0, words[1]);
	size_words(room->limit, words[2]);
	return err_set(e, -EDQUOT,
		"this file has %s, and '%s' has %s left of its %s for large files", words[0],
		room->owner, words[1], words[2]);
}
