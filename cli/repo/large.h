/*
 * Large files of a repo, for a program that has its history: which there are, and git-lfs's batch
 * API (git-lfs, docs/api/batch.md), a hundred at a time. Needs git, and no git-lfs.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "cli/session.h"

#define LARGE_MAX 100000 /* of one repo */

/* What the commits of the bare repo in dir point to: *ret is [{oid, size}], each once, the
 * caller's. Errors have words. */
int large_list(const char *dir, json_t **ret, struct err *e);

/* Called with an object and the address where its bytes are; "": they need not go there. */
typedef int (*large_fn)(
	const char *oid, uint64_t size, const char *href, void *data, struct err *e);

/* upload, or else download. prefix: "spaces/" and the like. Negative errno with words: the
 * platform's, or fn's. */
int large_each(struct session *s, const char *prefix, const char *id, bool upload,
	const json_t *objects, large_fn fn, void *data, struct err *e);
