/* REST: signing in, accounts, tokens, users. */
#include "orchestrator/people/people.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/private.h"
#include "orchestrator/disk.h"
#include "proto/cookie.h"

/* A password that is being hashed for a request. */
struct waiting {
	int ticket;
	struct identity who;
	char new_password[PASSWORD_MAX + 1];
	char name[OWNER_MAX + 1];
	bool admin;
	char invitation[COOKIE_LEN + 1];
};

static void end_waiting(struct request *r)
{
	struct waiting *w = r->state;

	passwords_forget(r->world->passwords, w->ticket);
	explicit_bzero(w, sizeof(*w));
	free(w);
	r->state = NULL;
}

static struct waiting *start_waiting(struct request *r)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w) {
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return NULL;
	}
	r->state = w;
	r->on_end = end_waiting;
	return w;
}

static void take_ticket(struct request *r, int ticket)
{
	struct waiting *w = r->state;

	if (ticket < 0)
		request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, NULL,
			"too many passwords are being checked; try again");
	else
		w->ticket = ticket;
}

/* --- who am I --- */

static json_t *whoami(struct request *r, const struct identity *who)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "type", "user", "id", who->user_id,
		"name", who->user, "fullname", who->user, "admin", who->admin, "orgs",
		organisations_of(r, who->user_id));

	if (!o)
		return NULL;
	if (who->via == VIA_COOKIE)
		(void)json_object_set_new(o, "csrf", json_string(who->csrf));
	if (who->via == VIA_TOKEN)
		(void)json_object_set_new(o, "auth",
			json_pack("{s:s, s:{s:o, s:s, s:o}}", "type", "access_token", "accessToken",
				"displayName", json_words(who->token_name), "role",
				who->narrow      ? "fineGrained"
				: who->read_only ? "read"
						 : "write",
				"createdAt", json_time((int64_t)who->token_created_usec)));
	return o;
}

void handle_whoami(struct request *r)
{
	const struct disk_view *disk = disk_look(r->world->disk);
	json_t *o = whoami(r, &r->who);

	if (o && r->who.admin && *disk->words)
		(void)json_object_set_new(o, "notice", json_string(disk->words));
	request_json(r, MHD_HTTP_OK, o);
}

/* --- sign in, sign out --- */

static void add_cookie(struct request *r, const char *value, int max_age_sec)
{
	bool https = !strncmp(r->world->url, "https:", 6);
	char header[256];

	(void)snprintf(header, sizeof(header),
		"%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", SIGN_IN_COOKIE(https), value,
		max_age_sec, https ? "; Secure" : "");
	request_add_header(r, MHD_HTTP_HEADER_SET_COOKIE, header);
}

#define KEY_MAX 72

static void login_keys(
	struct request *r, const char *name, char by_address[KEY_MAX], char by_name[KEY_MAX])
{
	(void)snprintf(by_address, KEY_MAX, "a %s", r->remote);
	(void)snprintf(by_name, KEY_MAX, "n %s", name);
}

