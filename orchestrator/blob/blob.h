/*
 * Immutable bytes by their SHA-256. Knows no bundle and no Space. A driver is one .c file
 * (local.c: files below a folder); no path of it appears anywhere else.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"

struct blob_store;

int blob_store_open(const char *where, struct blob_store **ret, struct err *e);
struct blob_store *blob_store_close(struct blob_store *b);
DEFINE_CLEANUP(struct blob_store *, blob_store_close)

/*
 * Stores everything from fd's start to its end; when it returns 0 the bytes survive power loss.
 * Storing what is there already is fine. -ENOSPC: no room; nothing is left behind.
 */
int blob_put(struct blob_store *b, int fd, char ret_hash[SHA256_HEX + 1], struct err *e);

/* A read-only fd at position 0, the caller's. -ENOENT: there is no such blob. */
int blob_open(struct blob_store *b, const char *hash, struct err *e);

bool blob_has(struct blob_store *b, const char *hash);

/*
 * Gives it a further name, a path outside of the store, under which others may read it (0444); it
 * takes no room and stays when the blob is deleted. -ENOENT: there is no such blob; -EXDEV: the
 * path lies on another file system, or under another mount of it.
 */
int blob_link(struct blob_store *b, const char *hash, const char *path, struct err *e);

/* Whether it is there, and if so from now on as young as a new one: see blob_list. */
bool blob_touch(struct blob_store *b, const char *hash);

/* Bytes of it; -ENOENT. */
int64_t blob_size(struct blob_store *b, const char *hash);

/*
 * A blob whose bytes come one after another. Until it is published it has no name: a process that
 * dies before leaves bytes that the next blob_store_open removes.
 */
struct blob_writer;
int blob_begin(struct blob_store *b, struct blob_writer **ret, struct err *e);
int blob_write(struct blob_writer *w, const void *bytes, size_t n, struct err *e); /* -ENOSPC */
uint64_t blob_written(const struct blob_writer *w);
/* An fd of the same file, the caller's, to fsync it elsewhere. */
int blob_dup(const struct blob_writer *w);
/* The hash of what was written; nothing can be written any more. */
int blob_end(struct blob_writer *w, char ret_hash[SHA256_HEX + 1], struct err *e);
struct blob_writer *blob_abort(struct blob_writer *w);
DEFINE_CLEANUP(struct blob_writer *, blob_abort)

/*
 * After blob_end, and after its bytes are on the disk: gives it its name and frees it. The name is
 * on the disk once the folders of ret_fds, the caller's, are synced. On an error it is gone.
 */
int blob_publish(struct blob_writer *w, int ret_fds[2], struct err *e);

/*
 * A blob whose bytes come in any order, perhaps over several lives of this process: a file of that
 * size with holes, known by id (letters, digits and '-'). The fd is the caller's; made when
 * missing.
 */
#define PARTS_ID_MAX 64
int blob_parts_open(struct blob_store *b, const char *id, uint64_t size, struct err *e);
/* The same, but -ENOENT when it is missing. */
int blob_parts_find(struct blob_store *b, const char *id, struct err *e);
/* Words that tell the file of that fd from an earlier or a later one with the same id. */
#define PARTS_BIRTH_MAX 80
int blob_parts_birth(int fd, char ret[PARTS_BIRTH_MAX]);
/* bytes: what it takes of the disk. */
typedef void (*blob_parts_fn)(const char *id, uint64_t bytes, void *data);
void blob_parts_list(struct blob_store *b, blob_parts_fn fn, void *data);
/* Somebody else has made sure that its bytes, synced, have that hash. As blob_publish. */
int blob_parts_publish(
	struct blob_store *b, const char *id, const char *hash, int ret_fds[2], struct err *e);
void blob_parts_drop(struct blob_store *b, const char *id);
/* Those that nobody wrote to since then. */
void blob_parts_expire(struct blob_store *b, int64_t before_sec);

/* Fds that are open go on reading. A missing blob is fine. */
int blob_delete(struct blob_store *b, const char *hash, struct err *e);

/*
 * Calls back with every hash of one of the BLOB_SHARDS parts, in no order, until fn returns
 * non-zero, which is returned. touched_sec: wall clock, when it was stored or touched.
 */
#define BLOB_SHARDS 256
typedef int (*blob_fn)(const char *hash, int64_t touched_sec, void *data);
int blob_list(struct blob_store *b, unsigned int shard, blob_fn fn, void *data);
