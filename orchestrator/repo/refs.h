/*
 * Branches and tags that are made and removed by name, in one step each and durably. Knows no
 * permission; what a branch may bring is change.h's, and nothing new comes in here.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define REF_NAME_MAX 200 /* bytes, without refs/heads/ */

/* "refs/heads/NAME" or "refs/tags/NAME" into ret. -EINVAL: git takes no such name. */
int ref_name(bool tag, const char *name, char ret[REF_NAME_MAX + 16], struct err *e);

/* commit: 40 hexadecimal digits; NULL: a new one without files, by user. -EEXIST: it is there, and
 * overwrite does not say that it may go; or a name above or below it is taken. */
int branch_create(const char *repo_path, const char *name, const char *commit, const char *user,
	bool overwrite, struct err *e);

/*
 * Moves a branch from one commit to another: "" as old, there is no such branch yet. -ESTALE: it
 * points elsewhere by now, and nothing is changed.
 */
int branch_advance(
	const char *repo_path, const char *name, const char *old, const char *new, struct err *e);

/* message: makes a tag with words; NULL or "": a plain one. -EEXIST. */
int tag_create(const char *repo_path, const char *name, const char *commit, const char *user,
	const char *message, struct err *e);

/* -ENOENT: there is none. */
int branch_delete(const char *repo_path, const char *name, struct err *e);
int tag_delete(const char *repo_path, const char *name, struct err *e);
