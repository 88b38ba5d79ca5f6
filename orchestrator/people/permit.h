/*
 * Who may do what: one table. Knows no request; whoever acts asks here and nowhere else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "proto/names.h"

enum via { VIA_NOTHING, VIA_COOKIE, VIA_TOKEN, VIA_CTL };

#define TOKEN_REPOS_MAX 20
#define MEMBERSHIPS_MAX 16

/*
 * What somebody is to the owner of what is acted on. The numbers of an
 * organisation's are stored.
 */
enum role {
	ROLE_NOBODY,
	ROLE_USER, /* signed in, and no more */
	ROLE_READ,
	ROLE_CONTRIBUTOR,
	ROLE_MAKER, /* a contributor, of a repo that they made themselves */
	ROLE_WRITE,
	ROLE_HEAD, /* admin of an organisation */
	ROLE_OWNER,
	ROLE_ADMIN, /* of the platform */
	ROLES
};

struct membership {
	char organisation[OWNER_MAX + 1];
	enum role role; /* ROLE_READ, ROLE_CONTRIBUTOR, ROLE_WRITE or ROLE_HEAD */
};

/* Who stands behind a request. */
struct identity {
	enum via via;
	char user_id[ID_LEN + 1]; /* "": nobody */
	char user[OWNER_MAX + 1];
	bool admin;
	bool read_only; /* the token's scope is "read" */
	bool expires;   /* the token does, and whoever has it makes nothing that outlives it */
	bool narrow;    /* the token is for the repos below; it is never an administrator's */
	size_t n_repos;
	char repos[TOKEN_REPOS_MAX][ID_LEN + 1];
	size_t n_memberships;
	struct membership memberships[MEMBERSHIPS_MAX];
	char csrf[ID_LEN + 1]; /* of the cookie session */
	char token_name[101];
	uint64_t token_created_usec;
};

enum action {
	ACTION_READ, /* a Space, its source, the lists */
	ACTION_SIGN_IN,
	ACTION_SEE_SELF,
	ACTION_SEE_ACCOUNT,  /* its tokens, its calls: they name all of its repos */
	ACTION_CHANGE_SELF,  /* tokens, password */
	ACTION_SEE_INSIDE,   /* logs, failed builds, words with file and line */
	ACTION_SEE_SETTINGS, /* which secrets there are, variables */
	ACTION_LIKE,
	ACTION_CREATE, /* a repo of that owner's */
	ACTION_PUSH,
	ACTION_MANAGE,     /* rollback, delete */
	ACTION_LEAD,       /* who is a member, and what members may */
	ACTION_ADMINISTER, /* users, status */
	ACTION_MEASURE,    /* the platform's numbers */
	ACTIONS,
};

/* What is acted on. owner NULL: no repo; repo NULL: something of that owner's, but no repo yet. */
struct about {
	const char *owner;
	const char *repo;  /* its id */
	const char *maker; /* id of the user who made it; NULL or "": nobody in particular */
};

enum role role_of(const struct identity *who, const struct about *about);

/* "read", "contributor", "write", "admin"; -EINVAL with words. NULL: none of an organisation. */
const char *role_name(enum role role);
int role_find(const char *name, enum role *ret, struct err *e);

/*
 * 0; -EACCES: nobody is signed in and somebody would have to be; -EPERM: this person, or this
 * token's scope, may not. Words for people.
 */
int permit(const struct identity *who, enum action action, const char *owner, struct err *e);
int permit_repo(
	const struct identity *who, enum action action, const struct about *about, struct err *e);

/*
 * Before the repo of a path is known: refuses what would be refused for each of that owner's.
 * Whoever finds the repo asks again.
 */
int permit_some(const struct identity *who, enum action action, const char *owner, struct err *e);

/* Whether a repo is there at all for this person. */
bool permit_to_know(const struct identity *who, bool private, const struct about *about);

/* Whose private repos lists show to this person, as the statements take it; "": nobody's. */
const char *permit_viewer(const struct identity *who);
