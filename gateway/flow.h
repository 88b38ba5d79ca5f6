/*
 * How much one worker may say: a bucket of units that fills again at a steady rate, and faster
 * while visitors ask things of it. Who has emptied it is not read until there is something in it
 * again, so that its worker waits on its own socket. Knows no link and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FLOW_PER_SEC 20000 /* a message costs one unit and more, see worker_link.c */
#define FLOW_BURST 40000
#define FLOW_PER_EVENT 64 /* for each event or session that was sent to it */

struct flow {
	double left;
	uint64_t since_usec; /* when left was true */
};

void flow_init(struct flow *f, uint64_t now_usec);

/* Takes units, also more than there are. False: it is empty, as far as one can say without looking
 * at the clock: flow_wait_usec tells. */
bool flow_take(struct flow *f, uint32_t units);

/* The worker was sent one. */
void flow_add_event(struct flow *f);

/* µs until something is in it again; 0: there is. now_usec: monotonic. */
uint64_t flow_wait_usec(struct flow *f, uint64_t now_usec);
