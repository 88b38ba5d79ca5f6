#include "orchestrator/api/routes.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/api/handlers.h"

static const struct route routes[] = {
	{"GET", "/api/whoami-v2", ACTION_SEE_SELF, ROUTE_JSON, handle_whoami},
	{"POST", "/api/login", ACTION_SIGN_IN, ROUTE_JSON, handle_login, .before_sign_in = true},
	{"POST", "/api/login/links", ACTION_CHANGE_SELF, ROUTE_JSON, handle_link_add},
	{"GET", "/api/login/links/:id", ACTION_SIGN_IN, ROUTE_JSON, handle_link,
		.before_sign_in = true},
	{"POST", "/api/logout", ACTION_SIGN_IN, ROUTE_JSON, handle_logout},
	{"POST", "/api/account/password", ACTION_CHANGE_SELF, ROUTE_JSON, handle_password},
	{"GET", "/api/tokens", ACTION_SEE_SELF, ROUTE_JSON, handle_token_list},
	{"POST", "/api/tokens", ACTION_CHANGE_SELF, ROUTE_JSON, handle_token_add},
	{"DELETE", "/api/tokens/:id", ACTION_CHANGE_SELF, ROUTE_JSON, handle_token_delete},
	{"GET", "/api/users", ACTION_ADMINISTER, ROUTE_JSON, handle_user_list},
	{"POST", "/api/users", ACTION_ADMINISTER, ROUTE_JSON, handle_user_add},
	{"GET", "/api/usage", ACTION_SEE_SELF, ROUTE_JSON, handle_usage},
	{"GET", "/api/status", ACTION_ADMINISTER, ROUTE_JSON, handle_status},
	{"GET", "/metrics", ACTION_MEASURE, ROUTE_JSON, handle_metrics},
	{"GET", "/api/models", ACTION_READ, ROUTE_JSON, handle_models},
	{"GET", "/api/spaces", ACTION_READ, ROUTE_JSON, handle_space_list},
	{"GET", "/api/spaces/:owner/:name", ACTION_READ, ROUTE_JSON, handle_space_get},
	{"DELETE", "/api/spaces/:owner/:name", ACTION_MANAGE, ROUTE_JSON, handle_space_delete},
	{"PUT", "/api/spaces/:owner/:name/settings", ACTION_MANAGE, ROUTE_JSON,
		handle_space_settings},
	{"GET", "/api/spaces/:owner/:name/builds", ACTION_READ, ROUTE_JSON, handle_build_list},
	{"POST", "/api/spaces/:owner/:name/rollback", ACTION_MANAGE, ROUTE_JSON, handle_rollback},
	{"GET", "/api/spaces/:owner/:name/logs/run", ACTION_SEE_INSIDE, ROUTE_JSON,
		handle_run_logs},
	{"GET", "/api/spaces/:owner/:name/logs/build", ACTION_SEE_INSIDE, ROUTE_JSON,
		handle_build_logs},
	{"GET", "/api/spaces/:owner/:name/events", ACTION_SEE_INSIDE, ROUTE_JSON, handle_events},
	{"GET", "/api/events", ACTION_ADMINISTER, ROUTE_JSON, handle_all_events},
	/* Which service is asked for stands in the query, so the handler asks for the right to
	   push. */
	{"GET", "/spaces/:owner/:name/info/refs", ACTION_READ, ROUTE_JSON, handle_info_refs,
		.git = true},
	{"POST", "/spaces/:owner/:name/git-upload-pack", ACTION_READ, ROUTE_BUFFER,
		handle_upload_pack, .body_max = GIT_REQUEST_MAX, .git = true},
	{"POST", "/spaces/:owner/:name/git-receive-pack", ACTION_PUSH, ROUTE_STREAM,
		handle_receive_pack, take_receive_pack, finish_receive_pack, .git = true},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static char *slot(struct request *r, const char *part, size_t n)
{
	if (n == 6 && !memcmp(part, ":owner", n))
		return r->owner;
	if (n == 5 && !memcmp(part, ":name", n))
		return r->name;
	return r->id;
}

static bool match(const char *pattern, const char *path, struct request *r)
{
	while (*pattern == '/' && *path == '/') {
		size_t n = strcspn(++pattern, "/"), m = strcspn(++path, "/");

		if (*pattern == ':') {
			if (m == 0 || m >= sizeof(r->owner))
				return false;
			(void)snprintf(slot(r, pattern, n), sizeof(r->owner), "%.*s", (int)m, path);
		} else if (n != m || memcmp(pattern, path, n) != 0) {
			return false;
		}
		pattern += n;
		path += m;
	}
	return !*pattern && !*path;
}

static void drop_suffix(char *name)
{
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".git"))
		name[n - 4] = '\0';
}

const struct route *route_find(
	const char *method, const char *path, struct request *r, char ret_allow[64])
{
	ret_allow[0] = '\0';
	if (!strcmp(method, "HEAD"))
		method = "GET"; /* the server leaves the body out */
	for (size_t i = 0; i < N_ROUTES; i++) {
		size_t n = strlen(ret_allow);

		if (!match(routes[i].pattern, path, r))
			continue;
		if (!strcmp(routes[i].method, method)) {
			drop_suffix(r->name);
			return &routes[i];
		}
		(void)snprintf(ret_allow + n, 64 - n, "%s%s", n ? ", " : "", routes[i].method);
	}
	return NULL;
}
