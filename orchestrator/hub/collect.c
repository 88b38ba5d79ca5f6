#include "orchestrator/hub/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "orchestrator/repo/pointers.h"

#define PERIODS 4            /* rounds in a grace period */
#define PERIOD_MAX_SEC 21600 /* and at least this often */
#define DROPS_MAX 200        /* rows looked at in one turn of the loop */
#define OIDS_MAX 2000000     /* of one repo; one with more is left alone */
#define PAUSE_USEC 2000
#define BUSY_USEC USEC_PER_SEC

struct collector {
	struct collector_config config;
	struct source *timer; /* owned */
	void (*next)(struct collector *c);
	int64_t cutoff_usec; /* wall clock: what was touched later stays */
	char repo[ID_LEN + 1];
	struct pointer_scan *scan;   /* owned */
	uint8_t (*oids)[SHA256_LEN]; /* owned; what the repo points to, sorted once it is whole */
	size_t n, cap;
	bool incomplete;
	char after[SHA256_HEX + 1]; /* rows up to this oid have been looked at */
	unsigned int shard;
	size_t rows_dropped, blobs_dropped;
};

static void go_on(struct collector *c, void (*next)(struct collector *c), uint64_t usec)
{
	c->next = next;
	timer_arm_after(c->timer, usec);
}

static void on_timer(void *data)
{
	struct collector *c = data;

	c->next(c);
}

/* --- blobs --- */

static void begin(struct collector *c);

static uint64_t period_usec(const struct collector *c)
{
	uint64_t usec = c->config.grace_sec * USEC_PER_SEC / PERIODS;

	return usec < PERIOD_MAX_SEC * USEC_PER_SEC ? usec : PERIOD_MAX_SEC * USEC_PER_SEC;
}

static int count_users(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

static int look_at_blob(const char *hash, int64_t touched_sec, void *data)
{
	struct collector *c = data;
	int64_t users = 1;
	struct err e = {0};

	if (touched_sec >= c->cutoff_usec / (int64_t)USEC_PER_SEC)
		return 0;
	if (store_run(c->config.store, "blob_users", count_users, &users, &e, "s", hash) < 0)
		return -EIO;
	if (users)
		return 0;
	if (blob_delete(c->config.blobs, hash, &e) < 0)
		log_warn("%s", e.text);
	else
		c->blobs_dropped++;
	return 0;
}

static void next_shard(struct collector *c)
{
	if (c->shard < BLOB_SHARDS) {
		(void)blob_list(c->config.blobs, c->shard++, look_at_blob, c);
		go_on(c, next_shard, PAUSE_USEC);
		return;
	}
	blob_parts_expire(
		c->config.blobs, (int64_t)(clock_wall_usec() / USEC_PER_SEC) - PARTS_KEEP_SEC);
	if (c->rows_dropped || c->blobs_dropped)
		log_info("large files: %zu that nothing points to let go, %zu blobs removed",
			c->rows_dropped, c->blobs_dropped);
	go_on(c, begin, period_usec(c));
}

/* --- rows --- */

static void next_repo(struct collector *c);

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static bool is_pointed_to(const struct collector *c, const char *oid)
{
	uint8_t raw[SHA256_LEN];

	return !hex_read(oid, SHA256_LEN, raw) ||
	       (c->n && bsearch(raw, c->oids, c->n, SHA256_LEN, compare));
}

struct old_rows {
	char oids[DROPS_MAX][SHA256_HEX + 1];
	size_t n;
};

static int take_old(const struct store_row *row, void *data)
{
	struct old_rows *l = data;

	(void)snprintf(l->oids[l->n++], sizeof(l->oids[0]), "%s", store_text(row, 0));
	return l->n == DROPS_MAX;
}

static int drop(struct collector *c, const struct old_rows *l, struct err *e)
{
	int r = store_begin(c->config.store, e);

	for (size_t i = 0; i < l->n && r >= 0; i++) {
		if (is_pointed_to(c, l->oids[i]))
			continue;
		r = store_run(c->config.store, "lfs_drop", NULL, NULL, e, "ssi", c->repo,
			l->oids[i], c->cutoff_usec);
		c->rows_dropped += r > 0;
	}
	if (r >= 0)
		r = store_commit(c->config.store, e);
	store_rollback(c->config.store);
	return r;
}

static void drop_some(struct collector *c)
{
	static struct old_rows l; /* single-threaded */
	struct err e = {0};
	int r;

	l.n = 0;
	r = store_run(c->config.store, "lfs_old", take_old, &l, &e, "sisi", c->repo, c->cutoff_usec,
		c->after, (int64_t)DROPS_MAX);
	if (r >= 0 && l.n)
		r = drop(c, &l, &e);
	if (r < 0)
		log_warn("large files of repo %s are not looked through: %s", c->repo, e.text);
	if (r >= 0 && l.n == DROPS_MAX) {
		memcpy(c->after, l.oids[l.n - 1], sizeof(c->after));
		go_on(c, drop_some, PAUSE_USEC);
	} else {
		go_on(c, next_repo, PAUSE_USEC);
	}
}

static void on_pointer(const char *oid, const char *path, void *data)
{
	struct collector *c = data;

	(void)path;
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 256;
		void *grown = cap > OIDS_MAX ? NULL : reallocarray(c->oids, cap, SHA256_LEN);

		c->incomplete |= !grown;
		if (!grown)
			return;
		c->oids = grown;
		c->cap = cap;
	}
	if (hex_read(oid, SHA256_LEN, c->oids[c->n]))
		c->n++;
}

