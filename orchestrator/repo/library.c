#include "orchestrator/repo/library.h"

#include <errno.h>
#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#define CACHE_MAX (4 << 20)

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
