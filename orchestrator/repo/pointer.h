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

/* 64 digits of lower-case hexadecimal. */
bool oid_is_valid(const char *oid);
