/* What vitrine-reader can be asked, by name. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

/*
 * Does one job in a repo and writes its answer to body. *ret_head is the caller's: an object with
 * what the answer is of; on failure {error, words, commit?}, error being the X-Error-Code of the
 * hub's API (RevisionNotFound, EntryNotFound) or "" for what has none. confine is called once the
 * repo is known and before any of it is read.
 */
void job_do(const json_t *job, FILE *body, int input_fd,
	int (*confine)(const char *repo, struct err *e), json_t **ret_head);
