/*
 * Repos that an administrator has taken down, and why. Until that is lifted only administrators
 * change them; their owners see them, and the reason. The rows only: what stops being served is
 * orchestrator/takedown.h's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/hub/hub.h"

#define TAKEDOWN_REASON_MAX 500 /* bytes */

struct takedown {
	char reason[TAKEDOWN_REASON_MAX + 1];
	char by[OWNER_MAX + 1]; /* the administrator */
	int64_t at_usec;        /* wall clock */
	bool was_private, was_paused;
};

/* -EINVAL: a reason is wanted, of one line and at most TAKEDOWN_REASON_MAX bytes. */
int takedown_check(const char *reason, struct err *e);

/* 1: it is taken down, 0: it is not. ret: NULL is fine. */
int takedown_get(struct store *s, const char *repo_id, struct takedown *ret, struct err *e);

/* Of one that is taken down already: another reason, all else stays. */
int takedown_add(struct store *s, const char *repo_id, const struct takedown *t, struct err *e);
int takedown_remove(struct store *s, const char *repo_id, struct err *e);
