/*
 * Tells the orchestrator, every other second, the gateway's numbers: what the rooms have counted
 * and how many there are of each thing now.
 */
#pragma once

#include "base/cleanup.h"
#include "gateway/gateway.h"

#define REPORT_USEC 2000000ull

struct report;

int report_new(struct gateway *g, struct report **ret);
struct report *report_free(struct report *r);
DEFINE_CLEANUP(struct report *, report_free)