static bool may_try(struct request *r, const char *name)
{
	char by_address[KEY_MAX], by_name[KEY_MAX], seconds[16];
	uint64_t now = clock_mono_usec(), wait, wait_name;

	login_keys(r, name, by_address, by_name);
	wait = throttle_try(r->server->logins, by_address, now);
	wait_name = throttle_try(r->server->logins, by_name, now);
	if (wait_name > wait)
		wait = wait_name;
	if (!wait)
		return true;
	(void)snprintf(
		seconds, sizeof(seconds), "%llu", (unsigned long long)(wait / USEC_PER_SEC + 1));
	request_error(r, MHD_HTTP_TOO_MANY_REQUESTS, NULL,
		"too many attempts to sign in; try again in %s s", seconds);
	request_add_header(r, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	return false;
}

static void forgive(struct request *r, const char *name)
{
	char by_address[KEY_MAX], by_name[KEY_MAX];

	login_keys(r, name, by_address, by_name);
	throttle_forgive(r->server->logins, by_address);
	throttle_forgive(r->server->logins, by_name);
}

static void on_login(const char *hash, bool matches, void *data)
{
	struct request *r = data;
	struct waiting *w = r->state;
	char cookie[COOKIE_LEN + 1];
	struct err e = {0};
	int code;

	(void)hash;
	w->ticket = 0;
	if (!matches) {
		/* Not 401: the browser would ask for a password of its own. */
		request_error(r, MHD_HTTP_FORBIDDEN, "password", "wrong name or password");
		return;
	}
	audit_begin(r);
	code = people_sign_in(r->world->people, &w->who, cookie, &e);
	audit_end(r);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	forgive(r, w->who.user);
	request_json(r, MHD_HTTP_OK, whoami(r, &w->who));
	add_cookie(r, cookie, SIGN_IN_DAYS * 86400);
}

void handle_login(struct request *r)
{
	char hash[PASSWORD_HASH_MAX] = "";
	const char *name, *password;
	struct waiting *w;
	struct err e = {0};
	int code = json_get_str(r->json, "username", 64, &name, &e);

	if (code == 0)
		code = json_get_str(r->json, "password", PASSWORD_MAX, &password, &e);
	if (code < 0) {
		request_fail(r, -EINVAL, &e);
		return;
	}
	if (!may_try(r, name))
		return;
	w = start_waiting(r);
	if (!w)
		return;
	code = people_by_name(r->world->people, name, &w->who, hash, &e);
	if (code < 0 && code != -ENOENT)
		request_fail(r, code, &e);
	else
		take_ticket(r, password_verify(r->world->passwords, password, hash, on_login, r));
}

/* --- links that sign in --- */

void handle_link_add(struct request *r)
{
	char key[LINK_KEY_LEN + 1], url[512];
	const char *next = "/";
	struct err e = {0};
	int code = json_opt_str(r->json, "next", LINK_NEXT_MAX, "/", &next, &e);

	if (code == 0)
		code = links_add(r->server->links, r->who.user, next, clock_mono_usec(), key, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	(void)snprintf(url, sizeof(url), "%s/api/login/links/%s", r->world->url, key);
	request_json(r, MHD_HTTP_OK, json_pack("{s:s}", "url", url));
}

void handle_link(struct request *r)
{
	static const char gone[] = "This link has been used, or is too old. Ask for another one.\n";
	char user[OWNER_MAX + 1], next[LINK_NEXT_MAX + 1], hash[PASSWORD_HASH_MAX];
	char cookie[COOKIE_LEN + 1];
	struct identity who = {0};
	struct err e = {0};
	int code = links_take(r->server->links, r->id, clock_mono_usec(), user, next);

	if (code == 0)
		code = people_by_name(r->world->people, user, &who, hash, &e);
	if (code == -ENOENT) {
		request_text(r, MHD_HTTP_GONE, "text/plain; charset=utf-8", gone, strlen(gone));
		return;
	}
	if (code == 0) {
		r->who = who; /* so the audit log has it */
		code = people_sign_in(r->world->people, &r->who, cookie, &e);
	}
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	request_empty(r, MHD_HTTP_SEE_OTHER);
	add_cookie(r, cookie, SIGN_IN_DAYS * 86400);
	request_add_header(r, MHD_HTTP_HEADER_LOCATION, next);
}

void handle_logout(struct request *r)
{
	struct err e = {0};
	int code = *r->cookie ? people_sign_out(r->world->people, r->cookie, &e) : 0;

	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	request_empty(r, MHD_HTTP_NO_CONTENT);
	add_cookie(r, "", 0);
}

/* --- my password --- */

static void on_new_hash(const char *hash, bool matches, void *data)
{
	struct request *r = data;
	struct waiting *w = r->state;
	struct err e = {0};
	int code;

	(void)matches;
	w->ticket = 0;
	audit_begin(r);
	code = *hash ? people_set_password(r->world->people, &r->who, r->cookie, hash, &e)
		     : -ENOMEM;
	audit_end(r);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	forgive(r, r->who.user);
	request_empty(r, MHD_HTTP_NO_CONTENT);
}

static void on_old_verified(const char *hash, bool matches, void *data)
{
	struct request *r = data;
	struct waiting *w = r->state;

	(void)hash;
	w->ticket = 0;
	if (!matches)
		request_error(
			r, MHD_HTTP_FORBIDDEN, "old", "old: this is not the present password");
	else
		take_ticket(r, password_hash(r->world->passwords, w->new_password, on_new_hash, r));
}

void handle_password(struct request *r)
{
	char hash[PASSWORD_HASH_MAX] = "";
	const char *old, *new;
	struct identity who;
	struct waiting *w;
	struct err e = {0};
	int code = json_get_str(r->json, "old", PASSWORD_MAX, &old, &e);

	if (code == 0)
		code = json_get_str(r->json, "new", PASSWORD_MAX, &new, &e);
	if (code == 0)
		code = password_check(new, &e);
	if (code < 0) {
		request_fail(r, -EINVAL, &e);
		return;
	}
	if (!may_try(r, r->who.user))
		return;
	w = start_waiting(r);
	if (!w)
		return;
	(void)snprintf(w->new_password, sizeof(w->new_password), "%s", new);
	code = people_by_name(r->world->people, r->who.user, &who, hash, &e);
	if (code < 0)
		request_fail(r, code, &e);
	else
		take_ticket(r, password_verify(r->world->passwords, old, hash, on_old_verified, r));
}

/* --- tokens --- */

/* A row for each repo of a token, or one. */
static int append_token(const struct store_row *row, void *data)
{
	const char *id = store_text(row, 0);
	json_t *o = json_array_size(data) ? json_array_get(data, json_array_size(data) - 1) : NULL;
	char name[OWNER_MAX + REPO_NAME_MAX + 16];

	if (!o || strcmp(json_string_value(json_object_get(o, "id")), id) != 0) {
		o = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "id", id, "name",
			json_words(store_text(row, 1)), "scope", store_text(row, 2), "createdAt",
			json_time(store_int(row, 3)), "lastUsedAt", json_time(store_int(row, 4)),
			"expiresAt", json_time(store_int(row, 5)));
		if (store_int(row, 6))
			(void)json_object_set_new(o, "repos", json_array());
		if (json_array_append_new(data, o) < 0)
			return -ENOMEM;
	}
	if (!*store_text(row, 9))
		return 0;
	(void)snprintf(name, sizeof(name), "%s%s/%s", hub_prefix((enum repo_kind)store_int(row, 7)),
		store_text(row, 8), store_text(row, 9));
	return json_array_append_new(json_object_get(o, "repos"), json_string(name)) < 0 ? -ENOMEM
											 : 0;
}

void handle_token_list(struct request *r)
{
	json_t *list = json_array();
	struct err e = {0};
	int code = store_run(
		r->world->store, "token_list", append_token, list, &e, "s", r->who.user_id);

	if (code < 0) {
		json_decref(list);
		request_fail(r, code, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, list);
}

/* "spaces/OWNER/NAME", "OWNER/NAME" or "datasets/OWNER/NAME". */
static int find_repo(struct request *r, const char *text, char ret_id[ID_LEN + 1], struct err *e)
{
	char owner[OWNER_MAX + 1];
	enum repo_kind kind = REPO_MODEL;
	struct hub_repo repo;
	const char *at = text, *slash;
	int code = -ENOENT;

	for (int i = 0; i < REPO_KINDS; i++) {
		size_t n = strlen(hub_prefix((enum repo_kind)i));

		if (n && !strncmp(text, hub_prefix((enum repo_kind)i), n)) {
			kind = (enum repo_kind)i;
			at = text + n;
		}
	}
	slash = strchr(at, '/');
	if (slash && slash - at <= OWNER_MAX) {
		(void)snprintf(owner, sizeof(owner), "%.*s", (int)(slash - at), at);
		code = hub_by_name(
			r->world->store, kind, owner, slash + 1, &repo, &(struct err){0});
	}
	if (code == 0 && repo.private)
		code = request_permit(r, ACTION_SEE_INSIDE, &repo, &(struct err){0});
	if (code < 0)
		return err_set(e, -EINVAL, "repos: there is no '%.200s'", text);
	memcpy(ret_id, repo.id, sizeof(repo.id));
	return 0;
}

static int take_token_repos(struct request *r, struct token_new *new, struct err *e)
{
	const json_t *list = json_object_get(r->json, "repos"), *one;
	size_t i;
	int code = 0;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > TOKEN_REPOS_MAX)
		return err_set(e, -EINVAL, "repos: a list of 1 to %d", TOKEN_REPOS_MAX);
	new->narrow = true;
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		code = text ? find_repo(r, text, new->repos[i], e)
			    : err_set(e, -EINVAL, "repos: must be texts");
		if (code < 0)
			return code;
	}
	new->n_repos = json_array_size(list);
	return 0;
}

