/* Inside the schedule: what its files share. schedule.c keeps payers and turns, pools.c the pools,
 * memory.c what is kept of the device's memory. */
#pragma once

#include "inference/schedule/memory.h"
#include "inference/schedule/schedule.h"

#define BUCKETS 1024
#define POOLS (2 * POOLS_MAX + 1) /* "", those there are, and as many that are about to go */

/* What a pool, a payer or a Space among a payer's, has had. used and expected grow with the clock
 * instead of shrinking in all the others: see schedule_scale. */
struct share {
	double used, expected;
	uint32_t weight;
	uint32_t requests;
	uint32_t held;        /* places, as schedule_seat counts */
	uint64_t bytes;       /* of the device's memory */
	uint64_t since_nsec;  /* it was served, or came in */
	uint64_t let_in_nsec; /* to the device's memory; or it came in */
	uint64_t left_nsec;   /* its last request left */
	bool known;           /* it has been here before */
};

struct party {
	struct share share;
	struct payer *payer;
	struct party *next; /* of the payer */
	uint32_t space;
	size_t number;
	uint64_t counted;     /* in which count it has that number */
	uint64_t seated_nsec; /* when it was given a place */
};

struct payer {
	struct share share;
	struct pool_share *pool;      /* counted in its payers */
	struct payer *next;           /* in its bucket */
	struct payer *before, *after; /* in the row of those with requests */
	struct party *parties;        /* owned */
	size_t n_resting;             /* of them */
	char name[SCHEDULE_NAME_MAX + 1];
};

/* One of the schedule's entries; free where it is neither there nor has payers. */
struct pool_share {
	struct share share; /* weight: percents */
	struct pool_terms terms;
	bool attends;    /* it has a part in the step, or wants one */
	bool there;      /* among those that were set last */
	size_t payers;   /* at rest too */
	double own_nsec; /* that is its own, where it does not lend or does not borrow */
	uint64_t used_nsec;
};

struct schedule {
	struct payer *buckets[BUCKETS];
	struct payer *active;
	size_t n;
	struct pool_share pools[POOLS]; /* "" is the first */
	bool pooled;                    /* there are others */
	bool limited;                   /* of them one does not lend, or does not borrow */
	bool attended;                  /* some take part in a step that is being put together */
	/* Of the time that no pool keeps for itself, what is left to whoever comes; when that was.
	 */
	double common_nsec;
	uint64_t metered_nsec;
	uint64_t epoch_nsec;
	uint64_t counts;
	size_t numbers;
	uint64_t charged_nsec; /* in all */
	uint64_t again_nsec;   /* of what gave way, to be read again */
	bool aged;             /* the last choice was by age */
	bool let_in_aged;      /* and the last one of whom to let in to the memory */
};

/* What a nanosecond that is used now counts: twice as much after each half-life, which is the same
 * as if all that was used before counted half. */
double schedule_scale(struct schedule *s, uint64_t now_nsec);

static inline double share_level(const struct share *h)
{
	return (h->used + h->expected) / h->weight;
}

/* Whether a has had less. */
bool share_before(const struct share *a, const struct share *b);

/* Where the ways of two part: at their pools, at their payers, or at themselves. */
struct fork {
	const struct share *a, *b;
};

struct fork fork_of(const struct party *a, const struct party *b);

void payer_free(struct payer *y);

/* --- pools.c --- */

void pools_begin(struct schedule *s);
struct pool_share *pool_find(struct schedule *s, const char *name);
/* A request more. */
void pool_enter(struct schedule *s, struct pool_share *p, uint64_t now_nsec);
void pool_charge(struct schedule *s, struct pool_share *p, uint64_t nsec, uint64_t now_nsec);
void pools_settle(struct schedule *s, double unit);
/* As schedule_may_go says it, of all. */
void pools_may_go(struct schedule *s, uint64_t now_nsec, bool ret[POOLS]);
