/*
 * A growing byte buffer that is born with its ceiling.
 *
 * Everything an outsider can make grow is built in one of these, so a limit is stated where the
 * buffer is made and cannot be forgotten where it is filled. Knows no encoding.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct buf {
	uint8_t *data; /* owned; len bytes used of cap; a NUL always follows data[len - 1] */
	size_t len;
	size_t cap;
	size_t max; /* ceiling of len */
};

/* Sets up an empty buffer that never holds more than max bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* Releases the memory; the buffer is as after buf_init with the same ceiling. */
void buf_done(struct buf *b);

/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);

/* Makes room for n more bytes. -ENOSPC: over the ceiling. -ENOMEM. */
int buf_reserve(struct buf *b, size_t n);

/* Appends n bytes. -ENOSPC, -ENOMEM; the buffer is unchanged then. */
int buf_add(struct buf *b, const void *bytes, size_t n);
int buf_add_str(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_add_u32(struct buf *b, uint32_t v); /* little endian */

/* Drops the first n bytes (n <= len). Linear in what stays. */
void buf_consume(struct buf *b, size_t n);

/* The content as a C string ("" while empty). Borrowed until the next change. */
const char *buf_str(const struct buf *b);
