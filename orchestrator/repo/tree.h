/*
 * The files of one commit, read with libgit2, also while the commit still lies in the quarantine
 * of a push. Everything is bounded before it is loaded; what cannot be part of a Space (links,
 * submodules, odd paths) is refused in words.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "orchestrator/repo/pointer.h"

struct tree;

/* Where the files are that pointers (pointer.h) stand for; borrowed until tree_free. */
struct tree_large {
	/* A read-only fd, the tree's, of as many bytes as the pointer says; -ENOENT with words. */
	int (*open)(const struct pointer *p, void *data, struct err *e);
	void *data;
};

struct tree_file {
	const char *path; /* borrowed from the tree */
	uint64_t size;
};

/*
 * Lists the files in ascending byte order of their paths. quarantine: its object folder, which
 * must lie inside the repo, or NULL. -EINVAL, -E2BIG, -EFBIG with words about the file; -EIO.
 */
int tree_open(const char *repo_path, const char *quarantine, const char *commit,
	const struct tree_large *large, struct tree **ret, struct err *e);
struct tree *tree_free(struct tree *t);
DEFINE_CLEANUP(struct tree *, tree_free)

size_t tree_count(const struct tree *t);
struct tree_file tree_file(const struct tree *t, size_t i);

/* Index of path, or -ENOENT. */
int tree_find(const struct tree *t, const char *path);

/* The content of file i; *ret is borrowed until the next tree_read or tree_free. */
int tree_read(struct tree *t, size_t i, const void **ret, struct err *e);

/* Appends the content of one file at the top, of a commit that may be none of a Space's. -ENOENT:
 * there is no such file; -EFBIG: over ret's ceiling; -EINVAL, -EIO. */
int tree_read_top(const char *repo_path, const char *quarantine, const char *commit,
	const char *name, struct buf *ret, struct err *e);
