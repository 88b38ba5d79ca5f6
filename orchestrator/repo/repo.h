/*
 * Bare repositories in a folder: ID.git. Where they lie, how they come into being, who is using one
 * right now. Ids are random_id's.
 *
 * The lock: every git program that works on a repo inherits a shared flock(2) on vitrine-in-use,
 * and so do that program's children. Whoever gets it exclusively knows that nobody is at work,
 * whatever process had started them, so what half-done work left behind can be swept away.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define REPO_PATH_MAX 1024
#define REPO_MAIN "refs/heads/main"

struct repos {
	char dir[REPO_PATH_MAX - 160]; /* absolute */
};

/* Makes the folder where it is missing. Once, before any other function here. */
int repos_open(const char *dir, struct repos *ret, struct err *e);

void repo_path(const struct repos *r, const char *id, char ret[REPO_PATH_MAX]);

/*
 * Where one is made whose row is to follow once it is whole; repo_settle then gives it its place.
 * At start the sweep does so for those that keep knows, and removes the others.
 */
void repo_nascent_path(const struct repos *r, const char *id, char ret[REPO_PATH_MAX]);
int repo_settle(const struct repos *r, const char *id, struct err *e);

/* One without commits that nobody writes to: what a repo looks like before its first push. */
void repo_empty_path(const struct repos *r, char ret[REPO_PATH_MAX]);

bool repo_exists(const char *path);

/* Makes an empty bare repo, whole or not at all. Fine when it exists. -ENOSPC. */
int repo_create(const char *path, struct err *e);

/* Moves the folder out of the way at once and removes it. A missing repo is fine. */
int repo_remove(const struct repos *r, const char *path, struct err *e);

/*
 * Removes what nobody can miss: half-made and half-removed repos, and empty ones for which keep
 * says no. At start only.
 */
void repos_sweep(const struct repos *r, bool (*keep)(const char *id, void *data), void *data);

/* Where a repo of the layout before version 6, OWNER/NAME.git, goes. */
enum repo_move { REPO_STAYS, REPO_GOES, REPO_MOVES };
typedef enum repo_move (*repo_move_fn)(
	const char *owner, const char *name, char ret_id[64], void *data);

/*
 * Gives each repo of that layout the place it has now, as move says; one that stays is left alone,
 * one that goes is removed. May be interrupted anywhere and begun again. At start, before the
 * sweep.
 */
void repos_migrate(const struct repos *r, repo_move_fn move, void *data);

/*
 * Takes the lock for a git program; the caller owns the fd and closes it once the program has
 * inherited it. When nobody else is at work, it first sweeps away lock files and quarantines of
 * programs that were killed. Negative errno.
 */
int repo_lock_shared(const char *path);

/* True when no git program works on the repo now. */
bool repo_is_quiet(const char *path);

/* The commit that main points to, 40 hexadecimal digits; "" when there is no main. */
int repo_main(const char *path, char ret[41], struct err *e);
/* The same of any branch, without refs/heads/. */
int repo_branch(const char *path, const char *branch, char ret[41], struct err *e);
