/*
 * Lists of repos: who looks, what is looked for, how it is sorted, a page at a time. Rows in, rows
 * out; knows no HTTP.
 */
#pragma once

#include "orchestrator/hub/hub.h"

#define LIST_TAGS_MAX 4
#define LIST_SEARCH_MAX 100 /* bytes */

/* Newest or highest first. */
enum list_sort { LIST_UPDATED, LIST_CREATED, LIST_LIKES, LIST_TRENDING, LIST_SORTS };

struct list_query {
	enum repo_kind kind;
	const char *viewer; /* "": nobody. Private repos are listed for their owner, */
	bool all;           /* or for whoever may see all */
	const char *author; /* NULL: anybody's */
	const char *search; /* NULL: all */
	const char *tags[LIST_TAGS_MAX];
	size_t n_tags;
	enum list_sort sort;
	bool paged; /* after_key and after_number are those of the last row before this page */
	int64_t after_key, after_number;
	int64_t limit;
};

/* Borrowed until the callback returns. */
struct list_row {
	struct hub_repo repo;
	int64_t key, number; /* for the next page's after_key and after_number */
	const char *title, *sdk, *card;
	const char *emoji, *bundle, *commit; /* of a Space's live build */
};

/*
 * Calls fn for each; 1 from it: enough, negative: stop with that error. Returns how many it was
 * called for. -EINVAL: search is too long.
 */
int hub_list(struct store *s, const struct list_query *q,
	int (*fn)(const struct list_row *row, void *data), void *data, struct err *e);
