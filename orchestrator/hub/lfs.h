/*
 * Large files as rows: which repo has which object, and what that counts against its owner's
 * storage. The bytes are blobs; knows no HTTP and no git.
 *
 * A repo has an object once it was uploaded to it, or once somebody who may write there could read
 * another repo that has it. Nobody learns from here whether a stranger's object is stored.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/blob/blob.h"
#include "orchestrator/people/permit.h"
#include "orchestrator/repo/pointer.h"
#include "orchestrator/store/store.h"

/* 0 and its size; -ENOENT: the repo does not have it. */
int lfs_size(struct store *s, const char *repo_id, const char *oid, uint64_t *ret, struct err *e);

/* A read-only fd of it, the caller's. -ENOENT: the repo does not have it, or not of that size. */
int lfs_open(struct store *s, struct blob_store *b, const char *repo_id, const struct pointer *p,
	struct err *e);

/*
 * The same by its SHA-256 alone, for a push that points to it: it stays a while longer without a
 * commit.
 */
int lfs_open_for_push(struct store *s, struct blob_store *b, const char *repo_id, const char *oid,
	uint64_t *ret_size, struct err *e);

/* From now on the repo has it, and for a while even without a commit that points to it. */
int lfs_hold(struct store *s, const char *repo_id, const struct pointer *p, struct err *e);

/*
 * Whether it need not be uploaded: this repo has it, or one that who may read, and then from now on
 * this one, too. 0: no upload is needed; 1: it is; -EINVAL: it is stored with another size.
 */
int lfs_claim(struct store *s, const char *repo_id, const struct pointer *p,
	const struct identity *who, struct err *e);

/*
 * What a duplicate begins with. lfs_check_copy: -EDQUOT, with words, when what its owner does not
 * have yet is over the limit; 0: there is none.
 */
int lfs_check_copy(
	struct store *s, const char *from_id, const char *owner, uint64_t limit, struct err *e);
int lfs_copy(struct store *s, const char *from_id, const char *to_id, struct err *e);

/* Bytes that an owner's repos have, deleted ones that can be had back included, each object once.
 */
int lfs_used(struct store *s, const char *owner, uint64_t *ret, struct err *e);

/*
 * What an owner may still store, for one request: the sum over his objects is taken once, when it
 * is first needed.
 */
struct lfs_room {
	const char *owner; /* borrowed */
	uint64_t limit;    /* bytes; 0: none */
	uint64_t busy;     /* bytes on their way that no row counts */
	uint64_t used;
	bool summed;
	bool fresh; /* the owner does not have what was asked about last */
};

/* -EDQUOT, with words that say what is left. */
int lfs_check_room(struct store *s, struct lfs_room *room, const struct pointer *p, struct err *e);

/* "1.5 GB" */
#define SIZE_WORDS_MAX 24
void size_words(uint64_t bytes, char ret[SIZE_WORDS_MAX]);
