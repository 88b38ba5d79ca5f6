/*
 * Processor time of running workers: read each second from outside, where no worker can forge it,
 * and reported to the gateway, which knows what the worker was asked to do. Decides nothing.
 */
#pragma once

#include "agent/node.h"

#define METER_USEC 1000000
#define METER_MUCH_USEC 200000 /* per METER_USEC; less is not reported */

struct meter;

int meter_new(struct node *n, struct meter **ret);
struct meter *meter_free(struct meter *m);
DEFINE_CLEANUP(struct meter *, meter_free)

/* Processor time of a process, also another user's. -ESRCH: there is none. */
int meter_read(pid_t pid, uint64_t *ret_usec);
