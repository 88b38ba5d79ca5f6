/* The driver for one machine: WHERE/aa/HASH, one file per blob. */
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

/* Gives the synced temporary file its name; both folders are synced where they changed. */
static int publish(int dir, const char *temp, const char *hash)
{
	char shard[3] = {hash[0], hash[1]};
	char path[SHA256_HEX + 4];
	bool made = mkdirat(dir, shard, 0700) == 0;
	int r;

	if (!made && errno != EEXIST)
		return -errno;
	path_of(hash, path);
	if (renameat(dir, temp, dir, path) < 0)
		return -errno;
	r = sync_dir(dir, shard);
	if (r == 0 && made)
		r = sync_dir(dir, ".");
	return r;
}

int blob_put(struct blob_store *b, int fd, char ret_hash[SHA256_HEX + 1], struct err *e)
{
	char temp[ID_LEN + 8], id[ID_LEN + 1], hash[SHA256_HEX + 1];
	CLEANUP(closep) int out = -1;
	int r;

	random_id(id);
	(void)snprintf(temp, sizeof(temp), "new-%s", id);
	out = openat(b->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (out < 0)
		return err_set(e, -errno, "cannot store a file: %s", strerror(errno));
	r = copy_and_digest(fd, out, hash);
	if (r == 0 && blob_has(b, hash)) {
		(void)unlinkat(b->dir, temp, 0);
		goto done;
	}
	if (r == 0 && fdatasync(out) < 0)
		r = -errno;
	if (r == 0)
		r = publish(b->dir, temp, hash);
	if (r < 0) {
		(void)unlinkat(b->dir, temp, 0);
		return err_set(e, r, "cannot store a file: %s", strerror(-r));
	}
done:
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

static int list_shard(
	int dir, const char *shard, int (*fn)(const char *hash, void *data), void *data)
{
	int fd = openat(dir, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	while (d && r == 0 && (entry = readdir(d)))
		if (is_hash(entry->d_name))
			r = fn(entry->d_name, data);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return r;
}

int blob_list(struct blob_store *b, int (*fn)(const char *hash, void *data), void *data)
{
	int r = 0;

	for (int i = 0; i < 256 && r == 0; i++) {
		char shard[3];

		(void)snprintf(shard, sizeof(shard), "%02x", i);
		r = list_shard(b->dir, shard, fn, data);
	}
	return r;
}
