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

/* Fds that are open go on reading. A missing blob is fine. */
int blob_delete(struct blob_store *b, const char *hash, struct err *e);

/* Calls back with every hash, in no order, until fn returns non-zero, which is returned. */
int blob_list(struct blob_store *b, int (*fn)(const char *hash, void *data), void *data);
