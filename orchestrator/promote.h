/*
 * A branch of a Space becomes what main is: main moves to the branch's commit, and what its preview
 * has built goes live without another build. Only forwards: a main that has commits which the
 * branch lacks is refused.
 *
 * The order is a push's, so that a crash is settled like one: the pending row, the ref, then live.
 */
#pragma once

#include "orchestrator/space/preview.h"
#include "orchestrator/world.h"

struct promote;

/* From the loop, once. 0: space is live as it now is; or why not, as a push says it. */
typedef void (*promote_fn)(int code, const struct space *space, const struct err *e, void *data);

/*
 * -ENOENT: there is no such branch or preview; -EEXIST with words: it is main already, its preview
 * is older than the branch, or is being built. fn comes later for the rest: -EEXIST, main has
 * commits of its own, or has moved meanwhile.
 */
int promote_start(struct world *w, const struct space *space, const char *branch, promote_fn fn,
	void *data, struct promote **ret, struct err *e);

/* Nobody waits any more: fn is not called, and nothing is changed. Not after fn. */
void promote_cancel(struct promote *p);

/* When the process ends, after git_end_all. */
void promote_end_all(void);
