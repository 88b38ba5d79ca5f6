#include "cli/repo/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define HEAD "vitrine export 1, version "
#define MANIFEST_MAX (64u << 20)
#define CHUNK (1u << 18)

struct archive_writer {
	char path[4096], part[4096 + 8];
	int fd;           /* owned */
	EVP_MD_CTX *hash; /* owned */
	struct buf manifest;
	char name[TAR_NAME_MAX + 1]; /* of the file that is being written */
	uint64_t size, left;
	size_t n;
};

/* --- writing --- */

int archive_create(const char *path, struct archive_writer **ret, struct err *e)
{
	CLEANUP(archive_abortp) struct archive_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	w->fd = -1;
	buf_init(&w->manifest, MANIFEST_MAX);
	w->hash = EVP_MD_CTX_new();
	if (!w->hash || buf_add_str(&w->manifest, HEAD VITRINE_VERSION "\n") < 0)
		return err_set(e, -ENOMEM, "out of memory");
	if (snprintf(w->path, sizeof(w->path), "%s", path) >= (int)sizeof(w->path))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	if (access(path, F_OK) == 0)
		return err_set(e, -EEXIST, "%s exists already", path);
	(void)snprintf(w->part, sizeof(w->part), "%s.part", path);
	/* Private repos may be in it. */
	w->fd = open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_set(e, -errno, "%s: %s", w->part, strerror(errno));
	*ret = TAKE_PTR(w);
	return 0;
}

int archive_begin(struct archive_writer *w, const char *name, uint64_t size, struct err *e)
{
	if (++w->n > ARCHIVE_FILES_MAX)
		return err_set(e, -E2BIG, "over %d files", ARCHIVE_FILES_MAX);
	w->size = w->left = size;
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	if (EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) != 1)
		return err_set(e, -ENOMEM, "out of memory");
	return tar_write_begin(w->fd, name, size, e);
}

int archive_add(struct archive_writer *w, const void *bytes, size_t n, struct err *e)
{
	int r;

	if (n > w->left || EVP_DigestUpdate(w->hash, bytes, n) != 1)
		return err_set(e, -EIO, "%s has grown", w->name);
	w->left -= n;
	r = fs_write_all(w->fd, bytes, n);
	return r < 0 ? err_set(e, r, "%s: %s", w->part, strerror(-r)) : 0;
}

static int hash_end(EVP_MD_CTX *hash, char ret[SHA256_HEX + 1])
{
	uint8_t digest[SHA256_LEN];

	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		return -ENOMEM;
	hex_write(digest, sizeof(digest), ret);
	return 0;
}

int archive_end(struct archive_writer *w, char ret_hash[SHA256_HEX + 1], struct err *e)
{
	if (w->left)
		return err_set(e, -EIO, "%s is shorter than it was", w->name);
	if (hash_end(w->hash, ret_hash) < 0 || buf_addf(&w->manifest, "%s %llu %s\n", ret_hash,
						       (unsigned long long)w->size, w->name) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return tar_write_end(w->fd, w->size, e);
}

int archive_add_fd(struct archive_writer *w, const char *name, int fd, struct err *e)
{
	static char bytes[CHUNK];
	char hash[SHA256_HEX + 1];
	struct stat st;
	ssize_t n = 0;
	off_t at = 0;
	int r = fstat(fd, &st) < 0 ? err_set(e, -errno, "%s: %s", name, strerror(errno))
				   : archive_begin(w, name, (uint64_t)st.st_size, e);

	while (r == 0 && (n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		at += n;
		r = archive_add(w, bytes, (size_t)n, e);
	}
	if (r == 0 && n < 0)
		r = err_set(e, -errno, "%s: %s", name, strerror(errno));
	return r == 0 ? archive_end(w, hash, e) : r;
}

int archive_close(struct archive_writer *w, struct err *e)
{
	uint64_t n = w->manifest.len;
	int r = tar_write_begin(w->fd, ARCHIVE_MANIFEST, n, e);

	if (r == 0)
		r = fs_write_all(w->fd, w->manifest.data, n);
	if (r == 0)
		r = tar_write_end(w->fd, n, e);
	if (r == 0)
		r = tar_write_close(w->fd, e);
	if (r == 0 && (fsync(w->fd) < 0 || rename(w->part, w->path) < 0))
		r = err_set(e, -errno, "%s: %s", w->path, strerror(errno));
	if (r == 0)
		w->part[0] = '\0';
	return r;
}

struct archive_writer *archive_abort(struct archive_writer *w)
{
	if (!w)
		return NULL;
	if (w->fd >= 0) {
		(void)close(w->fd);
		if (*w->part)
			(void)unlink(w->part);
	}
	EVP_MD_CTX_free(w->hash);
	buf_done(&w->manifest);
	free(w);
	return NULL;
}

/* --- reading --- */

typedef int (*bytes_fn)(const void *bytes, size_t n, void *data);

static int each_piece(int fd, const struct tar_entry *f, bytes_fn fn, void *data, struct err *e)
{
	static char bytes[CHUNK];
	uint64_t at = f->at, end = f->at + f->size;

	while (at < end) {
		size_t want = end - at < sizeof(bytes) ? (size_t)(end - at) : sizeof(bytes);
		ssize_t n = pread(fd, bytes, want, (off_t)at);
		int r;

		if (n <= 0)
			return err_set(e, n < 0 ? -errno : -EBADMSG, "%s: %s", f->name,
				n < 0 ? strerror(errno) : "it ends in the middle");
		r = fn(bytes, (size_t)n, data);
		if (r < 0)
			return err_set(e, r, "%s: %s", f->name, strerror(-r));
		at += (uint64_t)n;
	}
	return 0;
}

static int add_to_hash(const void *bytes, size_t n, void *data)
{
	return EVP_DigestUpdate(data, bytes, n) == 1 ? 0 : -ENOMEM;
}

static int add_to_buf(const void *bytes, size_t n, void *data)
{
	return buf_add(data, bytes, n);
}

static int add_to_fd(const void *bytes, size_t n, void *data)
{
	return fs_write_all(*(int *)data, bytes, n);
}

static int hash_file(const struct archive *a, struct archive_file *f, struct err *e)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	int r = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1
			? each_piece(a->fd, &f->entry, add_to_hash, hash, e)
			: err_set(e, -ENOMEM, "out of memory");

	if (r == 0)
		r = hash_end(hash, f->hash);
	EVP_MD_CTX_free(hash);
	return r;
}

static int keep_file(struct archive *a, const struct tar_entry *entry, struct err *e)
{
	if (a->n == ARCHIVE_FILES_MAX)
		return err_set(e, -EBADMSG, "over %d files", ARCHIVE_FILES_MAX);
	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;
		struct archive_file *grown = reallocarray(a->files, cap, sizeof(*grown));

		if (!grown)
			return err_set(e, -ENOMEM, "out of memory");
		a->files = grown;
		a->cap = cap;
	}
	a->files[a->n] = (struct archive_file){.entry = *entry};
	return hash_file(a, &a->files[a->n++], e);
}

