#include "orchestrator/repo/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* A name in an error: its start, with what no terminal should see taken out. */
static const char *shown(const char *name, size_t n, char ret[81])
{
	size_t keep = n < 80 ? n : 80;

	memcpy(ret, name, keep);
	ret[keep] = '\0';
	utf8_scrub(ret, keep);
	return ret;
}

/* Code points that HFS+ does not see in a name; git's utf8.c, next_hfs_char. */
static bool hfs_ignores(int32_t c)
{
	return (c >= 0x200c && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x206a && c <= 0x206f) || c == 0xfeff;
}

static bool is_git_to_hfs(const char *name, size_t n)
{
	static const char want[] = ".git";
	size_t at = 0;

	while (n > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t step =
			utf8proc_iterate((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)n, &c);

		if (step <= 0)
			return false;
		name += step;
		n -= (size_t)step;
		if (hfs_ignores(c))
			continue;
		if (at == 4 || utf8proc_tolower(c) != want[at++])
			return false;
	}
	return at == 4;
}

/* NTFS drops dots and blanks at the end, reads "NAME:STREAM" as NAME, and knows .git as git~1. */
static bool is_git_to_ntfs(const char *name, size_t n)
{
	size_t skip = n >= 4 && !strncasecmp(name, ".git", 4)    ? 4
		      : n >= 5 && !strncasecmp(name, "git~1", 5) ? 5
								 : 0;

	if (!skip)
		return false;
	while (skip < n && (name[skip] == ' ' || name[skip] == '.'))
		skip++;
	return skip == n || name[skip] == ':';
}

static const char *fault_of(const char *name, size_t n)
{
	if (n == 0)
		return "a path has an empty part";
	if (n > NAME_BYTES_MAX)
		return "is over the limit of 255 bytes";
	if (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')))
		return "no path may leave its place";
	for (size_t i = 0, step; i < n; i += step) {
		step = utf8_length((const unsigned char *)name + i, n - i);
		if (!step)
			return "is not UTF-8";
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return "holds a control character";
		if (name[i] == '\\' || name[i] == '/')
			return "holds a slash or backslash, which Windows takes for a folder";
	}
	if (is_git_to_hfs(name, n) || is_git_to_ntfs(name, n))
		return "git keeps this name for itself, on some machine";
	return NULL;
}

int name_check(const char *name, size_t n, struct err *e)
{
	const char *fault = fault_of(name, n);
	char text[81];

	return fault ? err_set(e, -EINVAL, "%s: %s", shown(name, n, text), fault) : 0;
}

int path_check(const char *path, struct err *e)
{
	size_t n = strlen(path), depth = 0;
	char text[81];

	if (n > PATH_BYTES_MAX)
		return err_set(e, -EINVAL, "%s…: path is over the limit of %d bytes",
			shown(path, n, text), PATH_BYTES_MAX);
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, "/");
		const char *fault = fault_of(at, length);

		if (!fault && ++depth > PATH_DEPTH_MAX)
			fault = "lies deeper than 64 folders";
		if (fault)
			return err_set(e, -EINVAL, "%s: %s", shown(path, n, text), fault);
		at += length;
		if (!*at)
			return 0;
	}
}

char *name_folded(const char *name, size_t n)
{
	utf8proc_uint8_t *folded = NULL;
	utf8proc_ssize_t r = utf8proc_map((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)n,
		&folded, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);

	if (r == UTF8PROC_ERROR_NOMEM)
		return NULL;
	/* Not UTF-8: it is only itself. */
	return r < 0 ? strndup(name, n) : (char *)folded;
}
