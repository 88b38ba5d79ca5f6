/*
 * A repo made of another one: its branches and tags with what they reach, in a program of its own,
 * then its row with its large files and, of a Space, its variables, all at once. Secrets stay where
 * they are. Nothing is shared with the other one but blobs.
 *
 * What is cut short before the row was never there.
 */
#pragma once

#include "orchestrator/hub/hub.h"
#include "orchestrator/world.h"

struct duplicate;

struct duplicate_plan {
	const struct hub_repo *from;
	const struct hub_repo *to; /* as hub_prepare makes it; of the same kind */
	bool variables;
};

/* From the loop, once. code: 0, STORE_CONFLICT: the name was taken meanwhile, -EDQUOT, -EIO. */
typedef void (*duplicate_fn)(int code, const struct err *e, void *data);

int duplicate_start(struct world *w, const struct duplicate_plan *plan, duplicate_fn fn, void *data,
	struct duplicate **ret, struct err *e);

/* Nobody wants it any more: nothing is made, and fn is not called. Not after fn. */
void duplicate_cancel(struct duplicate *d);

/* When the process ends, after git_end_all. */
void duplicate_end_all(void);