/* Each line is of the next file, so none is missing and none comes twice. */
static int check_manifest(struct archive *a, const char *text, struct err *e)
{
	const char *line = strchr(text, '\n');

	if (strncmp(text, HEAD, strlen(HEAD)) != 0 || !line)
		return err_set(e, -EBADMSG, ARCHIVE_MANIFEST ": not the list of an export");
	for (size_t i = 0; i < a->n; i++) {
		const struct archive_file *f = &a->files[i];
		char want[SHA256_HEX + TAR_NAME_MAX + 64];
		int n = snprintf(want, sizeof(want), "%s %llu %s\n", f->hash,
			(unsigned long long)f->entry.size, f->entry.name);

		if (strncmp(line + 1, want, (size_t)n) != 0)
			return err_set(e, -EBADMSG,
				"%s is damaged: it is not what the list says of it", f->entry.name);
		line += n;
	}
	return line[1] ? err_set(e, -EBADMSG, ARCHIVE_MANIFEST ": it lists files that are missing")
		       : 0;
}

static int read_all(struct archive *a, uint64_t size, struct buf *manifest, struct err *e)
{
	struct tar_entry entry;
	uint64_t at = 0;
	int r;

	while ((r = tar_read(a->fd, size, &at, &entry, e)) > 0) {
		if (manifest->len)
			return err_set(e, -EBADMSG, "%s comes after the list", entry.name);
		if (!strcmp(entry.name, ARCHIVE_MANIFEST))
			r = each_piece(a->fd, &entry, add_to_buf, manifest, e);
		else
			r = keep_file(a, &entry, e);
		if (r < 0)
			return r;
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct archive_file *x = a, *y = b;

	return strcmp(x->entry.name, y->entry.name);
}

int archive_open(const char *path, struct archive *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf manifest;
	struct stat st;
	int r;

	*ret = (struct archive){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	buf_init(&manifest, MANIFEST_MAX);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s: no regular file", path);
	r = read_all(ret, (uint64_t)st.st_size, &manifest, e);
	if (r == 0)
		r = check_manifest(ret, buf_str(&manifest), e);
	if (r < 0)
		return err_wrap(e, "%.200s", path);
	if (ret->n)
		qsort(ret->files, ret->n, sizeof(ret->files[0]), by_name);
	for (size_t i = 1; i < ret->n; i++)
		if (by_name(&ret->files[i - 1], &ret->files[i]) == 0)
			return err_set(e, -EBADMSG, "%.200s: %s comes twice", path,
				ret->files[i].entry.name);
	return 0;
}

void archive_done(struct archive *a)
{
	if (a->fd >= 0)
		(void)close(a->fd);
	free(a->files);
	*a = (struct archive){.fd = -1};
}

const struct archive_file *archive_find(const struct archive *a, const char *name)
{
	struct archive_file key = {.hash = ""};

	(void)snprintf(key.entry.name, sizeof(key.entry.name), "%s", name);
	return a->n ? bsearch(&key, a->files, a->n, sizeof(key), by_name) : NULL;
}

int archive_read(
	const struct archive *a, const struct archive_file *f, struct buf *ret, struct err *e)
{
	return each_piece(a->fd, &f->entry, add_to_buf, ret, e);
}

int archive_extract(
	const struct archive *a, const struct archive_file *f, const char *path, struct err *e)
{
	CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return each_piece(a->fd, &f->entry, add_to_fd, &fd, e);
}
