/*
 * Pools: fractions of the device's time that are given to groups of payers, whatever the others
 * want. Without any there is one, "", and nothing here changes anything.
 *
 *   - While several pools have work each gets its fraction: whoever is more than POOL_AHEAD_NSEC
 *     ahead of another one is left out of what that one's step could hold beside.
 *   - What a pool leaves is lent to those that borrow, by their fractions, and taken back at the
 *     next step. A pool comes in as well off as the best off: neither what it was lent before nor
 *     what it lent counts for long.
 *   - A pool that does not borrow stays within its fraction, and what one that does not lend leaves
 *     stays idle, over any POOL_BURST_NSEC and the step that ends them. Both is measured against
 *     the clock, so nobody may have a turn for a moment: pools_pause_nsec.
 *
 * What no pool was given is that of "", with all payers that are in none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOLS_MAX 16 /* with names */
#define POOL_NAME_MAX 20
#define POOL_WHOLE 100               /* fractions are in percent */
#define POOL_AHEAD_NSEC 20000000ull  /* of the whole device's time */
#define POOL_BURST_NSEC 100000000ull /* the same */

struct schedule;
struct party;

struct pool_terms {
	char name[POOL_NAME_MAX + 1];
	uint32_t percent;
	bool lend, borrow;
};

/* Why a pool has no turn. */
enum pool_hold {
	POOL_GOES,
	POOL_OWN,   /* its fraction is used, and it does not borrow */
	POOL_KEPT,  /* the others do not lend what they leave */
	POOL_AHEAD, /* it has had more than its fraction of what there is, and others have work */
};

/* What a pool is and has had, for those who look. */
struct pool_look {
	struct pool_terms terms;
	uint64_t used_nsec; /* since the schedule is there */
	uint32_t requests;
};

/*
 * These n pools from now on, at most POOLS_MAX, their percents together at most POOL_WHOLE. Who is
 * in one that is not among them any more stays there until its requests have left.
 */
void schedule_set_pools(
	struct schedule *s, const struct pool_terms *of, size_t n, uint64_t now_nsec);

/* The party wants a part of the step that is being put together; until schedule_settle. */
void schedule_attend(struct schedule *s, struct party *p);

/* Whether it may have one: the terms of its pool, and of the others, let it have a turn, and its
 * pool is not far ahead of another one that attends. */
bool schedule_may_go(struct schedule *s, const struct party *p, uint64_t now_nsec);

/* Until somebody who has requests may have a turn; 0: somebody may; UINT64_MAX: nobody ever, by
 * these terms. */
uint64_t pools_pause_nsec(struct schedule *s, uint64_t now_nsec);

/* Why the party's pool has no turn now; *ret: it. */
enum pool_hold schedule_hold(
	struct schedule *s, const struct party *p, uint64_t now_nsec, struct pool_look *ret);

/* All that there are, "" first; returns how many of the max. */
size_t pools_look(const struct schedule *s, struct pool_look *ret, size_t max);
