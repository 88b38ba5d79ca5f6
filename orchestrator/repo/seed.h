/*
 * The first commit of a repo that is made by the API: its files, and the .gitattributes and the
 * README.md that everybody expects. Knows no row and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "orchestrator/repo/draft.h"

#define SEED_FILES_MAX 64

struct seed_file {
	const char *path, *content;
	bool base64; /* content is, otherwise it is text */
};

struct seed {
	bool space;
	const char *title, *sdk, *license; /* of the README's front matter; NULL: not said */
	const char *user;                  /* the author */
	const struct seed_file *files;     /* those of the caller, which come before ours */
	size_t n;
};

/* The commit for main of the empty repo at path, sealed. The caller's. -EINVAL with words. */
int seed_draft(const char *path, const struct seed *s, struct draft **ret, struct err *e);
