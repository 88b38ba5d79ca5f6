/*
 * What happens to Spaces, put down for their owners: log lines with the commit that was pushed,
 * and events. What cannot be put down is logged and lost; what it tells of has happened all the
 * same.
 */
#pragma once

#include "orchestrator/space/space.h"
#include "orchestrator/world.h"

/* Keeps an agent's log line. */
void notes_take_line(struct world *w, const struct agent_log *m);

/* A line of the platform's own in the Space's run log, in brackets, with the live commit. */
void notes_say(struct world *w, const struct space *space, const char *level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A worker has changed its phase, so that its Space has so many now. The run log hears that a Space
 * wakes or goes to sleep; why a worker died is a line of the agent's. */
void notes_take_worker(struct world *w, const struct agent_worker *m, size_t replicas);
void notes_take_worker_up(struct world *w, const struct edge_worker_up *m);

/* EVENT_PUSH_RECEIVED, EVENT_BUILD_STARTED (build NULL), EVENT_BUILD_READY. */
void notes_tell_build(struct world *w, enum event type, const struct space *space,
	const char *commit, const char *build);
void notes_tell_phase(struct world *w, const struct space *space, const char *commit,
	const char *name, double ms);

/* message may begin with FILE:LINE: ; build "": it is not listed. */
void notes_tell_failure(struct world *w, const struct space *space, const char *commit,
	const char *build, const char *message);

/* EVENT_BUILD_LIVE, EVENT_ROLLBACK; the run log has it, too. */
void notes_tell_live(
	struct world *w, enum event type, const struct space *space, const struct build_row *build);

/* The Space's own events go. */
void notes_tell_deleted(struct world *w, const struct hub_repo *repo);

/* It is gone for good, and so is what happened to it. */
void notes_forget_space(struct world *w, const char *id);

/* Which commit a bundle stands for may have changed. */
void notes_forget_commits(void);
