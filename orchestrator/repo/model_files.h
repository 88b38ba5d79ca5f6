/*
 * Which files of a repo make a model: those that inference reads, out of a tree as vitrine-reader
 * lists it. Knows no repo, no blob and no folder.
 */
#pragma once

#include <jansson.h>

#include "base/digest.h"
#include "base/err.h"

#define MODEL_FILES_MAX 512
#define MODEL_GIT_FILE_MAX (64u << 20) /* bytes of one that lies in git; larger ones in git-lfs */
#define MODEL_GIT_MAX (256u << 20)     /* of all of those */

/*
 * *ret: array of {path, size, oid, lfs?: {oid, size}} in the tree's order, the caller's; empty: the
 * repo holds no model. -E2BIG, -EFBIG: over one of the limits above, by name; -ENOMEM.
 */
int model_files_pick(const json_t *tree, json_t **ret, struct err *e);

/* The same for the same files, whatever else the repo holds. -ENOMEM. */
int model_files_digest(const json_t *files, char ret[SHA256_HEX + 1]);
