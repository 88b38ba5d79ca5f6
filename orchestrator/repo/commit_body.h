/*
 * From the lines of a commit by the API to a draft with their changes, while they arrive: what
 * commit_lines.h reads is put into draft.h. Knows no HTTP; what is stored in git-lfs it asks.
 */
#pragma once

#include "base/cleanup.h"
#include "orchestrator/repo/draft.h"

struct commit_body;

struct commit_body_ops {
	/* The size of an LFS object that this repo may point to; -ENOENT. */
	int (*find_lfs)(const char *oid, uint64_t *ret_size, void *data);
};

/* Borrows the draft. */
int commit_body_new(struct draft *d, const struct commit_body_ops *ops, void *data,
	struct commit_body **ret, struct err *e);
struct commit_body *commit_body_free(struct commit_body *b);
DEFINE_CLEANUP(struct commit_body *, commit_body_free)

/*
 * -EBADMSG: no such JSON; -EINVAL: no such path; -ENOENT: deletes what is not there; -ESTALE: made
 * for another parent; -EFBIG; -ENOSPC; -ENOMEM; -EIO. After an error nothing more may be fed.
 */
int commit_body_feed(struct commit_body *b, const char *bytes, size_t n, struct err *e);

/* The end: the header must have come. */
int commit_body_end(struct commit_body *b, struct err *e);

/* The whole message, after commit_body_end. */
const char *commit_body_message(const struct commit_body *b);
