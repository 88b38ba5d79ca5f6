/* A model file in memory, read-only. Knows no format. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HELD_COPY_MAX (64u << 20) /* files up to this are copied, larger ones are mapped */

struct held {
	uint8_t *bytes; /* owned; n of them */
	size_t n;
};

/*
 * Takes a file of at least min bytes; nothing of it is needed later if it is at most
 * HELD_COPY_MAX. A larger one is mapped and must not shrink until held_done, or the process dies of
 * SIGBUS; a model folder is the operator's. -EBADMSG: no regular file, or shorter than min;
 * -ENODATA: it became shorter while it was read; the errno of open, fstat, mmap and read.
 */
int held_open(int dirfd, const char *name, size_t min, struct held *ret, struct err *e);
void held_done(struct held *h);
