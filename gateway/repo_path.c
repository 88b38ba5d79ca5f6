#include "gateway/repo_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "proto/names.h"

#define QUESTION "/auth-check"

/* The last one is what has no prefix of its own. */
static const struct {
	const char *prefix, *kind;
} kinds[] = {
	{"/datasets/", "datasets"},
	{"/spaces/", "spaces"},
	{"/", "models"},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static bool owner_is_possible(const char *at, size_t n)
{
	char owner[OWNER_MAX + 1];

	if (n > OWNER_MAX)
		return false;
	(void)snprintf(owner, sizeof(owner), "%.*s", (int)n, at);
	return owner_check(owner, &(struct err){0}) == 0;
}

bool repo_path_parse(const char *target, struct repo_path *ret)
{
	const char *slash, *end, *stop = target + strcspn(target, "?");
	size_t i = 0;

	while (i < N_KINDS && strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
		i++;
	if (i == N_KINDS)
		return false;
	ret->kind = kinds[i].kind;
	ret->name = target + strlen(kinds[i].prefix);
	slash = ret->name + strcspn(ret->name, "/?");
	if (slash == ret->name || *slash != '/' ||
		!owner_is_possible(ret->name, (size_t)(slash - ret->name)))
		return false;
	end = slash + 1 + strcspn(slash + 1, "/?");
	if (end == slash + 1)
		return false;
	ret->name_n = (size_t)(end - ret->name);
	ret->rest = *end == '/' ? end + 1 : end;
	ret->rest_n = (size_t)(stop - ret->rest);
	return true;
}

static int fits(int n, size_t size)
{
	return n < 0 || (size_t)n >= size ? -ENOSPC : 0;
}

int repo_path_question(const struct repo_path *p, char *ret, size_t size)
{
	return fits(snprintf(ret, size, "/api/%s/%.*s" QUESTION, p->kind, (int)p->name_n, p->name),
		size);
}

static const char *prefix_of(const char *kind)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (!strcmp(kinds[i].kind, kind))
			return kinds[i].prefix;
	return "/";
}

int repo_path_moved(const struct repo_path *p, const char *location, char *ret, size_t size)
{
	char api[32];
	const char *name, *end;
	int n = snprintf(api, sizeof(api), "/api/%s/", p->kind);

	if (strncmp(location, api, (size_t)n) != 0)
		return -EINVAL;
	name = location + n;
	end = strchr(name, '/');
	end = end ? strchr(end + 1, '/') : NULL;
	if (!end || strcmp(end, QUESTION) != 0)
		return -EINVAL;
	/* With its query, which follows the rest in the target. */
	return fits(snprintf(ret, size, "%s%.*s%s%s", prefix_of(p->kind), (int)(end - name), name,
			    p->rest[0] && p->rest[0] != '?' ? "/" : "", p->rest),
		size);
}
