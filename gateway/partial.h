/*
 * Uploads that may be cut and go on: --data/files/SPACE/.ID.kept holds the bytes, .ID.resume whose
 * they are and how many there will be. What has been written is there for a gateway that was
 * killed; only a finished file is on the disk for good. Knows no HTTP.
 *
 * An upload belongs to one visitor and one Space, is written by one request at a time, and is
 * dropped when it rests for too long. Ids are the ids of the files they become.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/files.h"

#define PARTIALS_MAX 4096 /* of all Spaces */
#define PARTIALS_PER_SPACE 256
#define PARTIALS_PER_VISITOR 16 /* one page sends a few at a time, one may be open twice */
#define PARTIAL_KEEP_SEC 3600   /* without a byte */
#define PARTIAL_YIELD_SEC 60    /* without a byte, and another needs the room */
#define PARTIAL_STALL_SEC 5     /* a request that brought nothing for so long gives way */

struct partials;
struct partial;

/* Takes up what an earlier process left. now_sec: wall clock. */
int partials_new(struct files *files, int64_t now_sec, struct partials **ret);
struct partials *partials_free(struct partials *p);
DEFINE_CLEANUP(struct partials *, partials_free)

/*
 * Begins an upload of length bytes with its room on the disk set aside. Where the share or the
 * number of uploads has no room, uploads of the Space that have rested for PARTIAL_YIELD_SEC make
 * some: else whoever announces much and sends nothing would keep everybody out. -ENOSPC: disk or
 * the Space's share is full. -EDQUOT: the visitor or the Space has too many that are not finished.
 */
int partial_new(struct partials *p, const char *space, const char *visitor, const char *name,
	uint64_t length, int64_t now_sec, struct partial **ret, struct err *e);

/* NULL: the visitor has no such upload in this Space. Borrowed until it is dropped or finished. */
struct partial *partial_find(
	struct partials *p, const char *space, const char *id, const char *visitor);

const char *partial_id(const struct partial *u);
uint64_t partial_length(const struct partial *u);
uint64_t partial_offset(const struct partial *u); /* bytes on the disk */
int64_t partial_expires_sec(const struct partial *u);
bool partial_is_whole(const struct partial *u);

/*
 * Makes the caller the one who writes, from offset on. *holder is set to the upload, and to NULL
 * when it is taken away again: dropped, or stalled and claimed by another. -EBUSY: another request
 * is writing. -ESTALE: offset is not where the upload is.
 */
int partial_claim(struct partial *u, uint64_t offset, int64_t now_sec, struct partial **holder,
	struct err *e);

/* Only for the holder. -EMSGSIZE: over its length, and nothing was written. */
int partial_write(struct partial *u, const void *bytes, size_t n, int64_t now_sec, struct err *e);

/* The holder is done for now: the upload rests. */
void partial_rest(struct partial *u);

/* Only for the holder: an fd of the caller's on the bytes, so that they can be brought to the disk.
 * -errno. */
int partial_dup(const struct partial *u);

/* Only for the holder, who waits for the disk: nobody takes the upload over meanwhile. */
void partial_settle(struct partial *u);

/* The last byte is there: makes it a file. The upload is gone, unless it failed. */
int partial_finish(struct partial *u, struct file_info *ret, struct err *e);

void partial_drop(struct partial *u);

/* Drops those that have rested for PARTIAL_KEEP_SEC. */
void partials_expire(struct partials *p, int64_t now_sec);
void partials_drop_space(struct partials *p, const char *space);
