/*
 * One repo, open for one reader (orchestrator/reader): what clients see of a commit's folders and
 * files. A file that stands for a large one is shown as that one. Writes JSON as it goes, so a long
 * list is nowhere in memory.
 */
#pragma once

#include <git2.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "orchestrator/repo/pointer.h"
#include "orchestrator/repo/revision.h"

struct look {
	git_repository *repo; /* owned */
	git_odb *odb;         /* owned */
	uint64_t opened_usec; /* monotonic */
	uint64_t cpu_usec;    /* of the process by then */
};

int look_open(const char *repo_path, struct look *ret, struct err *e);
void look_close(struct look *l);

/* True once that much processor time went into it since it was opened, or LOOK_WALL_USEC went by:
 * what is left of a long walk is left out. */
#define LOOK_WALL_USEC 12000000ull
bool look_is_late(const struct look *l, uint64_t cpu_usec);

/* The tree of a commit. -EIO. */
int look_root(struct look *l, const char *commit, git_oid *ret, struct err *e);

struct entry {
	const char *path; /* borrowed */
	git_oid oid;
	git_filemode_t mode;
	uint64_t size; /* of a file: the one it stands for */
	bool lfs;
	struct pointer pointer;
	uint64_t pointer_size; /* bytes of the file in git */
};

/* "" is the root folder. -ENOENT: nothing is there. A folder's size is 0. */
int look_find(
	struct look *l, const git_oid *root, const char *path, struct entry *ret, struct err *e);

bool entry_is_folder(const struct entry *en);

/* {type, oid, size, path, lfs?} as in the tree of Hugging Face's API; NULL: out of memory. */
json_t *entry_json(const struct entry *en);

struct listing {
	bool recursive;    /* folders too, each before what is in it */
	bool sizes;        /* read them, and look for pointers; otherwise 0 */
	const char *after; /* a path relative to the folder: go on after it; or NULL */
	size_t max;        /* entries */
	/* Return 1 to stop, negative errno to fail. en->path begins with prefix. */
	int (*on_entry)(struct look *l, const struct entry *en, void *data);
	void *data;
};

/*
 * Lists the folder `tree`; prefix ("" or "a/b/") stands before each path. Submodules and paths that
 * are too long are left out. 1: there is more than max, or than can be walked in time; 0; -EIO.
 */
int look_list(struct look *l, const git_oid *tree, const char *prefix, const struct listing *how,
	struct err *e);

/* All of a file of at most max bytes; ret is the caller's to git_odb_object_free. -EFBIG. */
int look_read(struct look *l, const git_oid *oid, size_t max, git_odb_object **ret, struct err *e);

/* n bytes as a JSON string; what is no UTF-8 becomes '?'. */
json_t *look_words(const char *text, size_t n);
