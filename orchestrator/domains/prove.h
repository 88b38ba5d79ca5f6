/*
 * A claim and its proof: the gateway is asked whether the host leads to it (gateway/prove.h), and
 * what it says is kept. What changes is told to the gateway as the Space's route.
 */
#pragma once

#include "orchestrator/domains/domains.h"
#include "orchestrator/world.h"

/* Whether somebody may bring that host here: custom_host_check for this platform. */
int prove_check(const struct world *w, const char *host, struct err *e);

/* Claims it and asks; the answer comes later. As domain_claim. */
int prove_begin(struct world *w, const char *space_id, const char *host, struct err *e);

/* An administrator says so. As domain_claim and domain_prove. */
int prove_bind(struct world *w, const char *space_id, const char *host, struct err *e);

/* As domain_remove. */
int prove_end(struct world *w, const char *space_id, const char *host, struct err *e);

/* What the gateway says. words: why not; NULL: it leads there. */
void prove_take(struct world *w, const char *host, const char *token, const char *words);
