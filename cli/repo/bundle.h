/*
 * What vitrine export and vitrine import agree on: in the file (archive.h) each repo has a folder,
 * numbered from 1, with repo.json (what it is), history.bundle (git's, its branches and tags; none
 * where it has neither) and large/OID. And how both use git: in a folder of theirs, aloud.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "cli/repo/tar.h"

#define BUNDLE_ABOUT "repo.json"
#define BUNDLE_HISTORY "history.bundle"
#define BUNDLE_ABOUT_MAX (32u << 20)

void bundle_name(char ret[TAR_NAME_MAX], size_t number, const char *what);
void bundle_large_name(char ret[TAR_NAME_MAX], size_t number, const char *oid);

/* A folder for one repo, in $TMPDIR or /tmp. */
struct bundle_work {
	char dir[512], repo[528], bundle[528];
};

int bundle_work_begin(struct bundle_work *w, struct err *e);
void bundle_work_end(struct bundle_work *w);

/* Runs git in dir (NULL: here); what it says goes to stderr. -EIO: it failed. */
int bundle_git(const char *dir, char *const argv[], struct err *e);

/* {ref: id} of the branches and tags of the bare repo in dir, the caller's. */
int bundle_refs(const char *dir, json_t **ret, struct err *e);
