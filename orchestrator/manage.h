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

/* Its workers start anew, one also where none ran; a paused Space goes on. */
int manage_restart(struct world *w, struct space *space, struct err *e);

/* Its workers end and none starts until it goes on. */
int manage_pause(struct world *w, struct space *space, bool paused, struct err *e);

/* Idle time until sleep; 0: never. */
int manage_sleep(struct world *w, struct space *space, int64_t seconds, struct err *e);

/* Its settings have another version, or it has another box: the agent hears of it first, so that
 * what the gateway then starts does not wait. why: for the audit of its secrets. */
void manage_tell(struct world *w, const struct space *space, const char *why);

/* The flavour that it asks for from now on, as flavours_check lets it: where that is another box
 * its workers start anew in one; another pool or device counts for the next call. */
int manage_hardware(struct world *w, struct space *space, const char *flavor, struct err *e);

/* The agent needs a Space's settings for a start. */
void manage_answer(struct world *w, const struct agent_want_settings *m);
