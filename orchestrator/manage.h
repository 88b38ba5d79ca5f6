/*
 * How a Space is to run, changed by its owner: secrets and variables, a new start, a pause. The row
 * first, then the agent and the gateway.
 */
#pragma once

#include "orchestrator/space/settings.h"
#include "orchestrator/world.h"

/* As setting_set and setting_remove; its workers start anew. */
int manage_set(struct world *w, struct space *space, enum setting_kind kind,
	const struct setting *new, const char *who, struct err *e);
int manage_remove(struct world *w, struct space *space, enum setting_kind kind, const char *name,
	const char *who, struct err *e);

/* The agent needs a Space's settings for a start. */
void manage_answer(struct world *w, const struct agent_want_settings *m);
