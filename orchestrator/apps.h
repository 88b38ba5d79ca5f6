/* Calls of apps: whose they are in the orchestrator's own words, to the room that answers them. */
#pragma once

#include "orchestrator/world.h"

/* For edge_peer_config; data is the world. */
void apps_take(
	const struct edge_host_call *m, const void *body, size_t n, uint64_t ticket, void *data);
/* What came of it, for data_take; likewise. */
void apps_answer(uint64_t ticket, uint8_t op, const void *value, size_t n, void *data);
