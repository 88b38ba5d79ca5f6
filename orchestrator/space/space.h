/*
 * What Spaces have beyond other repos (hub/hub.h), as rows: builds, and the one rule about them:
 * what is live is changed in one transaction that counts the epoch up, and a change made under an
 * old epoch changes nothing. Knows no git and no HTTP.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "orchestrator/hub/hub.h"

#define COMMIT_HEX 40
#define BRANCH_MAX 200 /* bytes; as repo/refs.h has it */
#define BUILD_LOG_MAX (32u << 10)
#define BUILD_FAILED_KEPT 100 /* older failed builds are forgotten */
#define BUILD_LOGS_KEPT 200   /* of a Space; older builds stay, without their lines */
#define BUILD_LOG_AGE_USEC (90ull * 86400 * 1000000)
/* Of a Space that can be gone back to, however old; what is not live and older goes, its bundle
 * too. */
#define BUILD_READY_KEPT 500
#define BUILD_READY_AGE_USEC (90ull * 86400 * 1000000)

struct space {
	char id[ID_LEN + 1];           /* its repo's */
	char owner[OWNER_MAX + 1];     /* the repo's, as it was read */
	char name[SPACE_NAME_MAX + 1]; /* likewise */
	char live_build[ID_LEN + 1];   /* "": nothing has been live yet */
	int64_t epoch;
	bool private;     /* only its owner and administrators know of it */
	int64_t settings; /* changes of what settings.h keeps */
	bool paused;
	int64_t sleep_sec; /* idle time until sleep, as its owner wants; -1: as front matter says */
	char hardware[33]; /* likewise; "": as front matter says */
	char parent[ID_LEN + 1];     /* the Space that it is a preview of; "": it is none */
	char branch[BRANCH_MAX + 1]; /* which it shows then */
};

/*
 *	            the ref moved
 *	 PENDING ------------------> READY        live: the Space's live_build names it
 *	    | it did not                 FAILED: refused; kept for its words
 *	    v
 *	 (forgotten)
 */
struct build_row {
	char id[ID_LEN + 1];
	char space_id[ID_LEN + 1];
	int64_t number; /* 1, 2, 3 … within the Space */
	char state[8];  /* pending | ready | failed */
	char commit[COMMIT_HEX + 1];
	char bundle[SHA256_HEX + 1];
};

/* A build to be stored. Every string is borrowed; NULL is stored as null. */
struct build_new {
	const char *commit;
	const char *bundle, *entry, *class, *title, *emoji, *tree, *api;
	int64_t sleep_sec;
	int64_t replicas;    /* most workers at a time; 0: as many as the operator allows */
	const char *http;    /* hosts its app may speak HTTP with, with spaces between them */
	const char *message; /* of a failure: its first line */
	const char *phases;  /* JSON: [{name, ms}] */
	const char *log;     /* the lines the pusher saw */
};

/* -ENOENT: there is none. */
int space_by_name(
	struct store *s, const char *owner, const char *name, struct space *ret, struct err *e);
int space_by_id(struct store *s, const char *id, struct space *ret, struct err *e);

/* Finds or makes it, with its repo. */
int space_ensure(
	struct store *s, const char *owner, const char *name, struct space *ret, struct err *e);

/* Stores a build; state is "pending" or "failed". When it returns 0 it survives power loss. */
int build_add(struct store *s, const struct space *space, const char *state,
	const struct build_new *b, char ret_id[ID_LEN + 1], struct err *e);

int build_by_id(struct store *s, const char *id, struct build_row *ret, struct err *e);

/* 1: a build of the Space is of this commit, 0: none is. */
int build_is_of(struct store *s, const char *space_id, const char *commit, struct err *e);

/* The newest ready build before the live one. -ENOENT: there is none. */
int build_before_live(
	struct store *s, const struct space *space, struct build_row *ret, struct err *e);

/*
 * Makes a pending or ready build live under space->epoch, which is counted up here too.
 * STORE_CONFLICT: somebody changed the Space since it was read; nothing was changed.
 */
int space_go_live(struct store *s, struct space *space, const char *build_id, struct err *e);

/* The ref of a pending build did not move, or has moved on. */
int build_drop_pending(struct store *s, const char *id, struct err *e);
int build_keep_ready(struct store *s, const char *id, struct err *e);

struct pending_build {
	char id[ID_LEN + 1];
	char space_id[ID_LEN + 1];
	char repo_id[ID_LEN + 1]; /* whose branch decides: the Space's, or a preview's parent's */
	char branch[BRANCH_MAX + 1]; /* of that repo; "main", unless it is a preview's */
	char commit[COMMIT_HEX + 1];
	char owner[OWNER_MAX + 1];
	char name[SPACE_NAME_MAX + 1];
};

/* Of a build of this Space, just stored: its branch is to move to commit. */
struct pending_build pending_of(
	const struct space *space, const char *branch, const char *commit, const char *build_id);

/*
 * Copies a ready build into another Space, pending, without building: what is live in a preview
 * becomes what may go live of its parent. Survives power loss when it returns 0.
 */
int build_copy(struct store *s, const char *build_id, const char *space_id, char ret_id[ID_LEN + 1],
	struct err *e);

/* Every pending build, oldest first: an array (the caller's) of at most max. Returns how many. */
int build_list_pending(struct store *s, struct pending_build *ret, size_t max, struct err *e);
