/* Lists of a repo: refs, a folder, named paths, commits. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "orchestrator/repo/look.h"

/* One job under way. */
struct job {
	const json_t *args; /* borrowed */
	FILE *body;         /* borrowed */
	json_t *head;       /* borrowed */
	int input;          /* -1: none */
	struct look look;
	struct revision revision;
	git_oid root; /* of the revision's commit */
	char path[REVISION_PATH_MAX];
};

/* Writes a value to the body; takes it. NULL: -ENOMEM. */
int list_write(struct job *j, json_t *value, struct err *e);

/* The job's commit, in full. */
json_t *list_commit_json(struct job *j);

/* {prs}: {branches, converts, tags, pullRequests?}, each [{name, ref, targetCommit}]. */
int list_refs(struct job *j, struct err *e);

/* {rest, recursive, expand, limit, after}: an array of entries; head {next?}: the path to go on
 * after. */
int list_tree(struct job *j, struct err *e);

/* {rest, paths, expand}: an array of entries, those that are missing left out. */
int list_paths(struct job *j, struct err *e);

/* {rest, skip, limit}: an array of commits; head {total, whole}. */
int list_commits(struct job *j, struct err *e);
