/*
 * Grants as inference reads them: the gateway's keys, and of each worker what its events have spent
 * and which have ended. A grant that comes again opens the same budget. Knows no link and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/grant.h"
#include "proto/messages.h"

#define GRANT_KEYS_MAX 16 /* some hours of one gateway, or a few that were killed */
#define EVENTS_MAX 65536  /* of one worker; the oldest whose grants are over go first */
#define EVENT_BUCKETS 1024

/* A grant opens its budget again until its deadline, 600 s after it was sealed: what an event has
 * spent, and that it has ended, is known longer than that. */
#define EVENT_KEPT_USEC 660000000ull

struct grant_keys {
	struct grant_key of[GRANT_KEYS_MAX];
	size_t n;
};

/* Takes a key; of too many the one that ends first goes. -EINVAL. */
int grant_keys_add(struct grant_keys *k, const struct models_key *m, struct err *e);

/*
 * What the text grants to that event on that link, now. -EAGAIN: sealed with a key that nobody has
 * told yet. -EACCES: not sealed for this event on this link. -ETIME: its deadline is past.
 */
int grant_read(const struct grant_keys *k, const struct grant_place *place, const char *text,
	uint64_t now_usec, struct grant_terms *ret, struct err *e);

struct account;

/* An event of a worker, while something of it is to be remembered. */
struct event {
	struct event *next, *newer;
	uint32_t session, n;
	uint64_t spent_nsec, budget_nsec;
	uint64_t expected_nsec;  /* what such an event takes as a rule */
	struct account *account; /* where reserved_nsec is set aside; it stays meanwhile */
	uint64_t reserved_nsec;  /* of what is expected, while calls run */
	uint64_t until_usec;     /* not forgotten before, since its grant may come again */
	unsigned int calls;      /* that run on it: while there are some it is not forgotten */
	bool revoked;
};

struct events {
	struct event *buckets[EVENT_BUCKETS];
	struct event *oldest, **newest;
	size_t n;
};

void events_init(struct events *t);
void events_done(struct events *t);

/* The event, added where it is new, and kept for EVENT_KEPT_USEC from now on. NULL: out of memory,
 * or none of EVENTS_MAX may be forgotten yet. */
struct event *events_get(struct events *t, uint32_t session, uint32_t n, uint64_t now_usec);
