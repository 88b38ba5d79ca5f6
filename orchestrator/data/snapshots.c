/*
 * A snapshot is a number: the Space's revision when it was made. Rows that are replaced later and
 * are of that time or before are kept beside; so making one costs nothing, and keeping it what
 * changes.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/data/ops.h"

static int read_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 0;
}

/* Whether the newest snapshot has a row of that revision: any older one has it too, or has an
 * older row, which was kept when this one came. */
static int is_wanted(struct op_call *c, int64_t revision, struct err *e)
{
	int64_t newest = -1;
	int r = store_run(c->db, "snapshot_newest", read_number, &newest, e, "s", c->space);

	return r < 0 ? r : revision > 0 && newest >= revision;
}

int snapshot_keep_item(struct op_call *c, const char *key, int64_t now, int64_t next, struct err *e)
{
	int r = is_wanted(c, now, e);

	if (r == 1)
		r = store_run(c->db, "old_item_keep", NULL, NULL, e, "sssi", c->space, c->scope,
			key, next);
	return r;
}

int snapshot_keep_file(
	struct op_call *c, const char *name, int64_t now, int64_t next, struct err *e)
{
	int r = is_wanted(c, now, e);

	if (r == 1)
		r = store_run(c->db, "old_file_keep", NULL, NULL, e, "ssi", c->space, name, next);
	return r;
}

int op_snapshot_make(struct op_call *c, struct err *e)
{
	int64_t revision = 0, n = 0;
	int r = store_run(c->db, "snapshot_count", read_number, &n, e, "s", c->space);

	if (r >= 0 && n >= DATA_SNAPSHOTS) {
		c->code = "quota";
		return err_set(e, -EINVAL,
			"the Space has %lld snapshots, the limit is %d; remove one", (long long)n,
			DATA_SNAPSHOTS);
	}
	if (r >= 0)
		r = store_run(c->db, "space_get", read_number, &revision, e, "s", c->space);
	if (r >= 0)
		r = store_run(c->db, "snapshot_add", NULL, NULL, e, "sii", c->space, revision,
			(int64_t)clock_wall_usec());
	return r < 0 ? r : buf_addf(c->out, "{\"snapshot\":%lld}", (long long)revision);
}

struct listing {
	struct buf *out;
	size_t n;
};

static int write_snapshot(const struct store_row *row, void *data)
{
	struct listing *l = data;

	return buf_addf(l->out, "%s{\"snapshot\":%lld,\"made\":%lld}", l->n++ ? "," : "",
		(long long)store_int(row, 0),
		(long long)store_int(row, 1) / (long long)USEC_PER_SEC);
}

int op_snapshot_list(struct op_call *c, struct err *e)
{
	struct listing l = {.out = c->out};
	int r = buf_add_str(c->out, "{\"items\":[");

	if (r == 0)
		r = store_run(c->db, "snapshot_list", write_snapshot, &l, e, "s", c->space);
	return r < 0 ? r : buf_add_str(c->out, "]}");
}

/* Files that only it had go with the next tidying. */
int op_snapshot_remove(struct op_call *c, struct err *e)
{
	int64_t revision;
	int r = json_get_int(c->args, "snapshot", 0, INT64_MAX, &revision, e), removed;

	if (r < 0) {
		e->code = -EINVAL;
		return -EINVAL;
	}
	removed = store_run(c->db, "snapshot_delete", NULL, NULL, e, "si", c->space, revision);
	r = removed;
	if (r > 0)
		r = store_run(c->db, "old_item_prune", NULL, NULL, e, "s", c->space);
	if (r >= 0 && removed > 0)
		r = store_run(c->db, "old_file_prune", NULL, NULL, e, "s", c->space);
	return r < 0 ? r : buf_addf(c->out, "{\"removed\":%s}", removed > 0 ? "true" : "false");
}
