/* A tier as the API says it, in the policy's plan and in what somebody has left. */
#pragma once

#include <jansson.h>

#include "orchestrator/usage/policy.h"

/* {name, secondsPerDay, weight, concurrent, secondsPerCall, memoryMib}; the caller's. */
json_t *tier_object(const struct tier *t);
