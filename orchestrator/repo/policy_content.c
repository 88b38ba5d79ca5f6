#include "orchestrator/repo/policy_content.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/pack_head.h"
#include "orchestrator/repo/pickle.h"
#include "orchestrator/repo/pointer.h"
#include "orchestrator/repo/policy.h"
#include "orchestrator/repo/secrets.h"

#define LINK_MAX 4096
#define SECRETS_SHOWN 3 /* of one file */
#define TEXT_LOOK 8000  /* a NUL in so many bytes, and git calls it binary too */

static void find(const struct policy_content *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void find(const struct policy_content *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->on_finding(line, c->finding_data);
}

static int broken(struct err *e, const char *path)
{
	return err_set(e, -EIO, "%s: cannot be read: %s", path, library_words());
}

/* --- pickles --- */

static void find_pickle(const struct policy_content *c, const char *path)
{
	const char *base = strrchr(path, '/'), *dot;

	base = base ? base + 1 : path;
	dot = strrchr(base, '.');
	find(c,
		"%s: is a Python pickle, which runs code when it is loaded; convert it: "
		"safetensors.torch.save_file(torch.load('%s', weights_only=True), "
		"'%.*s.safetensors')",
		path, base, (int)(dot ? dot - base : (ptrdiff_t)strlen(base)), base);
}

struct bytes {
	const uint8_t *data;
	size_t n;
};

static ssize_t read_bytes(void *data, uint64_t at, void *ret, size_t n)
{
	const struct bytes *b = data;

	if (at >= b->n)
		return 0;
	if (n > b->n - at)
		n = b->n - (size_t)at;
	memcpy(ret, b->data + at, n);
	return (ssize_t)n;
}

static ssize_t read_fd(void *data, uint64_t at, void *ret, size_t n)
{
	ssize_t got = pread(*(const int *)data, ret, n, (off_t)at);

	return got < 0 ? -errno : got;
}

static void check_pointer(
	const struct policy_content *c, const char *path, const struct pointer *pointer)
{
	struct pickle_source s = {.read = read_fd};
	CLEANUP(closep) int fd = c->open_lfs(pointer->oid, &s.size, c->data);

	s.data = &fd;
	if (c->only_pickles && (fd < 0 || s.size != pointer->size))
		return;
	if (fd == -ENOENT)
		find(c,
			"%s: points into git-lfs, and its content is not here; run 'git lfs push "
			"--all'",
			path);
	else if (fd < 0)
		find(c, "%s: its content in git-lfs cannot be read now; push again", path);
	else if (s.size != pointer->size)
		find(c, "%s: says %llu bytes, and its content in git-lfs has %llu", path,
			(unsigned long long)pointer->size, (unsigned long long)s.size);
	else if (pickle_is(&s, path))
		find_pickle(c, path);
}

/* --- secrets --- */

static void check_secrets(
	const struct policy_content *c, const char *path, const char *text, size_t n)
{
	struct secrets_cursor cursor = {.line = 1};
	struct secret s;

	if (memchr(text, '\0', n < TEXT_LOOK ? n : TEXT_LOOK))
		return;
	for (int i = 0; i < SECRETS_SHOWN && secrets_next(text, n, &cursor, &s); i++)
		find(c,
			"%s:%u: holds %s; take it out and revoke it, or say why it may be public "
			"in the "
			"commit's message: Secrets-Allowed: WHY",
			path, s.line, s.what);
}

/* --- files --- */

static void check_bytes(
	const struct policy_content *c, const char *path, const void *data, size_t n)
{
	struct bytes b = {.data = data, .n = n};
	const struct pickle_source source = {.size = n, .read = read_bytes, .data = &b};
	struct pointer pointer;

	if (pointer_parse(data, n, &pointer)) {
		check_pointer(c, path, &pointer);
		return;
	}
	if (pickle_is(&source, path))
		find_pickle(c, path);
	if (c->secrets && !c->only_pickles)
		check_secrets(c, path, data, n);
}

/* Of what is too large to be held, its head: that tells a pickle, and torch's zip files. */
static void check_large(
	const struct policy_content *c, const char *path, const git_oid *oid, uint64_t size)
{
	static uint8_t head[65536]; /* single-threaded */
	ssize_t n = pack_head(c->objects, oid, head, sizeof(head));
	struct bytes b = {.data = head, .n = n > 0 ? (size_t)n : 0};
	const struct pickle_source source = {.size = size, .read = read_bytes, .data = &b};

	if (n > 0 && pickle_is(&source, path))
		find_pickle(c, path);
	else if (n < 0 && pickle_may_be(path))
		find(c,
			"%s: is over %u MiB and cannot be looked into; send it through git-lfs: "
			"git lfs track '%s'",
			path, POLICY_BLOB_MAX >> 20, path);
}

int policy_check_file(
	const struct policy_content *c, const char *path, const git_oid *oid, struct err *e)
{
	git_odb_object *object = NULL;
	git_object_t type;
	size_t size;

	if (git_odb_read_header(&size, &type, c->odb, oid) < 0)
		return broken(e, path);
	if (type != GIT_OBJECT_BLOB)
		return err_set(e, -EINVAL, "%s: is no file", path);
	if (size > POLICY_BLOB_MAX) {
		check_large(c, path, oid, size);
		return 0;
	}
	if (!size)
		return 0;
	if (git_odb_read(&object, c->odb, oid) < 0)
		return broken(e, path);
	check_bytes(c, path, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return 0;
}

/* --- links --- */

/* Through how many folders above its own a link with that target leads; -1: it names no place
 * inside a repo, wherever it stands. */
static int climb_of(const char *target)
{
	int depth = 0, lowest = 0;

	if (*target == '/' || strchr(target, '\\'))
		return -1;
	for (const char *at = target; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && !memcmp(at, "..", 2))
			depth--;
		else if (n && !(n == 1 && *at == '.'))
			depth++;
		if (depth < lowest)
			lowest = depth;
		/* Into .git no link leads. */
		if (n == 4 && !strncasecmp(at, ".git", 4))
			return -1;
		at += n + (at[n] == '/');
	}
	return -lowest;
}

static int depth_of(const char *path)
{
	int depth = 0;

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/'))
		depth++;
	return depth;
}

int policy_check_link(const struct policy_content *c, const char *path, const git_oid *oid,
	uint8_t *ret_climb, struct err *e)
{
	git_odb_object *object = NULL;
	char target[LINK_MAX + 1] = "/";
	git_object_t type;
	size_t size;
	int climb;

	*ret_climb = 0;
	if (c->space) {
		find(c, "%s: is a symbolic link; a Space takes plain files", path);
		return 0;
	}
	if (git_odb_read_header(&size, &type, c->odb, oid) < 0)
		return broken(e, path);
	if (size && size <= LINK_MAX) {
		if (git_odb_read(&object, c->odb, oid) < 0)
			return broken(e, path);
		(void)snprintf(target, sizeof(target), "%.*s", (int)git_odb_object_size(object),
			(const char *)git_odb_object_data(object));
		git_odb_object_free(object);
	}
	climb = climb_of(target);
	if (climb < 0 || climb > depth_of(path))
		find(c, "%s: is a symbolic link that leads out of the repo", path);
	if (climb > 0)
		*ret_climb = climb < UINT8_MAX ? (uint8_t)climb : UINT8_MAX;
	return 0;
}
