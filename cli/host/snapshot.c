#include "cli/host/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define DEPTH_MAX 32
#define ENTRIES_MAX (4u << 20) /* of one folder */
#define TRIES 50
#define COPY_ONCE (64u << 20)
#define BUSY_MSEC 30000
#define SETTLED_SEC 60

/* What is copied before the others of its folder, or after them; the others have 0. */
static const struct {
	const char *name;
	int rank;
} ranks[] = {
	/* of the data folder: a ledger that is ahead of the usage that waits for it would take new
	   rows for old ones */
	{"gateway", -1},
	{"inference", 1},
	/* gateway: sessions name files */
	{"sessions", -2},
	/* what apps keep: before the rows that name them, and again after those */
	{"files", -1},
	/* orchestrator */
	{"repos", 1},
	{"blobs", 2},
	/* a repo: a ref leaves refs/ after it has come into packed-refs, and all lead to objects,
	   which leave their own files after they have come into a pack */
	{"packed-refs", 1},
	{"objects", 2},
	{"pack", 1},
};

/* Folders that make sense only whole: a file that went while they were read begins them anew. */
static const char *const whole[] = {"sessions", "pack", "inference"};

static bool is_whole(const char *name)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (!strcmp(whole[i], name))
			return true;
	return false;
}

static bool has_ending(const char *name, const char *ending)
{
	size_t n = strlen(name), m = strlen(ending);

	return n > m && !strcmp(name + n - m, ending);
}

enum area { AREA_OTHER, AREA_MODELS, AREA_REPOS, AREA_REFS, AREA_BLOBS };

/* Where in the data folder a folder is. */
struct place {
	int depth; /* 0: the data folder itself */
	enum area area;
};

static struct place place_below(struct place p, const char *name)
{
	struct place below = {.depth = p.depth + 1, .area = p.area};

	if (p.depth == 0 && !strcmp(name, "models"))
		below.area = AREA_MODELS;
	else if (p.depth == 1 && !strcmp(name, "repos"))
		below.area = AREA_REPOS;
	else if (p.area == AREA_REPOS && !strcmp(name, "refs"))
		below.area = AREA_REFS; /* people choose the names in there */
	else if (p.depth == 1 && !strcmp(name, "blobs"))
		below.area = AREA_BLOBS;
	return below;
}

/* Ours alone, and no tenant's names in it. */
static bool is_service(struct place in)
{
	return in.area == AREA_OTHER && (in.depth == 1 || in.depth == 2);
}

/* Made anew at each start, part of a database that is copied whole, or half of something. */
static bool is_left_out(const char *name, struct place in)
{
	if (in.depth == 0)
		return !strcmp(name, MANIFEST_RUN) || !strcmp(name, MANIFEST_SERVED) ||
		       !strcmp(name, SNAPSHOT_NAME);
	if (is_service(in) && (has_ending(name, ".db-wal") || has_ending(name, ".db-shm")))
		return true;
	if (in.depth == 1)
		return !strcmp(name, "hooks") || !strcmp(name, "served");
	if (in.area == AREA_REFS)
		return has_ending(name, ".lock"); /* git has no ref of such a name */
	if (in.area == AREA_BLOBS)
		return !strncmp(name, "new-", 4) || !strncmp(name, "part-", 5);
	return in.area == AREA_REPOS && (has_ending(name, ".lock") || !strncmp(name, "tmp_", 4) ||
						!strncmp(name, "incoming-", 9));
}

/* It is written once; a model's folder is its operator's, who may be at work in it. */
static bool is_finished(const struct stat *st, struct place in)
{
	return !(st->st_mode & 0222) ||
	       (in.area == AREA_MODELS && st->st_mtim.tv_sec + SETTLED_SEC < time(NULL));
}

struct entry {
	char *name; /* owned */
	int rank;
};

struct listing {
	struct entry *all; /* owned */
	size_t n, cap;
};

static void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->all[i].name);
	free(l->all);
	*l = (struct listing){0};
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->rank != y->rank ? x->rank - y->rank : strcmp(x->name, y->name);
}

static int rank_of(const char *name)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(*ranks); i++)
		if (!strcmp(ranks[i].name, name))
			return ranks[i].rank;
	return 0;
}

static int append(struct listing *l, const char *name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct entry *grown =
			cap > ENTRIES_MAX ? NULL : reallocarray(l->all, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->all = grown;
		l->cap = cap;
	}
	l->all[l->n].name = strdup(name);
	l->all[l->n].rank = rank_of(name);
	return l->all[l->n].name ? (l->n++, 0) : -ENOMEM;
}

static int list(int dir, struct place in, struct listing *l)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			!is_left_out(entry->d_name, in))
			r = append(l, entry->d_name);
	if (r == 0 && errno)
		r = -errno;
	(void)closedir(d);
	if (r == 0)
		qsort(l->all, l->n, sizeof(*l->all), compare);
	return r;
}

/* --- files --- */

static int copy_bytes(int from, int to)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_ONCE, 0);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int take_over(int to, const struct stat *st)
{
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	return 0;
}

