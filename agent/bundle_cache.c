#include "agent/bundle_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "proto/bundle.h"
#include "proto/constants.h"

#define HOT_MAX 32 /* sealed copies kept in memory; a bundle is a few KiB as a rule */

struct hot {
	char hash[SHA256_HEX + 1];
	int fd;            /* owned; -1: the place is empty */
	uint64_t last_use; /* counter, not time */
};

struct bundle_cache {
	int dir; /* owned */
	struct hot hot[HOT_MAX];
	uint64_t uses;
};

int bundle_cache_new(const char *dir, struct bundle_cache **ret, struct err *e)
{
	CLEANUP(bundle_cache_freep) struct bundle_cache *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->dir = -1;
	for (size_t i = 0; i < HOT_MAX; i++)
		c->hot[i].fd = -1;
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	c->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return err_set(e, -errno, "cannot open %s: %s", dir, strerror(errno));
	*ret = TAKE_PTR(c);
	return 0;
}

struct bundle_cache *bundle_cache_free(struct bundle_cache *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < HOT_MAX; i++)
		if (c->hot[i].fd >= 0)
			close(c->hot[i].fd);
	if (c->dir >= 0)
		close(c->dir);
	free(c);
	return NULL;
}

static bool is_hash(const char *hash)
{
	return strlen(hash) == SHA256_HEX && strspn(hash, "0123456789abcdef") == SHA256_HEX;
}

static int check_content(const struct buf *b, const char *hash, struct err *e)
{
	char found[SHA256_HEX + 1];

	sha256_hex(b->data ? b->data : (const uint8_t *)"", b->len, found);
	if (strcmp(found, hash) != 0)
		return err_set(
			e, -EBADMSG, "bundle %.12s: content has the hash %.12s", hash, found);
	return bundle_check(b->data, b->len, e);
}

/* Puts a sealed copy into the place used longest ago. Returns the fd, borrowed. */
static int warm(struct bundle_cache *c, const char *hash, const struct buf *b, struct err *e)
{
	struct hot *oldest = &c->hot[0];
	int fd = fs_memfd_sealed("bundle", b->data, b->len, e);

	if (fd < 0)
		return fd;
	for (size_t i = 1; i < HOT_MAX; i++)
		if (c->hot[i].last_use < oldest->last_use)
			oldest = &c->hot[i];
	if (oldest->fd >= 0)
		close(oldest->fd);
	oldest->fd = fd;
	oldest->last_use = ++c->uses;
	memcpy(oldest->hash, hash, sizeof(oldest->hash));
	return fd;
}

int bundle_cache_put(struct bundle_cache *c, const char *hash, int fd, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, BUNDLE_MAX);
	if (!is_hash(hash))
		return err_set(e, -EINVAL, "bundle: not a SHA-256: %.70s", hash);
	if (faccessat(c->dir, hash, R_OK, 0) == 0)
		return 0; /* content under a hash never changes */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, -errno, "bundle: %s", strerror(errno));
	r = fs_read_fd(fd, &b, e);
	if (r < 0)
		return r == -ENOSPC ? err_set(e, -EFBIG, "bundle: over %d bytes", BUNDLE_MAX) : r;
	r = check_content(&b, hash, e);
	if (r < 0)
		return r;
	r = fs_write_durable(c->dir, hash, b.data, b.len, 0600, e);
	if (r < 0)
		return r;
	r = warm(c, hash, &b, e);
	return r < 0 ? r : 0;
}

int bundle_cache_open(struct bundle_cache *c, const char *hash, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, BUNDLE_MAX);
	if (!is_hash(hash))
		return err_set(e, -EINVAL, "bundle: not a SHA-256: %.70s", hash);
	for (size_t i = 0; i < HOT_MAX; i++) {
		if (c->hot[i].fd < 0 || strcmp(c->hot[i].hash, hash) != 0)
			continue;
		c->hot[i].last_use = ++c->uses;
		return c->hot[i].fd;
	}
	r = fs_read(c->dir, hash, &b, e);
	if (r < 0)
		return r;
	r = check_content(&b, hash, e);
	if (r < 0) {
		(void)unlinkat(c->dir, hash, 0);
		return r;
	}
	return warm(c, hash, &b, e);
}
