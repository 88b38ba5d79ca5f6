/*
 * What a worker says to the agent, from its seal until it is handed to the gateway or its check is
 * done.
 */
#pragma once

#include "agent/node.h"

extern const struct link_ops app_link_ops; /* data: the slot */

/* Answers the check that the box is at with these words. */
void check_fail(struct slot *s, const char *why);
