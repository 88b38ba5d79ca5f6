/* Tells the orchestrator, every other second, the agent's numbers. */
#pragma once

#include "agent/node.h"
#include "base/cleanup.h"

#define REPORT_USEC 2000000ull

struct report;

int report_new(struct node *n, struct report **ret);
struct report *report_free(struct report *r);
DEFINE_CLEANUP(struct report *, report_free)
