/*
 * Bytes that come in pieces and are wanted again from their start, without being held: the first
 * few in memory, and all of them in a nameless file once there are more.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SPOOL_MEMORY 65536

struct spool {
	struct buf head;  /* what is not in the file yet */
	int fd;           /* owned; -1: no file */
	uint64_t bytes;   /* of the whole */
	uint64_t read_at; /* next byte of spool_read */
	const char *dir;  /* borrowed: where the file lies, which has no name */
};

void spool_init(struct spool *s, const char *dir);
void spool_done(struct spool *s);

/* Empty again. */
void spool_clear(struct spool *s);

/* -ENOSPC, -ENOMEM, -EIO with words. */
int spool_add(struct spool *s, const void *bytes, size_t n, struct err *e);

/* From the start again. */
void spool_rewind(struct spool *s);

/* The next bytes: how many, 0 at the end, -EIO. */
ssize_t spool_read(struct spool *s, void *bytes, size_t n, struct err *e);
