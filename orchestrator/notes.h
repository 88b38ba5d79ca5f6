/*
 * What agents report about running Spaces, put into words for their owners: log lines with the
 * commit that was pushed.
 */
#pragma once

#include "orchestrator/world.h"

/* Keeps an agent's log line. */
void notes_take_line(struct world *w, const struct agent_log *m);

/* Which commit a bundle stands for may have changed. */
void notes_forget_commits(void);
