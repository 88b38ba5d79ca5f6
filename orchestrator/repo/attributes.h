/*
 * The patterns of .gitattributes and .gitignore (gitattributes(5), gitignore(5)): which paths are
 * kept in git-lfs, and which are left alone. Text in, yes or no out; knows no repo.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define ATTRIBUTES_MAX (1u << 20) /* bytes of a file that are looked at */
#define ATTRIBUTES_NAME ".gitattributes"

/* One pattern against a path: as git's wildmatch with WM_PATHNAME. Linear in neither, yet bounded:
 * a pattern that asks for too many steps matches nothing. */
bool pattern_matches(const char *pattern, const char *path);

/* What the last rule about the path's filter says; the path is relative to the file's folder. */
enum lfs_rule { LFS_UNSAID, LFS_NO, LFS_YES };
enum lfs_rule attributes_lfs(const char *text, size_t n, const char *path);

/* Appends the rule that makes exactly this path an LFS file. -ENOMEM, -ENOSPC. */
int attributes_add_lfs(struct buf *text, const char *path);

/* Whether a .gitignore at the top leaves the path out, itself or with a folder above it. */
bool ignore_says(const char *text, size_t n, const char *path);
