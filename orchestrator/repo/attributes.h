/*
 * The patterns of .gitattributes and .gitignore (gitattributes(5), gitignore(5)): which paths are
 * kept in git-lfs, and which are left alone. Text in, yes or no out; knows no repo.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define ATTRIBUTES_MAX (1u << 20) /* bytes of a file that are looked at */
#define ATTRIBUTES_NAME ".gitattributes"

/* One pattern against a path: as git's wildmatch with WM_PATHNAME. Linear in neither, yet bounded:
 * a pattern that asks for too many steps matches nothing. */
bool pattern_matches(const char *pattern, const char *path);

/*
 * The steps that one request may take, in all its patterns and paths: some tenths of a second. Ten
 * thousand rules of one path each and as many paths are within it. What takes some is given what is
 * left; at 0 there is nothing left, and the answer says nothing.
 */
#define PATTERN_STEPS_MAX 100000000
bool pattern_spend(uint64_t *left, uint64_t steps); /* false: there were not so many */

/* The rules about git-lfs of a text, which is not kept. -ENOMEM. */
struct attributes;
int attributes_parse(const char *text, size_t n, struct attributes **ret);
struct attributes *attributes_free(struct attributes *a);
DEFINE_CLEANUP(struct attributes *, attributes_free)

/* What the last rule about the path's filter says; the path is relative to the file's folder. */
enum lfs_rule { LFS_UNSAID, LFS_NO, LFS_YES };
enum lfs_rule attributes_lfs(const struct attributes *a, const char *path, uint64_t *left);

/* Appends the rule that makes exactly this path an LFS file. -ENOMEM, -ENOSPC. */
int attributes_add_lfs(struct buf *text, const char *path);

/* Whether a .gitignore at the top leaves the path out, itself or with a folder above it. */
bool ignore_says(const char *text, size_t n, const char *path, uint64_t *left);
