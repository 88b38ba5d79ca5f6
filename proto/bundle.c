#include "proto/bundle.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/constants.h"

#define MAGIC "VITRBND1"
#define MAGIC_LEN 8
#define FIRST_ENTRY (MAGIC_LEN + 4)
#define ENTRY_HEAD 6

static uint32_t get_le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static bool clean_path(const char *path, size_t n)
{
	size_t start = 0;

	if (n == 0 || n > BUNDLE_PATH_MAX || memchr(path, '\0', n))
		return false;
	for (size_t i = 0; i <= n; i++) {
		size_t len = i - start;

		if (i < n && path[i] != '/')
			continue;
		if (len == 0 || (len == 1 && path[start] == '.') ||
			(len == 2 && path[start] == '.' && path[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static int compare_paths(const char *a, size_t an, const char *b, size_t bn)
{
	int order = memcmp(a, b, an < bn ? an : bn);

	return order ? order : (an > bn) - (an < bn);
}

int bundle_begin(struct buf *b, uint32_t count, struct err *e)
{
	if (count > BUNDLE_FILES_MAX)
		return err_set(e, -E2BIG, "%u files, the limit is %d", count, BUNDLE_FILES_MAX);
	if (buf_add(b, MAGIC, MAGIC_LEN) < 0 || buf_add_u32(b, count) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

/* The entry added last; false while there is none. b holds what bundle_begin and bundle_add made.
 */
static bool last_entry(const struct buf *b, struct bundle_entry *ret)
{
	size_t at = 0;
	bool any = false;

	while (bundle_next(b->data, b->len, &at, ret))
		any = true;
	return any;
}

int bundle_add(struct buf *b, const char *path, const void *bytes, size_t n, struct err *e)
{
	struct bundle_entry last;
	size_t len = strlen(path);
	uint8_t head[ENTRY_HEAD] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)n,
		(uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};

	if (!clean_path(path, len))
		return err_set(e, -EINVAL, "%.80s: not a clean relative path of at most %d bytes",
			path, BUNDLE_PATH_MAX);
	if (last_entry(b, &last) && compare_paths(last.path, last.path_len, path, len) >= 0)
		return err_set(e, -EINVAL, "%.80s: not in ascending order of paths", path);
	if (b->len + ENTRY_HEAD + len + n > BUNDLE_MAX)
		return err_set(e, -EFBIG,
			"%.80s: the files together are over the limit of %d bytes", path,
			BUNDLE_MAX);
	if (buf_add(b, head, sizeof(head)) < 0 || buf_add(b, path, len) < 0 ||
		buf_add(b, bytes, n) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

int bundle_check(const uint8_t *bytes, size_t n, struct err *e)
{
	struct bundle_entry last = {0};
	size_t at = FIRST_ENTRY;
	uint32_t count;

	if (n < FIRST_ENTRY || n > BUNDLE_MAX || memcmp(bytes, MAGIC, MAGIC_LEN) != 0)
		return err_set(e, -EBADMSG, "not a bundle");
	count = get_le(bytes + MAGIC_LEN, 4);
	if (count > BUNDLE_FILES_MAX)
		return err_set(
			e, -EBADMSG, "bundle: %u files, the limit is %d", count, BUNDLE_FILES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct bundle_entry entry;

		if (n - at < ENTRY_HEAD)
			return err_set(e, -EBADMSG, "bundle: entry %u is cut off", i);
		entry.path_len = get_le(bytes + at, 2);
		entry.size = get_le(bytes + at + 2, 4);
		at += ENTRY_HEAD;
		if (entry.path_len > n - at || entry.size > n - at - entry.path_len)
			return err_set(e, -EBADMSG, "bundle: entry %u is cut off", i);
		entry.path = (const char *)bytes + at;
		if (!clean_path(entry.path, entry.path_len))
			return err_set(e, -EBADMSG, "bundle: entry %u has no clean path", i);
		if (i > 0 &&
			compare_paths(last.path, last.path_len, entry.path, entry.path_len) >= 0)
			return err_set(e, -EBADMSG, "bundle: entry %u is out of order", i);
		at += entry.path_len + entry.size;
		last = entry;
	}
	if (at != n)
		return err_set(e, -EBADMSG, "bundle: %zu bytes too many", n - at);
	return 0;
}

int bundle_next(const uint8_t *bytes, size_t n, size_t *at, struct bundle_entry *ret)
{
	if (*at == 0)
		*at = FIRST_ENTRY;
	if (*at >= n)
		return 0;
	ret->path_len = get_le(bytes + *at, 2);
	ret->size = get_le(bytes + *at + 2, 4);
	ret->path = (const char *)bytes + *at + ENTRY_HEAD;
	ret->bytes = bytes + *at + ENTRY_HEAD + ret->path_len;
	*at += ENTRY_HEAD + ret->path_len + ret->size;
	return 1;
}

int bundle_find(const uint8_t *bytes, size_t n, const char *path, struct bundle_entry *ret)
{
	size_t at = 0;

	while (bundle_next(bytes, n, &at, ret))
		if (compare_paths(ret->path, ret->path_len, path, strlen(path)) == 0)
			return 1;
	return 0;
}
