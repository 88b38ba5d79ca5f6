/* What changed between two commits of a repo, file by file, within limits. */
#pragma once

#include <jansson.h>

#include "orchestrator/repo/look.h"

#define DIFF_FILES_MAX 300
#define DIFF_FILE_MAX (256u << 10) /* bytes of one version; larger ones are shown without lines */
#define DIFF_PATCH_MAX (64u << 10) /* bytes of one file's lines */
#define DIFF_TOTAL_MAX (1u << 20)  /* bytes of all files' lines */

/*
 * From a commit ("": from nothing) to another. *ret is the caller's:
 *
 *	{files: [{path, oldPath?, status: "added"|"deleted"|"modified"|"renamed", additions,
 *	  deletions, binary, lfs?: {old?: {oid, size}, new?: {oid, size}}, patch?, cut?}],
 *	 additions, deletions, total, cut}
 *
 * patch: hunks as in a unified diff, without the lines of the file's head. cut: there is more than
 * is shown. -EIO.
 */
int diff_commits(struct look *l, const char *from, const char *to, json_t **ret, struct err *e);

/* The first parent's id; "" when there is none. -EIO. */
int diff_parent(struct look *l, const char *commit, char ret[41], struct err *e);
