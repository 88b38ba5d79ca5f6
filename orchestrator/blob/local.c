/*
 * The driver for one machine: WHERE/aa/HASH, one file per blob; WHERE/new-ID while it is written,
 * WHERE/part-ID while its parts come.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/random.h"
#include "orchestrator/blob/blob.h"

#define CHUNK 65536

struct blob_store {
	int dir; /* owned */
};

struct blob_writer {
	struct blob_store *store; /* borrowed */
	int fd;                   /* owned; -1: renamed or never made */
	EVP_MD_CTX *digest;       /* owned */
	uint64_t n;
	char temp[ID_LEN + 8], hash[SHA256_HEX + 1];
};

static bool is_hash(const char *hash)
{
	return strlen(hash) == SHA256_HEX && strspn(hash, "0123456789abcdef") == SHA256_HEX;
}

/* "aa/HASH" */
static void path_of(const char *hash, char ret[SHA256_HEX + 4])
{
	(void)snprintf(ret, SHA256_HEX + 4, "%.2s/%s", hash, hash);
}

/* A crash may leave a half-written file; nothing refers to it. */
static void sweep_temporary(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (!strncmp(entry->d_name, "new-", 4))
			(void)unlinkat(dir, entry->d_name, 0);
	if (d)
		closedir(d);
}

int blob_store_open(const char *where, struct blob_store **ret, struct err *e)
{
	CLEANUP(blob_store_closep) struct blob_store *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_set(e, -ENOMEM, "out of memory");
	b->dir = -1;
	r = fs_mkdirs(where, 0700, e);
	if (r < 0)
		return r;
	b->dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->dir < 0)
		return err_set(e, -errno, "cannot open %s: %s", where, strerror(errno));
	sweep_temporary(b->dir);
	*ret = TAKE_PTR(b);
	return 0;
}

struct blob_store *blob_store_close(struct blob_store *b)
{
	if (!b)
		return NULL;
	if (b->dir >= 0)
		close(b->dir);
	free(b);
	return NULL;
}

