/*
 * What a client asks before it uploads: which files go to git-lfs, which are left out, and what is
 * at their paths now. Reads one commit; knows no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"

#define PREUPLOAD_LFS_FROM (10u << 20) /* bytes; what is larger goes to git-lfs whatever it is */

struct preupload;

struct preupload_file {
	const char *path;
	uint64_t size;
	const void *sample; /* its first bytes, n of them */
	size_t n;
};

struct preupload_answer {
	bool lfs;
	char oid[SHA256_HEX +
		 1]; /* of what is there: of its content in git-lfs, else of its blob; "" */
};

/* attributes: the .gitattributes that is to count; NULL: the commit's. */
int preupload_open(const char *repo_path, const char *commit, const char *attributes,
	struct preupload **ret, struct err *e);
struct preupload *preupload_free(struct preupload *p);
DEFINE_CLEANUP(struct preupload *, preupload_free)

/* left: steps of attributes.h; at 0 the answer says nothing. -EINVAL: no repo takes such a path;
 * -EIO. */
int preupload_look(struct preupload *p, const struct preupload_file *file, uint64_t *left,
	struct preupload_answer *ret, struct err *e);
