/*
 * A bundle: the files of a Space at one commit, as one immutable file addressed by its SHA-256.
 *
 *	"VITRBND1"  u32 count  then count times { u16 path length, u32 size, path, bytes }
 *
 * Little endian; entries in strictly ascending byte order of path, so the same tree always gives
 * the same bytes and hash. Paths are relative, '/'-separated, without empty, "." or ".." parts.
 * Limits: BUNDLE_MAX, BUNDLE_FILES_MAX, BUNDLE_PATH_MAX of constants.def.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct bundle_entry {
	const char *path; /* borrowed from the bytes; not NUL-terminated */
	size_t path_len;
	const uint8_t *bytes;
	size_t size;
};

/* Starts a bundle of count files; entries follow in ascending order. -E2BIG: too many files. */
int bundle_begin(struct buf *b, uint32_t count, struct err *e);

/* -EINVAL: path not clean, too long, or not above the last one. -EFBIG: over BUNDLE_MAX. */
int bundle_add(struct buf *b, const char *path, const void *bytes, size_t n, struct err *e);

/* Checks the whole shape. Everything else here needs this to have returned 0. -EBADMSG with words.
 */
int bundle_check(const uint8_t *bytes, size_t n, struct err *e);

/* Walks: *at is 0 before the first call. 1: *ret filled, 0: end. Only on checked bytes. */
int bundle_next(const uint8_t *bytes, size_t n, size_t *at, struct bundle_entry *ret);

/* Finds a path. 1 or 0. Only on checked bytes. */
int bundle_find(const uint8_t *bytes, size_t n, const char *path, struct bundle_entry *ret);