static int copy_and_digest(int from, int to, char ret_hash[SHA256_HEX + 1])
{
	static uint8_t chunk[CHUNK]; /* single-threaded */
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[SHA256_LEN];
	off_t at = 0;
	ssize_t n = 0;
	int r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	while (r == 0 && (n = pread(from, chunk, sizeof(chunk), at)) > 0) {
		at += n;
		if (EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
			r = -ENOMEM;
		else
			r = fs_write_all(to, chunk, (size_t)n);
	}
	if (r == 0 && n < 0)
		r = -errno;
	if (r == 0 && EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		r = -ENOMEM;
	EVP_MD_CTX_free(ctx);
	if (r == 0)
		hex_write(digest, sizeof(digest), ret_hash);
	return r;
}

static int sync_dir(int dir, const char *name)
{
	CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Gives a synced temporary file its name. */
static int name_it(int dir, const char *temp, const char *hash)
{
	char shard[3] = {hash[0], hash[1]};
	char path[SHA256_HEX + 4];

	if (mkdirat(dir, shard, 0700) < 0 && errno != EEXIST)
		return -errno;
	path_of(hash, path);
	return renameat(dir, temp, dir, path) < 0 ? -errno : 0;
}

/* Both folders, whoever changed them: blob_publish may not have come to it yet. */
static int sync_folders(int dir, const char *hash)
{
	char shard[3] = {hash[0], hash[1]};
	int r = sync_dir(dir, shard);

	return r == 0 ? sync_dir(dir, ".") : r;
}

int blob_put(struct blob_store *b, int fd, char ret_hash[SHA256_HEX + 1], struct err *e)
{
	char temp[ID_LEN + 8], id[ID_LEN + 1], hash[SHA256_HEX + 1];
	CLEANUP(closep) int out = -1;
	bool there;
	int r;

	random_id(id);
	(void)snprintf(temp, sizeof(temp), "new-%s", id);
	out = openat(b->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (out < 0)
		return err_set(e, -errno, "cannot store a file: %s", strerror(errno));
	r = copy_and_digest(fd, out, hash);
	there = r == 0 && blob_touch(b, hash);
	if (r == 0 && !there && fdatasync(out) < 0)
		r = -errno;
	if (r == 0 && !there)
		r = name_it(b->dir, temp, hash);
	if (r < 0 || there)
		(void)unlinkat(b->dir, temp, 0);
	if (r == 0)
		r = sync_folders(b->dir, hash);
	if (r < 0)
		return err_set(e, r, "cannot store a file: %s", strerror(-r));
	memcpy(ret_hash, hash, sizeof(hash));
	return 0;
}

int blob_open(struct blob_store *b, const char *hash, struct err *e)
{
	char path[SHA256_HEX + 4];
	int fd;

	if (!is_hash(hash))
		return err_set(e, -ENOENT, "'%.64s' is no SHA-256", hash);
	path_of(hash, path);
	fd = openat(b->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set(e, -errno, "cannot open blob %s: %s", hash, strerror(errno));
	return fd;
}

int blob_link(struct blob_store *b, const char *hash, const char *path, struct err *e)
{
	CLEANUP(closep) int fd = blob_open(b, hash, e);
	char name[SHA256_HEX + 4];

	if (fd < 0)
		return fd;
	path_of(hash, name);
	/* The store's own folders let nobody else in. */
	if (fchmod(fd, 0444) < 0 || linkat(b->dir, name, AT_FDCWD, path, 0) < 0)
		return err_set(e, -errno, "cannot link blob %.12s… to %s: %s", hash, path,
			strerror(errno));
	return 0;
}

bool blob_has(struct blob_store *b, const char *hash)
{
	char path[SHA256_HEX + 4];

	if (!is_hash(hash))
		return false;
	path_of(hash, path);
	return faccessat(b->dir, path, F_OK, 0) == 0;
}

int blob_delete(struct blob_store *b, const char *hash, struct err *e)
{
	char path[SHA256_HEX + 4];

	if (!is_hash(hash))
		return 0;
	path_of(hash, path);
	if (unlinkat(b->dir, path, 0) < 0 && errno != ENOENT)
		return err_set(e, -errno, "cannot delete blob %s: %s", hash, strerror(errno));
	return 0;
}

bool blob_touch(struct blob_store *b, const char *hash)
{
	char path[SHA256_HEX + 4];

	if (!is_hash(hash))
		return false;
	path_of(hash, path);
	return utimensat(b->dir, path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

int64_t blob_size(struct blob_store *b, const char *hash)
{
	char path[SHA256_HEX + 4];
	struct stat st;

	if (!is_hash(hash))
		return -ENOENT;
	path_of(hash, path);
	return fstatat(b->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : st.st_size;
}

int blob_list(struct blob_store *b, unsigned int shard, blob_fn fn, void *data)
{
	char name[3];
	const struct dirent *entry;
	struct stat st;
	int fd, r = 0;
	DIR *d;

	(void)snprintf(name, sizeof(name), "%02x", shard % BLOB_SHARDS);
	fd = openat(b->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (d && r == 0 && (entry = readdir(d)))
		if (is_hash(entry->d_name) &&
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			r = fn(entry->d_name, st.st_mtim.tv_sec, data);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return r;
}

/* --- bytes one after another --- */

static int cannot(struct err *e, int r)
{
	return err_set(e, r, "cannot store a file: %s", strerror(-r));
}

int blob_begin(struct blob_store *b, struct blob_writer **ret, struct err *e)
{
	CLEANUP(blob_abortp) struct blob_writer *w = calloc(1, sizeof(*w));
	char id[ID_LEN + 1];

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	w->store = b;
	w->fd = -1;
	w->digest = EVP_MD_CTX_new();
	if (!w->digest || EVP_DigestInit_ex(w->digest, EVP_sha256(), NULL) != 1)
		return err_set(e, -ENOMEM, "out of memory");
	random_id(id);
	(void)snprintf(w->temp, sizeof(w->temp), "new-%s", id);
	w->fd = openat(b->dir, w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (w->fd < 0)
		return cannot(e, -errno);
	*ret = TAKE_PTR(w);
	return 0;
}

int blob_write(struct blob_writer *w, const void *bytes, size_t n, struct err *e)
{
	int r = EVP_DigestUpdate(w->digest, bytes, n) == 1 ? fs_write_all(w->fd, bytes, n)
							   : -ENOMEM;

	if (r < 0)
		return cannot(e, r);
	w->n += n;
	return 0;
}

uint64_t blob_written(const struct blob_writer *w)
{
	return w->n;
}

int blob_dup(const struct blob_writer *w)
{
	int fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

int blob_end(struct blob_writer *w, char ret_hash[SHA256_HEX + 1], struct err *e)
{
	uint8_t raw[SHA256_LEN];

	if (EVP_DigestFinal_ex(w->digest, raw, NULL) != 1)
		return err_set(e, -ENOMEM, "out of memory");
	hex_write(raw, sizeof(raw), w->hash);
	memcpy(ret_hash, w->hash, sizeof(w->hash));
	return 0;
}

struct blob_writer *blob_abort(struct blob_writer *w)
{
	if (!w)
		return NULL;
	if (w->fd >= 0) {
		(void)unlinkat(w->store->dir, w->temp, 0);
		close(w->fd);
	}
	EVP_MD_CTX_free(w->digest);
	free(w);
	return NULL;
}

/* Both folders that a new name may have changed. */
static int open_folders(int dir, const char *hash, int ret_fds[2])
{
	char shard[3] = {hash[0], hash[1]};
	int r;

	ret_fds[0] = openat(dir, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret_fds[1] = ret_fds[0] < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret_fds[1] >= 0)
		return 0;
	r = -errno;
	if (ret_fds[0] >= 0)
		close(ret_fds[0]);
	return r;
}

static int take_name(
	struct blob_store *b, const char *temp, const char *hash, int ret_fds[2], struct err *e)
{
	int r = 0;

	if (blob_touch(b, hash))
		(void)unlinkat(b->dir, temp, 0);
	else if (utimensat(b->dir, temp, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno; /* its bytes may have come long ago */
	else
		r = name_it(b->dir, temp, hash);
	if (r == 0)
		r = open_folders(b->dir, hash, ret_fds);
	return r < 0 ? cannot(e, r) : 0;
}

int blob_publish(struct blob_writer *w, int ret_fds[2], struct err *e)
{
	int r = take_name(w->store, w->temp, w->hash, ret_fds, e);

	if (r == 0) {
		close(w->fd);
		w->fd = -1; /* the name is not ours any more */
	}
	(void)blob_abort(w);
	return r;
}

/* --- bytes in any order --- */

#define PARTS_NAME_MAX (PARTS_ID_MAX + 8)

static int parts_name(const char *id, char ret[PARTS_NAME_MAX])
{
	size_t n = strlen(id);

	if (n == 0 || n > PARTS_ID_MAX || strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-") != n)
		return -EINVAL;
	(void)snprintf(ret, PARTS_NAME_MAX, "part-%s", id);
	return 0;
}

int blob_parts_open(struct blob_store *b, const char *id, uint64_t size, struct err *e)
{
	CLEANUP(closep) int fd = -1;
	char name[PARTS_NAME_MAX];
	struct stat st;

	if (parts_name(id, name) < 0)
		return err_set(e, -EINVAL, "'%.32s' is no upload", id);
	fd = openat(b->dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot(e, -errno);
	if (st.st_size != (off_t)size && ftruncate(fd, (off_t)size) < 0)
		return cannot(e, -errno);
	return TAKE_FD(fd);
}

int blob_parts_find(struct blob_store *b, const char *id, struct err *e)
{
	char name[PARTS_NAME_MAX];
	int fd;

	if (parts_name(id, name) < 0)
		return err_set(e, -EINVAL, "'%.64s' is no upload", id);
	fd = openat(b->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, -ENOENT, "its parts are not here any more; upload it again");
	return fd < 0 ? cannot(e, -errno) : fd;
}

int blob_parts_birth(int fd, char ret[PARTS_BIRTH_MAX])
{
	struct statx s;

	/* Numbers of files are used again; where a file system has times of birth, those are not.
	 */
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &s) < 0)
		return -errno;
	if (!(s.stx_mask & STATX_BTIME))
		s.stx_btime.tv_sec = s.stx_btime.tv_nsec = 0;
	(void)snprintf(ret, PARTS_BIRTH_MAX, "%llu %lld.%u", (unsigned long long)s.stx_ino,
		(long long)s.stx_btime.tv_sec, (unsigned int)s.stx_btime.tv_nsec);
	return 0;
}

int blob_parts_publish(
	struct blob_store *b, const char *id, const char *hash, int ret_fds[2], struct err *e)
{
	char name[PARTS_NAME_MAX];

	if (parts_name(id, name) < 0 || !is_hash(hash))
		return err_set(e, -EINVAL, "'%.32s' is no upload", id);
	return take_name(b, name, hash, ret_fds, e);
}

void blob_parts_drop(struct blob_store *b, const char *id)
{
	char name[PARTS_NAME_MAX];

	if (parts_name(id, name) == 0)
		(void)unlinkat(b->dir, name, 0);
}

void blob_parts_list(struct blob_store *b, blob_parts_fn fn, void *data)
{
	int copy = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d)))
		if (!strncmp(entry->d_name, "part-", 5) &&
			fstatat(copy, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			fn(entry->d_name + 5, (uint64_t)st.st_blocks * 512, data);
	if (d)
		closedir(d);
}

void blob_parts_expire(struct blob_store *b, int64_t before_sec)
{
	int copy = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d)))
		if (!strncmp(entry->d_name, "part-", 5) &&
			fstatat(copy, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			st.st_mtim.tv_sec < before_sec)
			(void)unlinkat(copy, entry->d_name, 0);
	if (d)
		closedir(d);
}
