#include "orchestrator/people/people.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "orchestrator/people/organisations.h"

#define USED_STEP_USEC (60 * USEC_PER_SEC) /* how exact "last used" is */
#define USED_DELAY_USEC (2 * USEC_PER_SEC) /* off the path of the request that used it */
#define USED_MAX 64

struct people {
	struct store *store;  /* borrowed */
	struct source *flush; /* owned; timer */
	struct {
		char id[ID_LEN + 1];
		uint64_t usec;
	} used[USED_MAX]; /* tokens whose last use is still to be written */
	size_t n_used;
};

static void flush_used(void *data)
{
	struct people *p = data;
	struct err e = {0};

	for (size_t i = 0; i < p->n_used; i++)
		if (store_run(p->store, "token_used", NULL, NULL, &e, "si", p->used[i].id,
			    (int64_t)p->used[i].usec) < 0)
			log_warn("last use of a token is not written: %s", e.text);
	p->n_used = 0;
}

int people_new(struct loop *loop, struct store *store, struct people **ret)
{
	CLEANUP(people_freep) struct people *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->store = store;
	r = loop_add_timer(loop, flush_used, p, &p->flush);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

struct people *people_free(struct people *p)
{
	if (!p)
		return NULL;
	if (p->n_used)
		flush_used(p);
	(void)source_free(p->flush);
	free(p);
	return NULL;
}

static void digest(const char *secret, char ret[SHA256_HEX + 1])
{
	sha256_hex(secret, strlen(secret), ret);
}

/* --- finding --- */

static void set_user(struct identity *who, const struct store_row *row)
{
	(void)snprintf(who->user_id, sizeof(who->user_id), "%s", store_text(row, 0));
	(void)snprintf(who->user, sizeof(who->user), "%s", store_text(row, 1));
	who->admin = store_int(row, 2) != 0;
}

static void note_use(struct people *p, const char *token_id, uint64_t last_usec)
{
	uint64_t now = clock_wall_usec();

	if (now < last_usec + USED_STEP_USEC || p->n_used == USED_MAX)
		return;
	for (size_t i = 0; i < p->n_used; i++)
		if (!strcmp(p->used[i].id, token_id))
			return;
	(void)snprintf(p->used[p->n_used].id, ID_LEN + 1, "%s", token_id);
	p->used[p->n_used++].usec = now;
	timer_arm_after(p->flush, USED_DELAY_USEC);
}

struct found {
	struct people *people;
	struct identity *who;
	char *hash;
	char token_id[ID_LEN + 1];
};

static int on_token(const struct store_row *row, void *data)
{
	struct found *f = data;

	set_user(f->who, row);
	f->who->via = VIA_TOKEN;
	(void)snprintf(f->who->token_name, sizeof(f->who->token_name), "%s", store_text(row, 4));
	f->who->read_only = strcmp(store_text(row, 5), "write") != 0;
	f->who->token_created_usec = (uint64_t)store_int(row, 6);
	f->who->narrow = store_int(row, 8) != 0;
	if (f->who->narrow)
		f->who->admin = false;
	f->who->expires = store_int(row, 9) != 0;
	(void)snprintf(f->token_id, sizeof(f->token_id), "%s", store_text(row, 3));
	note_use(f->people, f->token_id, (uint64_t)store_int(row, 7));
	return 1;
}

static int on_membership(const struct store_row *row, void *data)
{
	struct identity *who = data;
	struct membership *m = &who->memberships[who->n_memberships];

	if (who->n_memberships == MEMBERSHIPS_MAX)
		return 1;
	(void)snprintf(m->organisation, sizeof(m->organisation), "%s", store_text(row, 0));
	m->role = (enum role)store_int(row, 1);
	who->n_memberships++;
	return 0;
}

/* r: of a search for a user, handed on when it failed. */
static int with_memberships(struct people *p, int r, struct identity *who, struct err *e)
{
	if (r < 0)
		return r;
	r = store_run(p->store, "memberships", on_membership, who, e, "si", who->user_id,
		(int64_t)MEMBERSHIPS_MAX);
	return r < 0 ? r : 0;
}

static int on_token_repo(const struct store_row *row, void *data)
{
	struct identity *who = data;

	if (who->n_repos == TOKEN_REPOS_MAX)
		return 1;
	(void)snprintf(who->repos[who->n_repos++], ID_LEN + 1, "%s", store_text(row, 0));
	return 0;
}

static int on_cookie(const struct store_row *row, void *data)
{
	struct found *f = data;

	set_user(f->who, row);
	f->who->via = VIA_COOKIE;
	(void)snprintf(f->who->csrf, sizeof(f->who->csrf), "%s", store_text(row, 3));
	return 1;
}

static int on_user(const struct store_row *row, void *data)
{
	struct found *f = data;

	set_user(f->who, row);
	if (f->hash)
		(void)snprintf(f->hash, PASSWORD_HASH_MAX, "%s", store_text(row, 3));
	return 1;
}

static int one(int rows, const char *what, struct err *e)
{
	if (rows < 0)
		return rows;
	return rows ? 0 : err_set(e, -ENOENT, "%s", what);
}

int people_by_token(struct people *p, const char *token, struct identity *ret, struct err *e)
{
	struct identity who = {0};
	struct found f = {.people = p, .who = &who};
	char hash[SHA256_HEX + 1];
	int r;

	if (strncmp(token, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0 || strlen(token) != TOKEN_LEN)
		return err_set(e, -ENOENT, "this is no token of this platform");
	digest(token, hash);
	r = one(store_run(p->store, "token_by_hash", on_token, &f, e, "si", hash,
			(int64_t)clock_wall_usec()),
		"this token is not known, has been revoked or is too old", e);
	if (r == 0 && who.narrow) {
		r = store_run(p->store, "token_repos", on_token_repo, &who, e, "s", f.token_id);
		r = r < 0 ? r : 0;
	}
	r = with_memberships(p, r, &who, e);
	if (r == 0)
		*ret = who;
	return r;
}

int people_by_cookie(struct people *p, const char *cookie, struct identity *ret, struct err *e)
{
	struct identity who = {0};
	struct found f = {.people = p, .who = &who};
	char hash[SHA256_HEX + 1];
	int r;

	if (strlen(cookie) != COOKIE_LEN)
		return err_set(e, -ENOENT, "this is no sign-in of this platform");
	digest(cookie, hash);
	r = one(store_run(p->store, "sign_in_by_hash", on_cookie, &f, e, "si", hash,
			(int64_t)clock_wall_usec()),
		"this sign-in has ended", e);
	r = with_memberships(p, r, &who, e);
	if (r == 0)
		*ret = who;
	return r;
}

int people_by_name(struct people *p, const char *name, struct identity *ret,
	char ret_hash[PASSWORD_HASH_MAX], struct err *e)
{
	struct identity who = {0};
	struct found f = {.people = p, .who = &who, .hash = ret_hash};
	int r = one(store_run(p->store, "user_by_name", on_user, &f, e, "s", name),
		"there is no such user", e);

	r = with_memberships(p, r, &who, e);
	if (r == 0)
		*ret = who;
	return r;
}

int people_first_administrator(struct people *p, struct identity *ret, struct err *e)
{
	struct identity who = {.via = VIA_CTL};
	struct found f = {.people = p, .who = &who};
	int r = one(store_run(p->store, "user_first_admin", on_user, &f, e, ""),
		"there is no administrator", e);

	r = with_memberships(p, r, &who, e);
	if (r == 0)
		*ret = who;
	return r;
}

/* --- changing --- */

int people_add(
	struct people *p, const char *name, const char *password_hash, bool admin, struct err *e)
{
	char id[ID_LEN + 1];
	struct err why = {0};
	int r = owner_check(name, e);

	if (r < 0)
		return r;
	if (!strcmp(name, TEMPLATES_OWNER))
		return err_set(e, -EINVAL, "name: '%s' is reserved", name);
	if (organisation_check(p->store, name, NULL) == 0)
		return err_set(e, -EEXIST, "name: '%s' is taken", name);
	random_id(id);
	r = store_run(p->store, "user_add", NULL, NULL, &why, "ssisi", id, name, (int64_t)admin,
		password_hash, (int64_t)clock_wall_usec());
	if (r == STORE_CONFLICT)
		return err_set(e, -EEXIST, "name: '%s' is taken", name);
	return r < 0 ? err_set(e, r, "%s", why.text) : 0;
}

static int read_count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

int people_first_password(struct people *p, char ret_password[ID_LEN + 1], struct err *e)
{
	int64_t users = 0;
	int r = store_run(p->store, "user_count", read_count, &users, e, "");

	if (r < 0 || users > 0)
		return r < 0 ? r : 0;
	random_id(ret_password);
	ret_password[20] = '\0'; /* 100 bits are enough to type */
	return 1;
}

int people_add_first_admin(struct people *p, const char *password, struct err *e)
{
	char hash[PASSWORD_HASH_MAX];
	int r = password_hash_now(password, hash);

	if (r < 0)
		return err_set(e, r, "cannot hash a password");
	return people_add(p, "admin", hash, true, e);
}

int people_set_password(struct people *p, const struct identity *who, const char *cookie,
	const char *password_hash, struct err *e)
{
	char hash[SHA256_HEX + 1];
	int r;

	digest(cookie ? cookie : "", hash);
	r = store_begin(p->store, e);
	if (r == 0)
		r = store_run(p->store, "user_set_password", NULL, NULL, e, "ss", who->user_id,
			password_hash);
	if (r >= 0)
		r = store_run(
			p->store, "sign_in_delete_others", NULL, NULL, e, "ss", who->user_id, hash);
	if (r >= 0)
		r = store_commit(p->store, e);
	store_rollback(p->store);
	return r < 0 ? r : 0;
}

int people_sign_in(
	struct people *p, struct identity *who, char ret_cookie[COOKIE_LEN + 1], struct err *e)
{
	char cookie[COOKIE_LEN + 1], hash[SHA256_HEX + 1];
	int64_t now = (int64_t)clock_wall_usec();
	int r;

	random_id(cookie);
	random_id(cookie + ID_LEN);
	random_id(who->csrf);
	digest(cookie, hash);
	r = store_run(p->store, "sign_in_add", NULL, NULL, e, "sssii", hash, who->user_id,
		who->csrf, now, now + (int64_t)(SIGN_IN_DAYS * 86400ull * USEC_PER_SEC));
	if (r < 0)
		return r;
	(void)store_run(p->store, "sign_in_delete_expired", NULL, NULL, NULL, "i", now);
	(void)store_run(p->store, "sign_in_delete_oldest", NULL, NULL, NULL, "sis", who->user_id,
		(int64_t)SIGN_INS_PER_USER_MAX - 1, hash);
	who->via = VIA_COOKIE;
	memcpy(ret_cookie, cookie, sizeof(cookie));
	return 0;
}

int people_invite(
	struct people *p, const struct identity *who, char ret_key[COOKIE_LEN + 1], struct err *e)
{
	char key[COOKIE_LEN + 1], hash[SHA256_HEX + 1];
	uint64_t now = clock_wall_usec();
	int r;

	random_id(key);
	random_id(key + ID_LEN);
	digest(key, hash);
	r = store_run(p->store, "invitation_add", NULL, NULL, e, "ssi", hash, who->user_id,
		(int64_t)(now + INVITATION_DAYS * 86400ull * USEC_PER_SEC));
	if (r < 0)
		return r;
	(void)store_run(p->store, "invitation_delete_expired", NULL, NULL, NULL, "i", (int64_t)now);
	memcpy(ret_key, key, sizeof(key));
	return 0;
}

int people_add_invited(struct people *p, const char *name, const char *password_hash,
	const char *key, struct err *e)
{
	char hash[SHA256_HEX + 1];
	int r = store_begin(p->store, e);

	if (r < 0)
		return r;
	digest(key, hash);
	r = store_run(
		p->store, "invitation_take", NULL, NULL, e, "si", hash, (int64_t)clock_wall_usec());
	if (r == 0)
		r = err_set(e, -EPERM, "this invitation has been used, or is too old");
	if (r > 0)
		r = people_add(p, name, password_hash, false, e);
	if (r >= 0)
		r = store_commit(p->store, e);
	store_rollback(p->store);
	return r < 0 ? r : 0;
}

int people_sign_out(struct people *p, const char *cookie, struct err *e)
{
	char hash[SHA256_HEX + 1];
	int r;

	digest(cookie, hash);
	r = store_run(p->store, "sign_in_delete", NULL, NULL, e, "s", hash);
	return r < 0 ? r : 0;
}

/* 62 letters and digits; clients want nothing else behind the prefix. */
static void make_token(char ret[TOKEN_LEN + 1])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strlen(TOKEN_PREFIX);

	memcpy(ret, TOKEN_PREFIX, n);
	while (n < TOKEN_LEN) {
		uint8_t byte;

		random_bytes(&byte, 1);
		if (byte < 4 * 62) /* otherwise the first letters would be likelier */
			ret[n++] = alphabet[byte % 62];
	}
	ret[n] = '\0';
}

/* Inside a transaction of the caller's. */
static int add_token(struct people *p, const char *user_id, const struct token_new *new,
	char ret_id[ID_LEN + 1], char ret_token[TOKEN_LEN + 1], struct err *e)
{
	char id[ID_LEN + 1], token[TOKEN_LEN + 1], hash[SHA256_HEX + 1];
	int r;

	random_id(id);
	make_token(token);
	digest(token, hash);
	r = store_run(p->store, "token_add", NULL, NULL, e, "sssssiii", id, user_id, new->name,
		new->scope, hash, (int64_t)clock_wall_usec(), (int64_t) new->narrow,
		(int64_t) new->expires_usec);
	for (size_t i = 0; r >= 0 && i < new->n_repos; i++)
		r = store_run(p->store, "token_repo_add", NULL, NULL, e, "ss", id, new->repos[i]);
	if (r < 0)
		return r;
	memcpy(ret_id, id, sizeof(id));
	memcpy(ret_token, token, sizeof(token));
	return 0;
}

static int check_token(const struct token_new *new, struct err *e)
{
	if (!*new->name || strlen(new->name) > TOKEN_NAME_MAX)
		return err_set(e, -EINVAL, "name: 1 to %d bytes", TOKEN_NAME_MAX);
	if (strcmp(new->scope, "read") != 0 && strcmp(new->scope, "write") != 0)
		return err_set(e, -EINVAL, "scope: 'read' or 'write'");
	if (new->narrow != (new->n_repos > 0) || new->n_repos > TOKEN_REPOS_MAX)
		return err_set(e, -EINVAL, "repos: 1 to %d", TOKEN_REPOS_MAX);
	return 0;
}

int people_token_add(struct people *p, const char *user_id, const struct token_new *new,
	char ret_id[ID_LEN + 1], char ret_token[TOKEN_LEN + 1], struct err *e)
{
	int64_t count = 0;
	int r = check_token(new, e);

	if (r < 0)
		return r;
	r = store_run(p->store, "token_count", read_count, &count, e, "s", user_id);
	if (r < 0)
		return r;
	if (count >= TOKENS_PER_USER_MAX)
		return err_set(
			e, -ENOSPC, "there are %d tokens already; revoke one", TOKENS_PER_USER_MAX);
	r = store_begin(p->store, e);
	if (r == 0)
		r = add_token(p, user_id, new, ret_id, ret_token, e);
	if (r == 0)
		r = store_commit(p->store, e);
	store_rollback(p->store);
	return r;
}

int people_token_replace(struct people *p, const char *user_id, const char *name,
	char ret_token[TOKEN_LEN + 1], struct err *e)
{
	const struct token_new new = {.name = name, .scope = "write"};
	char id[ID_LEN + 1];
	int r = store_begin(p->store, e);

	if (r == 0)
		r = store_run(p->store, "token_delete_named", NULL, NULL, e, "ss", user_id, name);
	if (r >= 0)
		r = add_token(p, user_id, &new, id, ret_token, e);
	if (r >= 0)
		r = store_commit(p->store, e);
	store_rollback(p->store);
	return r < 0 ? r : 0;
}

int people_token_revoke(struct people *p, const char *user_id, const char *id, struct err *e)
{
	int r = store_run(p->store, "token_delete", NULL, NULL, e, "ss", id, user_id);

	if (r < 0)
		return r;
	return r ? 0 : err_set(e, -ENOENT, "there is no such token");
}
