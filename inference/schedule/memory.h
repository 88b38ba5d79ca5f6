/*
 * Who keeps what of the device's memory: whoever holds least for their weight, with what they want,
 * is let in next, payers first, then the Spaces of each, and where there is no room those give way
 * who hold most.
 * Knows no page and no text; the engine asks it, and so does the simulator.
 *
 * Whoever is next is waited for: nobody who comes after them takes what becomes free, so small ones
 * do not keep a large one out. Who waits for MEMORY_OVERDUE_NSEC, while their payer is let in
 * nowhere, has every other turn.
 *
 * What gives way is computed again, and that is work for nobody: it may take one part in
 * MEMORY_AGAIN_SHARE of the device's time, after MEMORY_AGAIN_NSEC, but for whoever is overdue.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inference/schedule/schedule.h"

#define MEMORY_OVERDUE_NSEC 3000000000ull
#define MEMORY_AGAIN_SHARE 100
#define MEMORY_AGAIN_NSEC 500000000ull

/* Somebody wants memory: to be let in, or to grow. */
struct claim {
	struct party *party;
	uint64_t bytes;
	uint64_t since_nsec; /* that they wait for it */
};

/* What may give way. */
struct holding {
	struct party *party;
	uint64_t bytes;
	uint64_t again_nsec; /* of device time, to be where it was */
	bool yields;         /* says memory_make_way */
	bool passed;         /* its own */
};

/* It holds more, or less, from now on. */
void memory_hold(struct party *p, int64_t bytes);
/* What its payer holds, in whichever pools. */
uint64_t memory_held(const struct schedule *s, const struct party *p);
bool memory_same_payer(const struct party *a, const struct party *b);

/* Whether a is let in before b. */
bool memory_before(
	const struct schedule *s, const struct claim *a, const struct claim *b, uint64_t now_nsec);
/* It is let in. */
void memory_let_in(struct schedule *s, const struct claim *c, uint64_t now_nsec);

/* Marks those of the n that give way, the last ones of whoever holds most, so that so much becomes
 * free for c. 0: not so much can be had without making somebody worse off than c is then. */
size_t memory_make_way(struct schedule *s, struct holding *of, size_t n, const struct claim *c,
	uint64_t bytes, uint64_t now_nsec);

/* Which of the n gives way where one of them must: the last one of whoever holds most.
 * SCHEDULE_NOBODY where there are none. */
size_t memory_most(struct schedule *s, const struct holding *of, size_t n);
