/*
 * Users, their sign-ins and access tokens. Secrets leave this room once, when they are made; what
 * is stored is their SHA-256 (they are random, so a slow hash would add nothing) or, for
 * passwords, argon2id.
 */
#pragma once

#include "base/loop.h"
#include "orchestrator/people/password.h"
#include "orchestrator/people/permit.h"
#include "orchestrator/store/store.h"

#define TOKEN_PREFIX "hf_"
#define TOKEN_LEN 40 /* with the prefix */
#define COOKIE_LEN (2 * ID_LEN)
#define SIGN_INS_PER_USER_MAX 100 /* the oldest gives way */
#define TOKENS_PER_USER_MAX 200
#define TOKEN_NAME_MAX 100
#define TOKEN_DAYS_MAX 3650
#define SIGN_IN_DAYS 30
#define INVITATION_DAYS 14

/* Who may make themselves an account. */
enum sign_up { SIGN_UP_INVITE, SIGN_UP_OPEN, SIGN_UP_CLOSED };

struct people;

int people_new(struct loop *loop, struct store *store, struct people **ret);
struct people *people_free(struct people *p);
DEFINE_CLEANUP(struct people *, people_free)

/*
 * 1: there are no users, and here is a password for the first administrator; 0: there are. The
 * password is kept somewhere first, then people_add_first_admin makes 'admin': a crash between the
 * two loses nobody's way in.
 */
int people_first_password(struct people *p, char ret_password[ID_LEN + 1], struct err *e);
int people_add_first_admin(struct people *p, const char *password, struct err *e);

/* Who holds this? 0 and *ret filled; -ENOENT: nobody. */
int people_by_token(struct people *p, const char *token, struct identity *ret, struct err *e);
int people_by_cookie(struct people *p, const char *cookie, struct identity *ret, struct err *e);
int people_first_administrator(struct people *p, struct identity *ret, struct err *e);
int people_by_name(struct people *p, const char *name, struct identity *ret,
	char ret_hash[PASSWORD_HASH_MAX], struct err *e);

/* -EINVAL for the name, -EEXIST: taken. */
int people_add(
	struct people *p, const char *name, const char *password_hash, bool admin, struct err *e);

/*
 * An invitation lets one person make an account within INVITATION_DAYS. -EPERM: it has been used,
 * or is too old.
 */
int people_invite(
	struct people *p, const struct identity *who, char ret_key[COOKIE_LEN + 1], struct err *e);
int people_add_invited(struct people *p, const char *name, const char *password_hash,
	const char *key, struct err *e);

/* Ends every other sign-in of the user, too. */
int people_set_password(struct people *p, const struct identity *who, const char *cookie,
	const char *password_hash, struct err *e);

/* who gets a new sign-in; fills who->csrf. */
int people_sign_in(
	struct people *p, struct identity *who, char ret_cookie[COOKIE_LEN + 1], struct err *e);
int people_sign_out(struct people *p, const char *cookie, struct err *e);

/* A token as it is wanted. */
struct token_new {
	const char *name;
	const char *scope; /* "read" or "write" */
	bool narrow;       /* only for the repos of these ids */
	size_t n_repos;    /* up to TOKEN_REPOS_MAX */
	char repos[TOKEN_REPOS_MAX][ID_LEN + 1];
	uint64_t expires_usec; /* wall clock; 0: never */
};

/* -EINVAL, -ENOSPC: the user has TOKENS_PER_USER_MAX. */
int people_token_add(struct people *p, const char *user_id, const struct token_new *new,
	char ret_id[ID_LEN + 1], char ret_token[TOKEN_LEN + 1], struct err *e);

/* Replaces the user's token of that name. */
int people_token_replace(struct people *p, const char *user_id, const char *name,
	char ret_token[TOKEN_LEN + 1], struct err *e);

/* -ENOENT: no such token of this user. */
int people_token_revoke(struct people *p, const char *user_id, const char *id, struct err *e);
