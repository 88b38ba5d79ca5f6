#include "cli/host/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

#define HEAD "vitrine backup 1, version "
#define KEY_WORDS ", key of secrets "

static bool is_left_out(const char *path)
{
	static const char *const all[] = {MANIFEST_NAME, MANIFEST_RUN, MANIFEST_HOOKS, MANIFEST_SHM,
		MANIFEST_SERVED, MANIFEST_SERVED_UNITS, MANIFEST_SNAPSHOT};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(path, all[i]))
			return true;
	return false;
}

/* An archive that somebody had in hands may bring more than the files that its list vouches for. */
static int check_kind(const FTSENT *f, struct err *e)
{
	switch (f->fts_info) {
	case FTS_D:
	case FTS_DP:
		return 0;
	case FTS_F:
		return f->fts_statp->st_mode & (S_ISUID | S_ISGID)
			       ? err_set(e, -EBADMSG, "%s: runs as its owner", f->fts_path)
			       : 1;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return err_set(e, -f->fts_errno, "%s: %s", f->fts_path, strerror(f->fts_errno));
	default:
		return err_set(e, -EBADMSG, "%s: neither a file nor a folder", f->fts_path);
	}
}

typedef int (*file_fn)(
	const char *full, const char *path, uint64_t size, void *data, struct err *e);

static int each_file(const char *dir, file_fn fn, void *data, struct err *e)
{
	char *paths[] = {(char *)dir, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t above = strlen(dir) + 1;
	FTSENT *f;
	int r = 0;

	if (!tree)
		return err_set(e, -errno, "%s: %s", dir, strerror(errno));
	while (r == 0 && (f = fts_read(tree))) {
		const char *path = f->fts_pathlen >= above ? f->fts_path + above : "";

		if (is_left_out(path)) {
			(void)fts_set(tree, f, FTS_SKIP);
			continue;
		}
		r = check_kind(f, e);
		if (r > 0)
			r = fn(f->fts_path, path, (uint64_t)f->fts_statp->st_size, data, e);
	}
	(void)fts_close(tree);
	return r;
}

static int hash_file(const char *full, char ret[SHA256_HEX + 1], struct err *e)
{
	CLEANUP(closep) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set(e, -errno, "%s: %s", full, strerror(errno));
	return sha256_fd_hex(fd, ret, e);
}

struct writing {
	struct buf *list;
	struct manifest_sum sum;
};

static int write_file(const char *full, const char *path, uint64_t size, void *data, struct err *e)
{
	struct writing *w = data;
	char hash[SHA256_HEX + 1];
	int r;

	if (!strcmp(path, MANIFEST_KEY))
		return 0;
	if (strchr(path, '\n'))
		return err_set(e, -EINVAL, "%s: a newline in a name cannot be backed up", path);
	r = hash_file(full, hash, e);
	if (r < 0)
		return r;
	w->sum.files++;
	w->sum.bytes += size;
	r = buf_addf(w->list, "%s %llu %s\n", hash, (unsigned long long)size, path);
	return r < 0 ? err_set(e, r, "the list of files: %s", strerror(-r)) : 0;
}

int manifest_write(const char *dir, struct buf *b, struct manifest_sum *ret, struct err *e)
{
	struct writing w = {.list = b};
	char key[8192], hash[SHA256_HEX + 1];
	int r = buf_addf(b, HEAD "%s", VITRINE_VERSION);

	(void)snprintf(key, sizeof(key), "%s/" MANIFEST_KEY, dir);
	if (r == 0 && access(key, F_OK) == 0) {
		r = hash_file(key, hash, e);
		if (r == 0)
			r = buf_addf(b, KEY_WORDS "%s", hash);
	}
	if (r == 0)
		r = buf_addf(b, "\n");
	if (r == 0)
		r = each_file(dir, write_file, &w, e);
	*ret = w.sum;
	return r;
}

static bool is_manifest(const char *list, size_t n)
{
	return n >= sizeof(HEAD) && !memcmp(list, HEAD, sizeof(HEAD) - 1) && list[n - 1] == '\n';
}

int manifest_key(const char *list, size_t n, char ret[SHA256_HEX + 1], struct err *e)
{
	const char *at, *end;

	ret[0] = '\0';
	if (!is_manifest(list, n))
		return err_set(e, -EBADMSG, MANIFEST_NAME ": not the list of a backup");
	end = memchr(list, '\n', n);
	at = memmem(list, (size_t)(end - list), KEY_WORDS, sizeof(KEY_WORDS) - 1);
	if (at && (size_t)(end - at) == sizeof(KEY_WORDS) - 1 + SHA256_HEX)
		(void)snprintf(ret, SHA256_HEX + 1, "%.*s", SHA256_HEX, end - SHA256_HEX);
	return 0;
}

static int count_file(const char *full, const char *path, uint64_t size, void *data, struct err *e)
{
	(void)full;
	(void)path;
	(void)size;
	(void)e;
	++*(size_t *)data;
	return 0;
}

static bool leads_out(const char *path)
{
	size_t n = strlen(path);

	return path[0] == '/' || !strncmp(path, "../", 3) || strstr(path, "/../") ||
	       !strcmp(path, "..") || (n > 2 && !strcmp(path + n - 3, "/.."));
}

static int check_line(const char *dir, const char *line, struct manifest_sum *sum, struct err *e)
{
	char full[8192], hash[SHA256_HEX + 1], want[SHA256_HEX + 1];
	unsigned long long size;
	struct stat st;
	int at = 0;

	if (sscanf(line, "%64[0-9a-f] %llu %n", want, &size, &at) != 2 || !at || !line[at] ||
		leads_out(line + at))
		return err_set(e, -EBADMSG, "the list of files: '%.80s' is no line of it", line);
	(void)snprintf(full, sizeof(full), "%s/%s", dir, line + at);
	if (lstat(full, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, -EBADMSG, "%s is missing", line + at);
	if ((unsigned long long)st.st_size != size)
		return err_set(e, -EBADMSG, "%s has %lld bytes instead of %llu", line + at,
			(long long)st.st_size, size);
	if (hash_file(full, hash, e) < 0)
		return -EBADMSG;
	if (strcmp(hash, want) != 0)
		return err_set(e, -EBADMSG, "%s is damaged: its SHA-256 is another one", line + at);
	sum->files++;
	sum->bytes += size;
	return 0;
}

int manifest_check(
	const char *dir, const char *list, size_t n, struct manifest_sum *ret, struct err *e)
{
	const char *end = list + n;
	size_t found = 0;
	int r = 0;

	*ret = (struct manifest_sum){0};
	if (!is_manifest(list, n))
		return err_set(e, -EBADMSG, MANIFEST_NAME ": not the list of a backup");
	while (r == 0 &&
		(list = (const char *)memchr(list, '\n', (size_t)(end - list)) + 1) < end) {
		char line[8192];

		(void)snprintf(line, sizeof(line), "%.*s",
			(int)strcspn(list, "\n") % (int)sizeof(line), list);
		r = check_line(dir, line, ret, e);
	}
	if (r == 0)
		r = each_file(dir, count_file, &found, e);
	if (r == 0 && found != ret->files)
		r = err_set(e, -EBADMSG, "%zu files came with it and %zu are in its list", found,
			ret->files);
	return r;
}
