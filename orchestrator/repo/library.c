#include "orchestrator/repo/library.h"

#include <errno.h>
#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MAX (4 << 20)

/* --- a limit: libgit2's own allocator, but for what is too large --- */

static void *limited(void *ptr, size_t n)
{
	void *got = n <= LIBRARY_HELD_MAX ? realloc(ptr, n ? n : 1) : NULL;

	if (!got && n > LIBRARY_HELD_MAX)
		(void)git_error_set_str(GIT_ERROR_NOMEMORY,
			"it stands on an object that is too large to be unpacked here");
	else if (!got)
		git_error_set_oom();
	return got;
}

/* Over the limit when the product does not fit. */
static size_t product(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX : bytes;
}

static void *limited_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return limited(NULL, n);
}

static void *limited_calloc(size_t n, size_t size, const char *file, int line)
{
	size_t bytes = product(n, size);
	void *got = limited_malloc(bytes, file, line);

	return got ? memset(got, 0, bytes) : NULL;
}

static void *limited_realloc(void *ptr, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return limited(ptr, n);
}

static void *limited_reallocarray(void *ptr, size_t n, size_t size, const char *file, int line)
{
	return limited_realloc(ptr, product(n, size), file, line);
}

static void *limited_mallocarray(size_t n, size_t size, const char *file, int line)
{
	return limited_malloc(product(n, size), file, line);
}

static char *limited_substrdup(const char *s, size_t n, const char *file, int line)
{
	char *got = limited_malloc(n + 1, file, line);

	if (!got)
		return NULL;
	memcpy(got, s, n);
	got[n] = '\0';
	return got;
}

static char *limited_strdup(const char *s, const char *file, int line)
{
	return limited_substrdup(s, strlen(s), file, line);
}

static char *limited_strndup(const char *s, size_t n, const char *file, int line)
{
	return limited_substrdup(s, strnlen(s, n), file, line);
}

void library_limit(void)
{
	static git_allocator allocator = {.gmalloc = limited_malloc,
		.gcalloc = limited_calloc,
		.gstrdup = limited_strdup,
		.gstrndup = limited_strndup,
		.gsubstrdup = limited_substrdup,
		.grealloc = limited_realloc,
		.greallocarray = limited_reallocarray,
		.gmallocarray = limited_mallocarray,
		.gfree = free};

	(void)git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator);
}

/* --- set up --- */

int library_init(struct err *e)
{
	static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_PROGRAMDATA};
	static bool ready;

	if (ready)
		return 0;
	if (git_libgit2_init() < 0)
		return err_set(e, -ENOMEM, "libgit2: %s", library_words());
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		(void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	(void)git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_MAX);
	(void)git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
	ready = true;
	return 0;
}

const char *library_words(void)
{
	const git_error *last = git_error_last();

	return last && last->message ? last->message : "unknown error";
}
