/*
 * Commits of one repo: a page of them, how many there are, and which one last changed each of many
 * paths. Walks are cut off by time, never by error: a repo has as much history as it was pushed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/repo/look.h"

struct history_page {
	uint64_t skip, max; /* commits, newest first */
	uint64_t cpu_usec;  /* look_is_late: then the count is what it is by then */
	int (*on_commit)(git_commit *c, void *data); /* negative errno: fail */
	void *data;
};

/* *ret_total: commits that the tip leads to, at least those of the page. *ret_whole: all of them
 * were counted. -EIO. */
int history_page(struct look *l, const char *tip, const struct history_page *how,
	uint64_t *ret_total, bool *ret_whole, struct err *e);

/* {id, title, message, authors: [{user, avatar}], date, parents}, as in Hugging Face's API. */
json_t *history_json(git_commit *c);

/* {id, title, date} */
json_t *history_brief_json(git_commit *c);

struct wanted {
	char *path;  /* owned by the caller */
	git_oid oid; /* what it is at the tip */
	bool found;
	git_oid commit; /* the last one that changed it */
};

/*
 * Fills in the commits by one walk for all of them, following each path to the first parent that
 * has the same there, as git log does. Those that are not found by cpu_usec (look_is_late) stay
 * without.
 */
int history_last(struct look *l, const char *tip, struct wanted *wanted, size_t n,
	uint64_t cpu_usec, struct err *e);
