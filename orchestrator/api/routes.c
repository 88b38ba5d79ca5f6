#include "orchestrator/api/routes.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/api/handlers.h"

/* What may be done to a repo is asked by its handler (request_repo), which names the action. */
static const struct route routes[] = {
	{"GET", "/api/whoami-v2", ACTION_SEE_SELF, ROUTE_JSON, handle_whoami},
	{"POST", "/api/login", ACTION_SIGN_IN, ROUTE_JSON, handle_login, .before_sign_in = true},
	{"POST", "/api/login/links", ACTION_CHANGE_SELF, ROUTE_JSON, handle_link_add},
	{"GET", "/api/login/links/:id", ACTION_SIGN_IN, ROUTE_JSON, handle_link,
		.before_sign_in = true},
	{"POST", "/api/logout", ACTION_SIGN_IN, ROUTE_JSON, handle_logout},
	{"POST", "/api/account/password", ACTION_CHANGE_SELF, ROUTE_JSON, handle_password},
	{"GET", "/api/signup", ACTION_SIGN_IN, ROUTE_JSON, handle_sign_up_mode},
	{"POST", "/api/signup", ACTION_SIGN_IN, ROUTE_JSON, handle_sign_up, .before_sign_in = true},
	{"POST", "/api/invitations", ACTION_ADMINISTER, ROUTE_JSON, handle_invite},
	{"GET", "/api/tokens", ACTION_SEE_ACCOUNT, ROUTE_JSON, handle_token_list},
	{"POST", "/api/tokens", ACTION_CHANGE_SELF, ROUTE_JSON, handle_token_add},
	{"DELETE", "/api/tokens/:id", ACTION_CHANGE_SELF, ROUTE_JSON, handle_token_delete},
	{"GET", "/api/users", ACTION_ADMINISTER, ROUTE_JSON, handle_user_list},
	{"POST", "/api/users", ACTION_ADMINISTER, ROUTE_JSON, handle_user_add},
	{"GET", "/api/users/:owner/overview", ACTION_READ, ROUTE_JSON, handle_user_overview},
	{"POST", "/api/organizations", ACTION_CHANGE_SELF, ROUTE_JSON, handle_organisation_add},
	{"GET", "/api/organizations/:owner/overview", ACTION_READ, ROUTE_JSON, handle_organisation},
	{"GET", "/api/organizations/:owner/members", ACTION_READ, ROUTE_JSON, handle_member_list},
	{"PUT", "/api/organizations/:owner/members/:name", ACTION_LEAD, ROUTE_JSON,
		handle_member_set},
	{"DELETE", "/api/organizations/:owner/members/:name", ACTION_SEE_SELF, ROUTE_JSON,
		handle_member_remove},
	{"DELETE", "/api/organizations/:owner", ACTION_LEAD, ROUTE_JSON,
		handle_organisation_delete},
	{"GET", "/api/usage", ACTION_SEE_ACCOUNT, ROUTE_JSON, handle_usage},
	{"GET", "/api/policy", ACTION_ADMINISTER, ROUTE_JSON, handle_policy},
	{"PUT", "/api/policy", ACTION_ADMINISTER, ROUTE_JSON, handle_policy_apply,
		.body_max = POLICY_BODY_MAX},
	{"GET", "/api/policy/history", ACTION_ADMINISTER, ROUTE_JSON, handle_policy_history},
	{"POST", "/api/policy/plan", ACTION_ADMINISTER, ROUTE_JSON, handle_policy_plan,
		.body_max = POLICY_BODY_MAX},
	{"POST", "/api/credits", ACTION_ADMINISTER, ROUTE_JSON, handle_credit},
	{"GET", "/api/status", ACTION_ADMINISTER, ROUTE_JSON, handle_status},
	{"GET", "/api/history", ACTION_ADMINISTER, ROUTE_JSON, handle_history},
	{"GET", "/api/top", ACTION_ADMINISTER, ROUTE_JSON, handle_top},
	{"GET", "/api/devices", ACTION_ADMINISTER, ROUTE_JSON, handle_devices},
	{"POST", "/api/devices/:name/drain", ACTION_ADMINISTER, ROUTE_JSON, handle_device_drain},
	{"POST", "/api/devices/:name/exclude", ACTION_ADMINISTER, ROUTE_JSON,
		handle_device_exclude},
	{"POST", "/api/devices/:name/return", ACTION_ADMINISTER, ROUTE_JSON, handle_device_return},
	{"GET", "/metrics", ACTION_MEASURE, ROUTE_JSON, handle_metrics},
	{"POST", "/api/repos/create", ACTION_SEE_SELF, ROUTE_JSON, handle_repo_create,
		.body_max = REPO_CREATE_MAX},
	{"DELETE", "/api/repos/delete", ACTION_SEE_SELF, ROUTE_JSON, handle_repo_delete},
	{"POST", "/api/repos/restore", ACTION_SEE_SELF, ROUTE_JSON, handle_repo_restore},
	{"GET", "/api/repos/deleted", ACTION_SEE_SELF, ROUTE_JSON, handle_repo_deleted},
	{"POST", "/api/repos/move", ACTION_SEE_SELF, ROUTE_JSON, handle_repo_move},
	{"POST", "/api/:kind/:owner/:name/duplicate", ACTION_READ, ROUTE_JSON,
		handle_repo_duplicate, .body_max = DUPLICATE_BODY_MAX},
	{"PUT", "/api/:kind/:owner/:name/settings", ACTION_READ, ROUTE_JSON, handle_repo_settings},
	{"GET", "/api/audit", ACTION_ADMINISTER, ROUTE_JSON, handle_audit},
	{"POST", "/api/audit/prune", ACTION_ADMINISTER, ROUTE_JSON, handle_audit_prune},
	{"GET", "/api/takedowns", ACTION_ADMINISTER, ROUTE_JSON, handle_takedown_list},
	{"POST", "/api/:kind/:owner/:name/takedown", ACTION_ADMINISTER, ROUTE_JSON,
		handle_takedown},
	{"DELETE", "/api/:kind/:owner/:name/takedown", ACTION_ADMINISTER, ROUTE_JSON,
		handle_takedown_lift},
	{"GET", "/api/:kind", ACTION_READ, ROUTE_JSON, handle_repo_list},
	{"POST", "/api/:kind/:owner/:name/like", ACTION_READ, ROUTE_JSON, handle_like},
	{"DELETE", "/api/:kind/:owner/:name/like", ACTION_READ, ROUTE_JSON, handle_unlike},
	{"GET", "/api/:kind/:owner/:name/likers", ACTION_READ, ROUTE_JSON, handle_likers},
	{"DELETE", "/api/spaces/:owner/:name", ACTION_MANAGE, ROUTE_JSON, handle_space_delete},
	{"GET", "/api/spaces/:owner/:name/builds", ACTION_READ, ROUTE_JSON, handle_build_list,
		.previews = true},
	{"POST", "/api/spaces/:owner/:name/rollback", ACTION_MANAGE, ROUTE_JSON, handle_rollback,
		.previews = true},
	{"GET", "/api/spaces/:owner/:name/previews", ACTION_READ, ROUTE_JSON, handle_preview_list},
	{"DELETE", "/api/spaces/:owner/:name/previews", ACTION_MANAGE, ROUTE_JSON,
		handle_preview_end},
	{"POST", "/api/spaces/:owner/:name/promote", ACTION_MANAGE, ROUTE_JSON, handle_promote},
	{"GET", "/api/spaces/hardware", ACTION_READ, ROUTE_JSON, handle_hardware_list},
	{"GET", "/api/spaces/:owner/:name/runtime", ACTION_READ, ROUTE_JSON, handle_runtime,
		.previews = true},
	{"POST", "/api/spaces/:owner/:name/hardware", ACTION_MANAGE, ROUTE_JSON, handle_hardware},
	{"POST", "/api/spaces/:owner/:name/sleeptime", ACTION_MANAGE, ROUTE_JSON,
		handle_sleep_time},
	{"POST", "/api/spaces/:owner/:name/pause", ACTION_MANAGE, ROUTE_JSON, handle_pause,
		.previews = true},
	{"POST", "/api/spaces/:owner/:name/restart", ACTION_MANAGE, ROUTE_JSON, handle_restart,
		.previews = true},
	{"GET", "/api/spaces/:owner/:name/secrets", ACTION_SEE_SETTINGS, ROUTE_JSON,
		handle_secret_list},
	{"GET", "/api/spaces/:owner/:name/secrets/audit", ACTION_SEE_SETTINGS, ROUTE_JSON,
		handle_secret_audit},
	{"POST", "/api/spaces/:owner/:name/secrets", ACTION_MANAGE, ROUTE_JSON, handle_secret_set},
	{"DELETE", "/api/spaces/:owner/:name/secrets", ACTION_MANAGE, ROUTE_JSON,
		handle_secret_remove},
	{"POST", "/api/spaces/:owner/:name/data", ACTION_MANAGE, ROUTE_JSON, handle_data,
		.body_max = DATA_BODY_MAX},
	{"GET", "/api/spaces/:owner/:name/variables", ACTION_SEE_SETTINGS, ROUTE_JSON,
		handle_variable_list},
	{"POST", "/api/spaces/:owner/:name/variables", ACTION_MANAGE, ROUTE_JSON,
		handle_variable_set},
	{"DELETE", "/api/spaces/:owner/:name/variables", ACTION_MANAGE, ROUTE_JSON,
		handle_variable_remove},
	{"GET", "/api/domains", ACTION_ADMINISTER, ROUTE_JSON, handle_all_domains},
	{"GET", "/api/spaces/:owner/:name/domains", ACTION_SEE_SETTINGS, ROUTE_JSON,
		handle_domain_list},
	{"POST", "/api/spaces/:owner/:name/domains", ACTION_MANAGE, ROUTE_JSON, handle_domain_add},
	{"DELETE", "/api/spaces/:owner/:name/domains", ACTION_MANAGE, ROUTE_JSON,
		handle_domain_remove},
	{"GET", "/api/spaces/:owner/:name/logs/run", ACTION_SEE_INSIDE, ROUTE_JSON, handle_run_logs,
		.previews = true},
	{"GET", "/api/spaces/:owner/:name/logs/build", ACTION_SEE_INSIDE, ROUTE_JSON,
		handle_build_logs, .previews = true},
	{"GET", "/api/spaces/:owner/:name/events", ACTION_SEE_INSIDE, ROUTE_JSON, handle_events,
		.previews = true},
	{"GET", "/api/events", ACTION_ADMINISTER, ROUTE_JSON, handle_all_events},
	{"GET", "/api/:kind/:owner/:name", ACTION_READ, ROUTE_JSON, handle_info},
	{"GET", "/api/:kind/:owner/:name/revision/*", ACTION_READ, ROUTE_JSON, handle_info},
	{"GET", "/api/:kind/:owner/:name/refs", ACTION_READ, ROUTE_JSON, handle_refs},
	{"GET", "/api/:kind/:owner/:name/tree/*", ACTION_READ, ROUTE_JSON, handle_tree},
	{"POST", "/api/:kind/:owner/:name/paths-info/*", ACTION_READ, ROUTE_BUFFER,
		handle_paths_info, .body_max = PATHS_BODY_MAX},
	{"GET", "/api/:kind/:owner/:name/commits/*", ACTION_READ, ROUTE_JSON, handle_commits},
	{"GET", "/api/:kind/:owner/:name/commit/*", ACTION_READ, ROUTE_JSON, handle_commit_get},
	{"GET", "/api/:kind/:owner/:name/compare/*", ACTION_READ, ROUTE_JSON, handle_compare},
	{"GET", "/api/:kind/:owner/:name/safetensors/*", ACTION_READ, ROUTE_JSON,
		handle_safetensors},
	{"GET", "/api/:kind/:owner/:name/auth-check", ACTION_READ, ROUTE_JSON, handle_auth_check},
	{"GET", "/:repo/resolve/*", ACTION_READ, ROUTE_JSON, handle_resolve},
	{"GET", "/spaces/:owner/:name/-/site/*", ACTION_READ, ROUTE_JSON, handle_site,
		.previews = true},
	{"GET", "/:repo/raw/*", ACTION_READ, ROUTE_JSON, handle_raw},
	{"POST", "/api/:kind/:owner/:name/commit/*", ACTION_PUSH, ROUTE_STREAM, handle_commit,
		take_commit, finish_commit},
	{"POST", "/api/:kind/:owner/:name/preupload/*", ACTION_PUSH, ROUTE_JSON, handle_preupload,
		.body_max = PREUPLOAD_BODY_MAX},
	{"POST", "/api/:kind/:owner/:name/branch/*", ACTION_PUSH, ROUTE_JSON, handle_branch_add},
	{"DELETE", "/api/:kind/:owner/:name/branch/*", ACTION_PUSH, ROUTE_JSON,
		handle_branch_delete},
	{"POST", "/api/:kind/:owner/:name/tag/*", ACTION_PUSH, ROUTE_JSON, handle_tag_add},
	{"DELETE", "/api/:kind/:owner/:name/tag/*", ACTION_PUSH, ROUTE_JSON, handle_tag_delete},
	{"POST", "/api/validate-yaml", ACTION_READ, ROUTE_JSON, handle_validate_yaml,
		.body_max = YAML_BODY_MAX},
	/* Which service is asked for stands in the query, so the handler asks for the right to
	   push. */
	{"GET", "/:repo/info/refs", ACTION_READ, ROUTE_JSON, handle_info_refs, .git = true},
	{"POST", "/:repo/git-upload-pack", ACTION_READ, ROUTE_BUFFER, handle_upload_pack,
		.body_max = GIT_REQUEST_MAX, .git = true},
	{"POST", "/:repo/git-receive-pack", ACTION_READ, ROUTE_STREAM, handle_receive_pack,
		take_receive_pack, finish_receive_pack, .git = true},
	{"POST", "/:repo/info/lfs/objects/batch", ACTION_READ, ROUTE_JSON, handle_lfs_batch,
		.body_max = LFS_BATCH_BYTES_MAX},
	{"POST", "/:repo/info/lfs/verify", ACTION_READ, ROUTE_JSON, handle_lfs_verify},
	{"POST", "/:repo/info/lfs/locks/verify", ACTION_READ, ROUTE_JSON, handle_lfs_locks},
	{"POST", "/:repo/info/lfs/locks/:id/unlock", ACTION_READ, ROUTE_JSON, handle_lfs_locks},
	{"GET", "/:repo/info/lfs/locks", ACTION_READ, ROUTE_JSON, handle_lfs_locks},
	{"POST", "/:repo/info/lfs/locks", ACTION_READ, ROUTE_JSON, handle_lfs_locks},
	/* The permission is in the address. */
	{"GET", "/lfs-storage/get/:id", ACTION_READ, ROUTE_JSON, handle_lfs_get},
	{"PUT", "/lfs-storage/put/:id", ACTION_READ, ROUTE_STREAM, handle_lfs_put, take_lfs_bytes,
		finish_lfs_put, .before_sign_in = true},
	{"PUT", "/lfs-storage/part/:id", ACTION_READ, ROUTE_STREAM, handle_lfs_part, take_lfs_bytes,
		finish_lfs_part, .before_sign_in = true},
	{"POST", "/lfs-storage/complete/:id", ACTION_READ, ROUTE_JSON, handle_lfs_complete,
		.body_max = LFS_BATCH_BYTES_MAX, .before_sign_in = true},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

/* --- matching --- */

/* What is still to be matched. Both begin with '/' or are at their end. */
struct matching {
	struct request *request;
	const char *pattern, *path;
	size_t path_left;
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One part of a path, decoded. False: too long, no good, or it hides a '/' or an end. */
static bool decode(const char *part, size_t n, char *ret, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)part[i];

		if (c == '%') {
			int high = i + 2 < n ? hex(part[i + 1]) : -1;
			int low = high < 0 ? -1 : hex(part[i + 2]);

			if (low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (c == 0 || c == '/' || out + 1 >= size)
			return false;
		ret[out++] = (char)c;
	}
	ret[out] = '\0';
	return out > 0;
}

/* Takes the next part of the path. False: there is none. */
static bool take_part(struct matching *m, const char **ret, size_t *ret_n)
{
	const char *end;

	if (m->path_left == 0 || *m->path != '/')
		return false;
	*ret = m->path + 1;
	end = memchr(*ret, '/', m->path_left - 1);
	*ret_n = end ? (size_t)(end - *ret) : m->path_left - 1;
	m->path += *ret_n + 1;
	m->path_left -= *ret_n + 1;
	return true;
}

static bool take_into(struct matching *m, char *ret, size_t size)
{
	const char *part;
	size_t n;

	return take_part(m, &part, &n) && decode(part, n, ret, size);
}

static bool take_kind(struct matching *m)
{
	const char *part;
	size_t n;

	/* Plurals only. */
	return take_part(m, &part, &n) && n > 0 && part[n - 1] == 's' &&
	       hub_kind_find(part, n, &m->request->kind) == 0;
}

static bool take_repo(struct matching *m)
{
	struct request *r = m->request;
	struct matching before = *m;
	enum repo_kind kind = REPO_MODEL;

	if (!take_kind(m) || r->kind == REPO_MODEL)
		*m = before;
	else
		kind = r->kind;
	r->kind = kind;
	return take_into(m, r->owner, sizeof(r->owner)) && take_into(m, r->name, sizeof(r->name));
}

static bool take_variable(struct matching *m, const char *name, size_t n)
{
	static const struct {
		const char *name;
		size_t at, size;
	} slots[] = {
		{":owner", offsetof(struct request, owner), sizeof(((struct request *)0)->owner)},
		{":name", offsetof(struct request, name), sizeof(((struct request *)0)->name)},
		{":id", offsetof(struct request, id), sizeof(((struct request *)0)->id)},
	};

	if (n == 5 && !memcmp(name, ":kind", n))
		return take_kind(m);
	if (n == 5 && !memcmp(name, ":repo", n))
		return take_repo(m);
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		if (strlen(slots[i].name) == n && !memcmp(slots[i].name, name, n))
			return take_into(m, (char *)m->request + slots[i].at, slots[i].size);
	return false;
}

static bool match(const char *pattern, const char *path, size_t path_n, struct request *r)
{
	struct matching m = {.request = r, .pattern = pattern, .path = path, .path_left = path_n};

	while (*m.pattern == '/') {
		const char *name = m.pattern + 1, *part;
		size_t n = strcspn(name, "/"), part_n;

		m.pattern = name + n;
		if (*name == '*') {
			r->rest = m.path + 1;
			r->rest_n = m.path_left ? m.path_left - 1 : 0;
			return m.path_left > 1;
		}
		if (*name == ':') {
			if (!take_variable(&m, name, n))
				return false;
		} else if (!take_part(&m, &part, &part_n) || part_n != n ||
			   memcmp(part, name, n) != 0) {
			return false;
		}
	}
	return m.path_left == 0;
}

static void drop_suffix(char *name)
{
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".git"))
		name[n - 4] = '\0';
}

const struct route *route_find(
	const char *method, const char *target, struct request *r, char ret_allow[64])
{
	size_t path_n = strcspn(target, "?");

	ret_allow[0] = '\0';
	if (!strcmp(method, "HEAD"))
		method = "GET"; /* the server leaves the body out */
	for (size_t i = 0; i < N_ROUTES; i++) {
		size_t n = strlen(ret_allow);

		r->rest = "";
		r->rest_n = 0;
		r->kind = REPO_SPACE;
		r->owner[0] = r->name[0] = r->id[0] = '\0';
		if (!match(routes[i].pattern, target, path_n, r))
			continue;
		if (!strcmp(routes[i].method, method)) {
			drop_suffix(r->name);
			return &routes[i];
		}
		(void)snprintf(ret_allow + n, 64 - n, "%s%s", n ? ", " : "", routes[i].method);
	}
	return NULL;
}
