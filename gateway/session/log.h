/*
 * The session log: append-only segments NNNNNNNN.log of records
 *
 *	u32 length · u32 crc32c · u32 session · u8 kind · u8 0 · u16 0 · u32 n · value
 *
 * little endian; length is the value's, the checksum covers everything but itself. One write(2)
 * per record. Knows kinds only as numbers; what they mean is state.h's.
 *
 * Replay reads segments in order. A record that does not check is skipped when a good one follows
 * where its length says; otherwise it is the torn tail of a process that was killed: the segment
 * ends there, and the tail of the newest segment is cut off before anything is appended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/err.h"

#define LOG_HEADER 20
#define LOG_VALUE_MAX (24u << 20)
#define LOG_IOV_MAX 3

enum log_kind { LOG_BEGIN = 1, LOG_IN, LOG_OUT, LOG_MOVE, LOG_FORGET, LOG_STATE };

struct log_record {
	uint32_t session;
	uint8_t kind;
	uint32_t n;
	const uint8_t *value; /* borrowed */
	size_t length;
};

/* Called for each good record during replay. Negative: the replay ends with it. */
typedef int (*log_record_fn)(const struct log_record *rec, void *data);

struct session_log;

/*
 * Replays the segments of dir (created when missing), then is ready to append.
 * -EIO and the like: the folder cannot be read or written.
 */
int session_log_open(
	const char *dir, log_record_fn fn, void *data, struct session_log **ret, struct err *e);
struct session_log *session_log_free(struct session_log *l);
DEFINE_CLEANUP(struct session_log *, session_log_free)

/*
 * Appends one record whose value is the n parts (at most LOG_IOV_MAX) one after the other.
 * All or nothing: after -ENOSPC, -EIO … the log is as before. -EMSGSIZE: over LOG_VALUE_MAX.
 */
int session_log_append(struct session_log *l, uint32_t session, enum log_kind kind, uint32_t n,
	const struct iovec *parts, size_t n_parts);

/* Starts a new segment, unless the newest is empty; returns its number. Later appends go there.
 * Negative errno. */
int session_log_roll(struct session_log *l);

/* Deletes every segment before number. */
void session_log_drop_before(struct session_log *l, int number);

uint64_t session_log_bytes(const struct session_log *l);   /* of all segments */
uint64_t session_log_current(const struct session_log *l); /* of the newest one */
uint64_t session_log_damaged(const struct session_log *l); /* records skipped in replay */

/*
 * What was appended since the last call, as files that the caller brings to the disk with fsync and
 * closes: at most LOG_DIRTY_MAX of them, returned is how many. When that has gone well the caller
 * says session_log_synced, before it asks again.
 */
#define LOG_DIRTY_MAX 3
size_t session_log_take_dirty(struct session_log *l, int ret[LOG_DIRTY_MAX]);
void session_log_synced(struct session_log *l);

/*
 * It has gone wrong: what was taken may be lost with the power, whatever a later sync says, since
 * the kernel tells of a failed write once. How often that was.
 */
void session_log_sync_failed(struct session_log *l);
uint32_t session_log_failures(const struct session_log *l);

/* Bytes appended since the log was opened, and how many of them a power cut leaves. */
uint64_t session_log_written(const struct session_log *l);
uint64_t session_log_safe(const struct session_log *l);
