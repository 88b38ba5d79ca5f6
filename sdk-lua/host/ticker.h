/*
 * Timers of sessions (ui.timer). While the visitor's page is there, each starts its component's
 * tick handler at multiples of its interval on the monotonic clock, so timers of one interval tick
 * together and none drifts. A tick that finds another handler of its session in the way starts when
 * that has ended, and late ticks are one; a tick that finds its own handler still running is left
 * out. Knows nothing of what handlers do.
 */
#pragma once

#include "sdk-lua/host/inside.h"

#define TICKERS_MAX 16            /* of one session */
#define TICK_USEC_MIN (10 * 1000) /* 100 a second */
#define TICK_USEC_MAX (86400ull * 1000000)

/* Starts or changes the timer of a component, 0: ends it. -ENOMEM; -ENOSPC: over TICKERS_MAX. */
int ticker_set(struct session *s, uint32_t node, uint64_t every_usec);
void tickers_free(struct session *s);

/* The visitor's page is there (again): counted from now. */
void tickers_begin(struct session *s);

/* Starts those that are due and can start. */
void tickers_pump(struct session *s);

/* The worker's timer for all of them. data: the worker. */
void tickers_due(void *data);
