#include "proto/names.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* First or second parts of the platform's URLs, now or likely, and words that would mislead. */
static const char *const reserved[] = {"about", "account", "api", "assets", "auth", "blog",
	"datasets", "docs", "healthz", "help", "join", "lfs-storage", "login", "logout", "mcp",
	"metrics", "models", "new", "oauth", "openapi", "organizations", "orgs", "platform",
	"posts", "pricing", "resolve", "root", "search", "settings", "sign-in", "signin", "signup",
	"spaces", "static", "status", "support", "system", "tokens", "users", "v1", "well-known",
	"www"};

static int check(const char *what, const char *name, size_t max, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0)
		return err_set(e, -EINVAL, "%s: is empty", what);
	if (n > max)
		return err_set(e, -EINVAL, "%s: %zu characters, the limit is %zu", what, n, max);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return err_set(e, -EINVAL, "%s: only a-z, 0-9 and '-' are allowed", what);
	if (name[0] == '-' || name[n - 1] == '-' || strstr(name, "--"))
		return err_set(
			e, -EINVAL, "%s: '-' may only stand between letters or digits", what);
	return 0;
}

int owner_check(const char *name, struct err *e)
{
	int r = check("owner", name, OWNER_MAX, e);

	for (size_t i = 0; r == 0 && i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(name, reserved[i]))
			return err_set(e, -EINVAL, "owner: '%s' is reserved", name);
	return r;
}

int space_name_check(const char *name, struct err *e)
{
	return check("name", name, SPACE_NAME_MAX, e);
}

static bool ends_in_git(const char *name, size_t n)
{
	return n >= 4 && !strcasecmp(name + n - 4, ".git");
}

int repo_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n == 0)
		return err_set(e, -EINVAL, "name: is empty");
	if (n > REPO_NAME_MAX)
		return err_set(
			e, -EINVAL, "name: %zu characters, the limit is %d", n, REPO_NAME_MAX);
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return err_set(
			e, -EINVAL, "name: only letters, digits, '.', '_' and '-' are allowed");
	if (strchr(".-", name[0]) || strchr(".-", name[n - 1]) || strstr(name, "--") ||
		strstr(name, "..") || ends_in_git(name, n))
		return err_set(e, -EINVAL,
			"name: no '.' or '-' at either end, no '--' or '..', no '.git'");
	return 0;
}
