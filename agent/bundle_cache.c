#include "agent/bundle_cache.h"

#include <dirent.h>
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
	uint64_t bytes, bytes_max; /* of the files */
};

/* A file as a sweep sees it. */
struct seen {
	char hash[SHA256_HEX + 1];
	uint64_t bytes;
	struct timespec came;
};

struct listing {
	struct seen *all; /* owned */
	size_t n, room;
};

static bool is_hash(const char *hash)
{
	return strlen(hash) == SHA256_HEX && strspn(hash, "0123456789abcdef") == SHA256_HEX;
}

static int note(struct listing *l, const char *hash, const struct stat *st)
{
	struct seen *all = l->all;

	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		all = realloc(l->all, l->room * sizeof(*all));
	}
	if (!all)
		return -ENOMEM;
	l->all = all;
	all[l->n] = (struct seen){.bytes = (uint64_t)st->st_size, .came = st->st_mtim};
	memcpy(all[l->n++].hash, hash, SHA256_HEX + 1);
	return 0;
}

/* What of it cannot be listed stays. */
static void list(const struct bundle_cache *c, struct listing *l)
{
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat st;

	if (!d && fd >= 0)
		close(fd);
	while (d && (entry = readdir(d)))
		if (is_hash(entry->d_name) && fstatat(c->dir, entry->d_name, &st, 0) == 0 &&
			note(l, entry->d_name, &st) < 0)
			break;
	if (d)
		(void)closedir(d);
}

static int came_before(const void *a, const void *b)
{
	const struct timespec *x = &((const struct seen *)a)->came,
			      *y = &((const struct seen *)b)->came;

	if (x->tv_sec != y->tv_sec)
		return (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec);
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Counts the files anew, and takes away those that came longest ago until so many bytes are left;
 * what of them is in use is in memory, and comes anew when it is wanted again. */
static void sweep(struct bundle_cache *c, uint64_t most)
{
	struct listing l = {0};

	list(c, &l);
	c->bytes = 0;
	for (size_t i = 0; i < l.n; i++)
		c->bytes += l.all[i].bytes;
	if (c->bytes > most)
		qsort(l.all, l.n, sizeof(*l.all), came_before);
	/* The last one has just come. */
	for (size_t i = 0; i + 1 < l.n && c->bytes > most; i++)
		if (unlinkat(c->dir, l.all[i].hash, 0) == 0)
			c->bytes -= l.all[i].bytes;
	free(l.all);
}

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
	c->bytes_max = BUNDLES_BYTES;
	sweep(c, c->bytes_max);
	*ret = TAKE_PTR(c);
	return 0;
}

void bundle_cache_limit(struct bundle_cache *c, uint64_t bytes)
{
	c->bytes_max = bytes;
	sweep(c, bytes);
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
	c->bytes += b.len;
	if (c->bytes > c->bytes_max)
		sweep(c, c->bytes_max / 4 * 3);
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
