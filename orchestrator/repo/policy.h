/*
 * What no push may bring, by git or by the API: looked for in the objects that are new, while they
 * lie in quarantine, a few milliseconds at a time.
 *
 *	names that are not the same on every machine (names.h), and two of one folder that some
 *	machine cannot tell apart; links that leave the repo (a Space takes none); submodules;
 *	trees of over POLICY_FILES_MAX files, however few objects stand for them; pickles
 *(pickle.h), in git-lfs too; pointers to what is not stored, or is of another size; secrets
 *(secrets.h), unless a commit's message takes them on itself: "Secrets-Allowed: WHY", a line of its
 *own.
 *
 * What was there before stays unquestioned. Knows no hook and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

#define POLICY_FILES_MAX 100000
#define POLICY_OBJECTS_MAX 500000   /* new ones, and the trees they stand on */
#define POLICY_BLOB_MAX (10u << 20) /* of a larger file only the head is looked at */
#define POLICY_FINDINGS_MAX 10

struct policy;

struct policy_request {
	const char *repo_path, *quarantine; /* quarantine NULL: nothing is new */
	const char (*heads)[41];            /* new values of refs; copied, like all of this */
	size_t n_heads;
	bool space;
	/* A read-only fd of an LFS object that this repo may point to, and its size; -ENOENT. */
	int (*open_lfs)(const char *oid, uint64_t *ret_size, void *data);
};

/* words: a line per finding, "PATH:LINE: …" or "PATH: …"; "" when all is well. From the loop, once;
 * the policy is gone then. */
typedef void (*policy_fn)(bool ok, const char *words, void *data);

int policy_start(struct loop *loop, const struct policy_request *request, policy_fn fn, void *data,
	struct policy **ret, struct err *e);

/* Before it is done: fn will not be called. */
struct policy *policy_free(struct policy *p);
