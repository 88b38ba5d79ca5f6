/*
 * Takes a repo out of everybody's sight but its owner's, and brings it back: private, a Space's
 * workers ended, a model not served. The row first, so that a crash leaves it taken down.
 */
#pragma once

#include "orchestrator/hub/takedown.h"
#include "orchestrator/world.h"

/* who: the administrator's name. Taken down again: the reason is the new one. */
int take_down(
	struct world *w, struct hub_repo *repo, const char *reason, const char *who, struct err *e);

/* As it was before. -ENOENT: it is not taken down. */
int take_down_lift(struct world *w, struct hub_repo *repo, const char *who, struct err *e);
