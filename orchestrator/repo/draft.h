/*
 * A git commit in the making, as the API writes it: changes to the tree of a branch, in the order
 * they come. Its objects lie in a quarantine of their own inside the repo, as those of a push do,
 * until draft_keep; a draft that is dropped, or whose process dies, leaves nothing that counts.
 * Knows no HTTP, no build and no policy.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "orchestrator/repo/pointer.h"
#include "orchestrator/repo/spool.h"

/* A larger file belongs into git-lfs. */
#define DRAFT_FILE_MAX (10u << 20)

struct draft;

/*
 * ref: the whole name of a branch; it may be missing while the repo has no refs at all. -ENOENT:
 * there is no such branch; -EAGAIN: the repo is being cleaned up.
 */
int draft_open(const char *repo_path, const char *ref, struct draft **ret, struct err *e);
struct draft *draft_free(struct draft *d);
DEFINE_CLEANUP(struct draft *, draft_free)

/* The git commit that the branch points to, or "". */
const char *draft_parent(const struct draft *d);

/* Borrowed; where spools of this draft lie. */
const char *draft_quarantine(const struct draft *d);

/*
 * Puts a file in place of what is there, keeping the bit that makes it executable. The path is
 * checked (names.h): -EINVAL. -EFBIG: over DRAFT_FILE_MAX. -EBADMSG: no base64. -ENOSPC.
 */
int draft_put(struct draft *d, const char *path, struct spool *content, bool base64, struct err *e);

/* Puts a pointer; draft_seal sees to it that .gitattributes tracks the path. */
int draft_put_pointer(
	struct draft *d, const char *path, const struct pointer *pointer, struct err *e);

/* -ENOENT: "A file with this name doesn't exist", which clients look for. */
int draft_delete(struct draft *d, const char *path, bool folder, struct err *e);

/* Writes trees and the commit. user: the author; message: UTF-8. -E2BIG: its LFS files are too many
 * for the patterns of .gitattributes. */
int draft_seal(struct draft *d, const char *user, const char *message, struct err *e);

/* Of a sealed draft. */
const char *draft_commit(const struct draft *d);

/*
 * Brings a sealed draft's objects to the disk, one a step. 1: there is more; 0: all are there.
 * -ENOSPC, -EIO.
 */
int draft_sync_step(struct draft *d, struct err *e);

/*
 * Brings to the disk what draft_sync_step has not, moves the objects into the repo, durably, and
 * then the branch to the commit. When it returns 0 both survive power loss. -ESTALE: the branch has
 * moved since draft_open, or is being moved; nothing counts then.
 */
int draft_keep(struct draft *d, struct err *e);
