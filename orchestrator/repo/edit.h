/*
 * A git tree that is being changed: only the folders on the way to a change are ever read or
 * written. Between draft.c and libgit2; knows neither commit nor content.
 */
#pragma once

#include <git2.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

#define EDIT_FOLDER_MAX (4u << 20) /* bytes of one folder's listing */

struct edit;

/* tree: where it starts; NULL: empty. odb stays the caller's, and is written to. */
int edit_new(git_odb *odb, const git_oid *tree, struct edit **ret, struct err *e);
struct edit *edit_free(struct edit *t);
DEFINE_CLEANUP(struct edit *, edit_free)

/* Puts a plain file; what was executable stays so. -EINVAL: a folder is there, or a file is on the
 * way. */
int edit_put(struct edit *t, const char *path, const git_oid *oid, struct err *e);

/* -ENOENT: no such file, or folder. A folder that becomes empty is gone. */
int edit_remove(struct edit *t, const char *path, bool folder, struct err *e);

/* The blob of a file; -ENOENT: there is none. */
int edit_find(struct edit *t, const char *path, git_oid *ret, struct err *e);

int edit_write(struct edit *t, git_oid *ret, struct err *e);
