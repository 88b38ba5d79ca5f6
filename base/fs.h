/* Files: whole reads with a ceiling, durable replacement, sealed memory files. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Creates dir and its missing parents. An existing directory is fine. */
int fs_mkdirs(const char *dir, mode_t mode, struct err *e);

/* Reads the whole file into b. -ENOSPC: larger than b's ceiling. */
int fs_read(int dirfd, const char *path, struct buf *b, struct err *e);

/* The same from an open fd, from its current position. */
int fs_read_fd(int fd, struct buf *b, struct err *e);

/*
 * Replaces path with the bytes: a temporary file beside it, fdatasync, rename, and fsync of the
 * folder, so that after power loss the old or the new content is there, whole.
 */
int fs_write_durable(
	int dirfd, const char *path, const void *bytes, size_t n, mode_t mode, struct err *e);

/* write(2) until all n bytes are out. */
int fs_write_all(int fd, const void *bytes, size_t n);

/*
 * A memfd holding the bytes, sealed against every later change (F_SEAL_WRITE, GROW, SHRINK,
 * SEAL). Caller owns the returned fd, positioned at 0.
 */
int fs_memfd_sealed(const char *name, const void *bytes, size_t n, struct err *e);

/* 1 when fd carries all four seals, 0 when not, negative errno when it is no memfd. */
int fs_is_sealed(int fd);

/* Removes path and everything below it, following no link. A missing path is fine. */
int fs_remove_tree(const char *path);
