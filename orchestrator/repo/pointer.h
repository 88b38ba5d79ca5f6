/*
 * What stands in git in place of a large file: three lines with its SHA-256 and its size
 * (git-lfs, docs/spec.md). Knows no repo and no blob.
 *
 * Only the exact form that git-lfs writes is a pointer; anything else is a file like every other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define POINTER_MAX 160 /* bytes of the longest one and a NUL; a larger file is none */
#define LFS_SIZE_MAX INT64_MAX

struct pointer {
	char oid[SHA256_HEX + 1]; /* lower case */
	uint64_t size;            /* bytes, at most LFS_SIZE_MAX */
};

/* bytes need no NUL. False: no pointer; *ret is untouched. */
bool pointer_parse(const void *bytes, size_t n, struct pointer *ret);

/* The bytes that pointer_parse reads; returns their number without the NUL. */
size_t pointer_format(const struct pointer *p, char ret[POINTER_MAX]);

/*
 * Any object that a file names in a way some git-lfs reads: with extensions, under an older name of
 * the format, or with carriage returns. For who asks what may be needed, not what is served. *at: 0
 * at first; false: there is no further one.
 */
#define POINTER_NAMES_MAX 1024 /* git-lfs takes no larger file for a pointer */
bool pointer_next_name(const char *bytes, size_t n, size_t *at, char ret[SHA256_HEX + 1]);

/* 64 digits of lower-case hexadecimal. */
bool oid_is_valid(const char *oid);
