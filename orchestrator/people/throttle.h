/*
 * How often somebody may try: a table of keys with a bucket each, bounded, forgetting the one
 * that has been quiet the longest. Knows no request and no clock of its own.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct throttle;

/* burst tries at once, then one more per refill_usec; at most max keys are remembered. */
struct throttle *throttle_new(unsigned int burst, uint64_t refill_usec, size_t max);
struct throttle *throttle_free(struct throttle *t);
DEFINE_CLEANUP(struct throttle *, throttle_free)

/* Counts a try of key now. 0: fine; otherwise the µs until the next one is. */
uint64_t throttle_try(struct throttle *t, const char *key, uint64_t now_usec);

/* The key behaved: its bucket is full again. */
void throttle_forgive(struct throttle *t, const char *key);
