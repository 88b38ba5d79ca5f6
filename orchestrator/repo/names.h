/*
 * What a path in a repo may be called: the same on every machine that clones it. Refused are names
 * that git itself takes for something else there (.git and what HFS+ and NTFS read as it), that
 * leave the repo, or that no file system takes. Knows no tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define NAME_BYTES_MAX 255
#define PATH_BYTES_MAX 1024
#define PATH_DEPTH_MAX 64

/* One part of a path; n bytes, no NUL needed. -EINVAL with words that begin "NAME: ". */
int name_check(const char *name, size_t n, struct err *e);

/* A whole path, relative, parts separated by one slash. -EINVAL. */
int path_check(const char *path, struct err *e);

/*
 * The name as a machine sees it that tells neither case nor Unicode's ways of writing a character
 * apart: two names with the same form cannot lie in one folder there. The caller's; NULL: out of
 * memory.
 */
char *name_folded(const char *name, size_t n);
