/*
 * Who likes which repo, and how much a repo is on people's minds: its heat, to which likes and, for
 * a Space, its use add and which halves every week.
 *
 * Stored is not the heat itself, which changes by the minute, but when it would have been 1, as
 * microhalvings since 2020: log2(sum over what added to it of weight × 2^(time / week)) × 10^6. So
 * the order of two repos never changes by itself, and an index can hold it. 0: nothing yet.
 */
#pragma once

#include "orchestrator/hub/hub.h"

#define HEAT_LIKE 1.0
/* Sessions that began since the last write (runs.h) add this for each time their number doubles:
 * what needs no account must not outdo what does. */
#define HEAT_RUNS 0.1

/* Liking twice is liking once. Counts repo->likes. */
int hub_like(struct store *s, struct hub_repo *repo, const char *user_id, bool like, struct err *e);

/* So many sessions of the Space have begun. Inside the caller's transaction. */
int hub_ran(struct store *s, const char *repo_id, int64_t n, struct err *e);

/* Calls fn with each name, the newest first. Returns how many. */
int hub_likers(struct store *s, const char *repo_id, int64_t max,
	int (*fn)(const char *user, void *data), void *data, struct err *e);

/* Stored heat after adding weight at a time (wall clock); and what it is at a time. */
int64_t heat_add(int64_t stored, double weight, int64_t at_usec);
double heat_at(int64_t stored, int64_t at_usec);
