/*
 * Which commit a client means by the revision of a URL. Names are looked up, never parsed: none of
 * git's own syntax (main~1, v1^{tree}, @{upstream}) is understood here or passed on. What git keeps
 * to itself below refs/vitrine is not found.
 *
 * Reads refs and the heads of objects only, so it may be called from the loop.
 */
#pragma once

#include <git2.h>

#include "base/err.h"

#define REVISION_MAX 255       /* bytes of a name */
#define REVISION_PATH_MAX 4096 /* bytes of a path, with its NUL */
#define REVISION_HIDDEN "refs/vitrine/"

struct revision {
	char name[REVISION_MAX + 1]; /* as the client wrote it, decoded */
	char ref[REVISION_MAX + 16]; /* "refs/heads/main"; "": a commit was named by its id */
	char commit[41];
};

/*
 * HEAD (the default branch), then a branch, a tag, a full ref ("refs/pr/1"), 7 to 40 digits of a
 * commit's id. -ENOENT: nothing has that name, or what has it is no commit. -EIO.
 */
int revision_find(git_repository *repo, const char *name, struct revision *ret, struct err *e);

/*
 * The rest of a URL, its segments still percent-encoded: the fewest first segments that together
 * name a revision, since clients leave the '/' of "feature/x" as it is; what follows is the path,
 * decoded, without '/' at its ends ("" when nothing follows). -ENOENT as above; -EINVAL: the path
 * or its encoding cannot be (".." and the like, a NUL), ret is filled in all the same; -EIO.
 */
int revision_split(git_repository *repo, const char *rest, struct revision *ret,
	char ret_path[REVISION_PATH_MAX], struct err *e);

/* 0, or -EINVAL with words: empty, "." and ".." segments, '\', a NUL or more than fits. "" is
 * fine, the root. */
int revision_path_check(const char *path, struct err *e);