/* Names in here for SQLite, which takes no fd. */
static int copy_database(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char from[64 + NAME_MAX], to[64 + NAME_MAX];
	sqlite3 *source = NULL, *target = NULL;
	sqlite3_backup *b = NULL;
	int code = SQLITE_CANTOPEN;
	CLEANUP(closep) int fd = -1;

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", from_dir, name);
	(void)snprintf(to, sizeof(to), "/proc/self/fd/%d/%s", to_dir, name);
	if (sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
			SQLITE_OK) {
		(void)sqlite3_busy_timeout(source, BUSY_MSEC);
		b = sqlite3_backup_init(target, "main", source, "main");
		code = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(target);
		if (b)
			(void)sqlite3_backup_finish(b);
	}
	(void)sqlite3_close(target);
	(void)sqlite3_close(source);
	if (code != SQLITE_DONE)
		return code == SQLITE_FULL ? -ENOSPC : code == SQLITE_BUSY ? -EBUSY : -EIO;
	fd = openat(to_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : take_over(fd, st);
}

static int copy_file(int from_dir, int to_dir, const char *name, struct place in)
{
	CLEANUP(closep) int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP(closep) int to = -1;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	if (is_service(in) && has_ending(name, ".db"))
		return copy_database(from_dir, to_dir, name, &st);
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0) /* the second time: it has not changed since */
		return errno == EEXIST ? 0 : -errno;
	r = copy_bytes(from, to);
	return r < 0 ? r : take_over(to, &st);
}

static int take_file(
	int from_dir, int to_dir, const char *name, const struct stat *st, struct place in)
{
	if (is_finished(st, in)) {
		if (linkat(from_dir, name, to_dir, name, 0) == 0 || errno == EEXIST)
			return 0;
		if (errno == ENOENT)
			return -ENOENT;
	}
	return copy_file(from_dir, to_dir, name, in);
}

/* --- folders --- */

static int take_folder(int from, int to, const char *name, struct place in, struct err *e);

/* -ENOENT: it went meanwhile. */
static int take_entry(int from, int to, const char *name, struct place in, struct err *e)
{
	CLEANUP(closep) int below = -1;
	CLEANUP(closep) int copy = -1;
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? -ENOENT : err_set(e, -errno, "%s: %m", name);
	if (S_ISREG(st.st_mode)) {
		r = take_file(from, to, name, &st, in);
		return r < 0 && r != -ENOENT ? err_set(e, r, "%s: %s", name, strerror(-r)) : r;
	}
	if (!S_ISDIR(st.st_mode)) /* a socket, a link: nothing that is kept */
		return 0;
	below = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (below < 0)
		return errno == ENOENT ? -ENOENT : err_set(e, -errno, "%s: %m", name);
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return err_set(e, -errno, "%s: %m", name);
	copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (copy < 0)
		return err_set(e, -errno, "%s: %m", name);
	r = take_folder(below, copy, name, place_below(in, name), e);
	if (r == 0 && take_over(copy, &st) < 0)
		r = err_set(e, -errno, "%s: %m", name);
	return r;
}

static int take_once(int from, int to, struct place in, bool *ret_lost, struct err *e)
{
	CLEANUP(listing_done) struct listing l = {0};
	int r = list(from, in, &l);

	if (r < 0)
		return err_set(e, r, "a folder cannot be read: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		r = take_entry(from, to, l.all[i].name, in, e);
		if (r == -ENOENT) {
			*ret_lost = true;
			r = 0;
		}
	}
	/* A file goes only after the row that names another one in its place. */
	if (r == 0 && in.depth == 2 && is_service(in))
		r = take_entry(from, to, "files", in, e);
	return r == -ENOENT ? 0 : r;
}

static void empty(int dir)
{
	char path[64];
	const struct dirent *entry;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			unlinkat(dir, entry->d_name, 0) < 0) {
			char below[sizeof(path) + NAME_MAX];

			(void)snprintf(
				below, sizeof(below), "/proc/self/fd/%d/%s", dir, entry->d_name);
			(void)fs_remove_tree(below);
		}
	(void)closedir(d);
}

static int take_folder(int from, int to, const char *name, struct place in, struct err *e)
{
	if (in.depth > DEPTH_MAX)
		return err_set(e, -ELOOP, "%s: more than %d folders deep", name, DEPTH_MAX);
	for (int i = 0; i < TRIES; i++) {
		bool lost = false;
		int r = take_once(from, to, in, &lost, e);

		if (r < 0 || !lost || !is_whole(name))
			return r;
		empty(to);
	}
	return err_set(e, -EAGAIN, "%s: files in it were replaced each time it was read", name);
}

int snapshot_take(const char *data, char ret[SNAPSHOT_PATH_MAX], int *ret_lock, struct err *e)
{
	CLEANUP(closep) int from = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep) int to = -1;
	CLEANUP(closep) int lock = -1;
	char path[SNAPSHOT_PATH_MAX];
	int r;

	if (from < 0)
		return err_set(e, -errno, "%s: %m", data);
	if (snprintf(path, sizeof(path), "%s/" SNAPSHOT_NAME, data) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	/* The lock is the data folder's: that of the snapshot would go with it. */
	lock = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -EBUSY, "another backup of %s is being made", data);
	(void)fs_remove_tree(path);
	if (mkdirat(from, SNAPSHOT_NAME, 0700) < 0)
		return err_set(e, -errno, "%s: %m", path);
	to = openat(from, SNAPSHOT_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = to < 0 ? err_set(e, -errno, "%s: %m", path)
		   : take_folder(from, to, "", (struct place){.depth = 0}, e);
	if (r < 0) {
		(void)fs_remove_tree(path);
		return r;
	}
	(void)snprintf(ret, SNAPSHOT_PATH_MAX, "%s", path);
	*ret_lock = TAKE_FD(lock);
	return 0;
}

void snapshot_drop(const char *data, int lock)
{
	char path[SNAPSHOT_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/" SNAPSHOT_NAME, data);
	(void)fs_remove_tree(path);
	close(lock);
}
