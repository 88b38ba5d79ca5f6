/*
 * Crash loops: a Space whose worker keeps dying waits longer before each new start, 1 s doubling
 * to 5 min. A worker that lived for a minute clears its Space's record. Knows no links, no clock.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct backoff;

int backoff_new(struct backoff **ret);
struct backoff *backoff_free(struct backoff *b);
DEFINE_CLEANUP(struct backoff *, backoff_free)

/* A worker of the Space died by itself (not asked to) after lived_usec. */
void backoff_died(struct backoff *b, const char *space, const char *bundle, uint64_t lived_usec,
	uint64_t now_usec);

/* Its owner has changed something: the next start is a first one. */
void backoff_forget(struct backoff *b, const char *space);

/* µs until the bundle may be started again; 0: now. Another bundle of the Space starts afresh. */
uint64_t backoff_left(
	const struct backoff *b, const char *space, const char *bundle, uint64_t now_usec);
