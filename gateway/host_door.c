#include "gateway/host_door.h"

#include <string.h>

#include "base/clock.h"
#include "proto/cookie.h"

bool host_door_open(const struct gateway *g, const char *name, const struct span *cookie,
	char ret[SIGN_IN_MAX + 1], size_t *ret_n)
{
	size_t n = 0;
	const char *pass =
		cookie->at ? cookie_find(cookie->at, cookie->n, hosts_pass_cookie(&g->hosts), &n)
			   : NULL;

	return pass &&
	       pass_open(g->passes, name, pass, n, clock_wall_usec() / USEC_PER_SEC, ret, ret_n);
}

static bool opens(const struct gateway *g, const char *name, const struct shown *shown)
{
	char sign_in[SIGN_IN_MAX + 1];
	size_t n;
	bool ok = shown->token || host_door_open(g, name, &shown->cookie, sign_in, &n);

	explicit_bzero(sign_in, sizeof(sign_in));
	return ok;
}

enum host_kind host_door_find(const struct gateway *g, const struct span *host,
	const struct shown *shown, char name[DOMAIN_NAME_MAX + 1], struct route **ret)
{
	enum host_kind kind;

	*ret = NULL;
	name[0] = '\0';
	kind = hosts_find(&g->hosts, g->routes, host->at, host->n, ret);
	if (kind == HOST_PLATFORM || !host_name_read(host->at, host->n, name))
		return HOST_PLATFORM;
	if (*ret && (*ret)->private && (kind == HOST_FORMER || !opens(g, name, shown))) {
		*ret = NULL;
		return HOST_NOBODY;
	}
	return kind;
}
