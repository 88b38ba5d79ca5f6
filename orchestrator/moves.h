/*
 * Spaces whose boxes are of another size from now on, because another policy says so. All of them
 * are marked with the policy, in its transaction; those that serve them hear of it afterwards, some
 * at a time. What was not told when this process ends is no loss: the gateway asks for every route
 * when it is connected again, and a route says which settings count.
 */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "orchestrator/world.h"

struct moves;

/* world is borrowed. -ENOMEM. */
int moves_new(struct world *w, struct moves **ret);
struct moves *moves_free(struct moves *m);
DEFINE_CLEANUP(struct moves *, moves_free)

/* ids: an array of Spaces' ids. Inside the caller's transaction: their workers start anew. */
int moves_keep(struct store *s, const json_t *ids, struct err *e);

/* It is committed: they are told of, soon. */
void moves_tell(struct moves *m, const json_t *ids);