/* {name, scope?, repos?, expiresInDays?, user?}: user is for administrators. */
static int take_token(
	struct request *r, struct token_new *new, const char **ret_user, struct err *e)
{
	int64_t days = 0;
	int code = json_get_str(r->json, "name", TOKEN_NAME_MAX, &new->name, e);

	if (code == 0)
		code = json_opt_str(r->json, "scope", 16, "write", &new->scope, e);
	if (code == 0)
		code = json_opt_str(r->json, "user", OWNER_MAX, r->who.user, ret_user, e);
	if (code == 0)
		code = json_opt_int(r->json, "expiresInDays", 0, TOKEN_DAYS_MAX, 0, &days, e);
	if (code == 0)
		code = take_token_repos(r, new, e);
	if (days)
		new->expires_usec = clock_wall_usec() + (uint64_t)days * 86400 * USEC_PER_SEC;
	return code < 0 ? -EINVAL : 0;
}

void handle_token_add(struct request *r)
{
	struct token_new new = {0};
	const char *user;
	char id[ID_LEN + 1], token[TOKEN_LEN + 1];
	struct identity whose = r->who;
	struct err e = {0};
	int code = take_token(r, &new, &user, &e);

	if (code == 0 && strcmp(user, r->who.user) != 0) {
		code = permit(&r->who, ACTION_ADMINISTER, NULL, &e);
		if (code == 0)
			code = people_by_name(r->world->people, user, &whose, NULL, &e);
	}
	if (code == 0)
		code = people_token_add(r->world->people, whose.user_id, &new, id, token, &e);
	if (code < 0) {
		request_fail(r, code == -ENOSPC && e.code != STORE_FULL ? -EEXIST : code, &e);
		return;
	}
	request_json(r, MHD_HTTP_CREATED,
		json_pack("{s:s, s:o, s:s, s:s}", "id", id, "name", json_words(new.name), "scope",
			new.scope, "token", token));
	explicit_bzero(token, sizeof(token));
}

