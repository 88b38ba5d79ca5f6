/* How a box ended: in words, for the owner's log, the orchestrator, the gateway and a check. */
#pragma once

#include "agent/node.h"

/* status: as of waitpid(2); crash: by itself or for a fault, as far as the Space is concerned. */
void box_ended(struct slot *s, int status, const char *why, bool crash);
