/*
 * What a page is told of costs before its visitor clicks: what each handler takes as a rule
 * (costs.h), and what the visitor has left, as the orchestrator says. Nothing is said in a Space
 * where nothing is known to cost.
 */
#pragma once

#include <stdint.h>

#include "base/frame.h"
#include "gateway/gateway.h"
#include "gateway/grants.h"
#include "gateway/visit.h"
#include "proto/messages.h"

/* Forgets what was known; NULL is fine. Returns NULL. */
struct price *price_free(struct price *p);

/* The visitor has joined. */
void price_joined(struct visit *v);

/* An event of that session's handler has used so much: counted at once, and asked for anew when it
 * is in the ledger. data: the gateway. As grants_config.spent. */
void price_spent(const struct event_of *event, uint64_t nsec, void *data);

/* The orchestrator's answer for a session. */
void price_balance(struct gateway *g, uint32_t session, const struct edge_balance *m);