void handle_token_delete(struct request *r)
{
	struct err e = {0};
	int code = people_token_revoke(r->world->people, r->who.user_id, r->id, &e);

	if (code < 0)
		request_fail(r, code, &e);
	else
		request_empty(r, MHD_HTTP_NO_CONTENT);
}

/* --- users --- */

static int append_user(const struct store_row *row, void *data)
{
	json_t *o = json_pack("{s:s, s:b, s:o}", "name", store_text(row, 0), "admin",
		(int)store_int(row, 1), "createdAt", json_time(store_int(row, 2)));

	return json_array_append_new(data, o) < 0 ? -ENOMEM : 0;
}

void handle_user_list(struct request *r)
{
	json_t *list = json_array();
	struct err e = {0};
	int code = store_run(r->world->store, "user_list", append_user, list, &e, "");

	if (code < 0) {
		json_decref(list);
		request_fail(r, code, &e);
		return;
	}
	request_json(r, MHD_HTTP_OK, list);
}

static void on_user_hash(const char *hash, bool matches, void *data)
{
	struct request *r = data;
	struct waiting *w = r->state;
	struct err e = {0};
	int code;

	(void)matches;
	w->ticket = 0;
	audit_begin(r);
	code = *hash ? people_add(r->world->people, w->name, hash, w->admin, &e) : -ENOMEM;
	audit_end(r);
	if (code < 0)
		request_fail(r, code, &e);
	else
		request_json(r, MHD_HTTP_CREATED,
			json_pack("{s:s, s:b}", "name", w->name, "admin", w->admin));
}

