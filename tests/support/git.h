/* A bare repo in a folder of its own, written with libgit2: commits, refs and tags for tests. */
#pragma once

#include <git2.h>
#include <stddef.h>

struct git_fixture {
	char dir[64];
	char path[128];       /* of the repo */
	git_repository *repo; /* owned */
	long long clock;      /* seconds of the next commit */
};

void git_fixture_init(struct git_fixture *g);
void git_fixture_done(struct git_fixture *g);

/* On top of ref's commit, if it has one: that commit's files with this one put in ("a/b.txt";
 * content NULL: taken out). path NULL: the same files. */
void git_fixture_commit(struct git_fixture *g, const char *ref, const char *message,
	const char *path, const char *content, char ret[41]);

/* The same with n bytes. */
void git_fixture_commit_bytes(struct git_fixture *g, const char *ref, const char *message,
	const char *path, const void *content, size_t n, char ret[41]);

/* Joins another commit into ref: ref's files with this one put in. */
void git_fixture_merge(struct git_fixture *g, const char *ref, const char *message,
	const char *other, const char *path, const char *content, char ret[41]);

void git_fixture_ref(struct git_fixture *g, const char *ref, const char *id);
void git_fixture_tag(struct git_fixture *g, const char *name, const char *id); /* an object */
void git_fixture_blob(struct git_fixture *g, const char *content, char ret[41]);