static void on_scanned(int outcome, void *data)
{
	struct collector *c = data;

	c->scan = NULL;
	if (outcome < 0 || c->incomplete) {
		log_warn("large files of repo %s are left alone: its refs cannot be read in full",
			c->repo);
		go_on(c, next_repo, PAUSE_USEC);
		return;
	}
	if (c->n)
		qsort(c->oids, c->n, SHA256_LEN, compare);
	c->after[0] = '\0';
	drop_some(c);
}

static const struct pointer_scan_ops scan_ops = {.on_pointer = on_pointer, .on_done = on_scanned};

static int take_repo(const struct store_row *row, void *data)
{
	struct collector *c = data;

	(void)snprintf(c->repo, sizeof(c->repo), "%s", store_text(row, 0));
	return 1;
}

static void scan_repo(struct collector *c)
{
	char path[REPO_PATH_MAX];
	const struct pointer_scan_plan plan = {.repo = path};
	struct err e = {0};
	int r;

	c->n = 0;
	c->incomplete = false;
	repo_path(c->config.repos, c->repo, path);
	if (!repo_exists(path)) {
		on_scanned(errno == ENOENT ? 0 : -EIO, c); /* nothing was ever pushed */
		return;
	}
	r = pointer_scan_start(c->config.loop, &plan, &scan_ops, c, &c->scan, &e);
	if (r == -EBUSY || r == -EAGAIN) {
		go_on(c, scan_repo, BUSY_USEC);
	} else if (r < 0) {
		log_warn("repo %s: %s", c->repo, e.text);
		go_on(c, next_repo, PAUSE_USEC);
	}
}

static void next_repo(struct collector *c)
{
	struct err e = {0};
	int r = store_run(
		c->config.store, "lfs_next_repo", take_repo, c, &e, "si", c->repo, c->cutoff_usec);

	if (r > 0) {
		scan_repo(c);
		return;
	}
	free(c->oids);
	c->oids = NULL;
	c->cap = c->n = 0;
	if (r < 0) {
		log_warn("large files are not looked through: %s", e.text);
		go_on(c, begin, period_usec(c));
	} else {
		go_on(c, next_shard, PAUSE_USEC);
	}
}

static void begin(struct collector *c)
{
	c->cutoff_usec = (int64_t)(clock_wall_usec() - c->config.grace_sec * USEC_PER_SEC);
	c->repo[0] = '\0';
	c->shard = 0;
	c->rows_dropped = c->blobs_dropped = 0;
	next_repo(c);
}

/* --- life --- */

int collector_new(const struct collector_config *config, struct collector **ret)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->config = *config;
	if (!c->config.grace_sec)
		c->config.grace_sec = COLLECT_GRACE_SEC;
	if (loop_add_timer(config->loop, on_timer, c, &c->timer) < 0) {
		free(c);
		return -ENOMEM;
	}
	go_on(c, begin, period_usec(c) < 60 * USEC_PER_SEC ? period_usec(c) : 60 * USEC_PER_SEC);
	*ret = c;
	return 0;
}

struct collector *collector_free(struct collector *c)
{
	if (!c)
		return NULL;
	(void)pointer_scan_free(c->scan);
	(void)source_free(c->timer);
	free(c->oids);
	free(c);
	return NULL;
}
