/*
 * Large files over HTTP, by addresses that need no token (git-lfs's batch API hands them out): as
 * they come, in constant memory. Knows no repo.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Takes the next bytes; negative errno with words: no further ones. */
typedef int (*transfer_fn)(const void *bytes, size_t n, void *data, struct err *e);

/* -EREMOTEIO: refused, with the status; -EIO: broken off, or not of that size. Errors of fn. */
int transfer_get(const char *url, uint64_t size, transfer_fn fn, void *data, struct err *e);

/* Sends size bytes of fd from at on. */
int transfer_put(const char *url, int fd, uint64_t at, uint64_t size, struct err *e);
