/*
 * The link to the agent: asks for workers, ends them, and receives their app links. After a
 * connection the agent hands over every live worker, then SYNC; until then nobody may conclude
 * that a worker is missing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "gateway/gateway.h"
#include "gateway/route.h"

int wake_new(struct gateway *g, const char *run_dir, struct wake **ret);
struct wake *wake_free(struct wake *w);
DEFINE_CLEANUP(struct wake *, wake_free)

bool wake_is_up(const struct wake *w);     /* the link is there */
bool wake_is_synced(const struct wake *w); /* and every live worker has been handed over */

/* A number for a WAKE, never 0. */
uint32_t wake_next_seq(struct wake *w);

/* bundle may be an older one than the route's. -ENOTCONN, -ENOBUFS. */
int wake_send(struct wake *w, uint32_t seq, const struct route *route, const char *bundle);
void wake_sleep(struct wake *w, const char *replica);

/* Ends a worker for a fault, with words for its owner. */
void wake_stop(struct wake *w, const char *replica, const char *why);

/* A line for the log of the worker's Space. */
void wake_note(struct wake *w, const char *replica, const char *line);
