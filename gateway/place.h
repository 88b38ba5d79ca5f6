/*
 * Which session is on which worker of its Space, and how many workers there are: new sessions go to
 * the least loaded one, those that have one stay, unless their version is old, their worker is
 * being drained, or their event waits and another worker is free (queue.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/space.h"

struct replica;

/* It runs that version and takes events. */
bool replica_serves(const struct replica *r, const char *bundle);

/* The least loaded worker that serves the bundle, else one on its way; NULL: neither. */
struct replica *place_find(const struct space *s, const char *bundle);

/* Starts a worker for the bundle unless there is one, or it failed a moment ago. */
void place_start(struct space *s, const char *bundle);

/* Somebody is looking, or an event waits. */
bool place_wants_worker(const struct session *session);

/* Opens the session there. */
void place_on(struct replica *r, struct session *session);

/* Puts the session on the right worker, or asks for that worker. */
void space_place(struct space *s, struct session *session);

/* Every session of the Space to its worker; arrived: a worker that is new, or NULL. */
void space_place_all(struct space *s, struct replica *arrived);

/* None of the session's events runs: a moment to move. */
void place_settled(struct replica *r, struct session *session);

/* A look at how busy the Space is: may ask for one more worker, or begin to drain one. */
void place_scale(struct space *s, uint64_t now_usec);

/*
 * Workers with old settings get no more events and go: at once those without sessions, the others
 * when new ones have come for theirs. Where handlers still run with the settings of too many
 * changes, the oldest are ended.
 */
void place_drain_outdated(struct space *s);