void handle_user_add(struct request *r)
{
	const char *name, *password;
	struct waiting *w;
	struct err e = {0};
	int code = json_get_str(r->json, "name", OWNER_MAX, &name, &e);

	if (code == 0)
		code = json_get_str(r->json, "password", PASSWORD_MAX, &password, &e);
	if (code == 0)
		code = owner_check(name, &e);
	if (code == 0)
		code = password_check(password, &e);
	if (code < 0) {
		request_fail(r, -EINVAL, &e);
		return;
	}
	w = start_waiting(r);
	if (!w)
		return;
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	w->admin = json_opt_bool(r->json, "admin", false);
	take_ticket(r, password_hash(r->world->passwords, password, on_user_hash, r));
}

/* --- signing up --- */

static const char *const sign_up_words[] = {
	[SIGN_UP_INVITE] = "invite", [SIGN_UP_OPEN] = "open", [SIGN_UP_CLOSED] = "closed"};

void handle_sign_up_mode(struct request *r)
{
	request_json(
		r, MHD_HTTP_OK, json_pack("{s:s}", "signUp", sign_up_words[r->world->sign_up]));
}

void handle_invite(struct request *r)
{
	char key[COOKIE_LEN + 1], url[512];
	struct err e = {0};
	int code = r->world->sign_up == SIGN_UP_CLOSED
			   ? err_set(&e, -EEXIST, "sign-up is closed: see vitrine up --sign-up")
			   : people_invite(r->world->people, &r->who, key, &e);

	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	(void)snprintf(url, sizeof(url), "%s/-/sign-up?invitation=%s", r->world->url, key);
	request_json(r, MHD_HTTP_CREATED, json_pack("{s:s}", "url", url));
}

static void on_sign_up_hash(const char *hash, bool matches, void *data)
{
	struct request *r = data;
	struct waiting *w = r->state;
	struct people *p = r->world->people;
	char cookie[COOKIE_LEN + 1];
	struct err e = {0};
	int code = *hash ? 0 : -ENOMEM;

	(void)matches;
	w->ticket = 0;
	audit_begin(r);
	if (code == 0)
		code = r->world->sign_up == SIGN_UP_OPEN
			       ? people_add(p, w->name, hash, false, &e)
			       : people_add_invited(p, w->name, hash, w->invitation, &e);
	if (code == 0)
		code = people_by_name(p, w->name, &w->who, NULL, &e);
	if (code == 0)
		code = people_sign_in(p, &w->who, cookie, &e);
	audit_end(r);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	request_json(r, MHD_HTTP_CREATED, whoami(r, &w->who));
	add_cookie(r, cookie, SIGN_IN_DAYS * 86400);
}

static int check_sign_up(struct request *r, const char *invitation, struct err *e)
{
	if (r->world->sign_up == SIGN_UP_CLOSED)
		return err_set(e, -EPERM, "nobody can sign up here; ask the administrator");
	if (r->world->sign_up == SIGN_UP_INVITE && strlen(invitation) != COOKIE_LEN)
		return err_set(e, -EPERM, "to sign up here takes an invitation");
	return 0;
}

/* {username, password, invitation?} */
void handle_sign_up(struct request *r)
{
	const char *name, *password, *invitation;
	struct waiting *w;
	struct err e = {0};
	int code = json_get_str(r->json, "username", OWNER_MAX, &name, &e);

	if (code == 0)
		code = json_get_str(r->json, "password", PASSWORD_MAX, &password, &e);
	if (code == 0)
		code = json_opt_str(r->json, "invitation", COOKIE_LEN, "", &invitation, &e);
	if (code == 0)
		code = owner_check(name, &e);
	if (code == 0)
		code = password_check(password, &e);
	code = code < 0 ? -EINVAL : check_sign_up(r, invitation, &e);
	if (code < 0) {
		request_fail(r, code, &e);
		return;
	}
	if (!may_try(r, name))
		return;
	w = start_waiting(r);
	if (!w)
		return;
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	(void)snprintf(w->invitation, sizeof(w->invitation), "%s", invitation);
	take_ticket(r, password_hash(r->world->passwords, password, on_sign_up_hash, r));
}
