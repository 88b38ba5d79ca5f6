/*
 * Who goes next: weighted fair shares of the device's time, among pools first (where the operator
 * has made any), then among the payers of each (users, networks of anonymous visitors, owners),
 *then among the Spaces of each. Knows no model, no request and no link, and takes the time as an
 * argument: the engine's steps ask it, and so does the simulator (tests/bench/scheduler).
 *
 *	schedule_enter ──▶ schedule_first, schedule_expect, …, schedule_charge, schedule_settle ──┐
 *	                      ▲                     a step                                        │
 *	                      └───────────────────────────────────────────────────────────────────┘
 *	                                                                             schedule_leave
 *
 * Whoever has used least of late for their weight goes first; what was used counts half after
 * SCHEDULE_HALF_LIFE_NSEC. What nobody else wants is lent: it is used and counted, and since every
 * step asks anew it is taken back at the next one.
 *
 *   - Who comes in after a rest pays for it (SCHEDULE_ENTRY_NSEC at most), and is at most
 *SCHEDULE_CREDIT_NSEC better off than the best off of those who are there, however long they
 *rested; a new name is not better off at all. So neither pauses nor new names nor bursts get more
 *than staying does.
 *   - What a step is to give is counted while the step is put together (schedule_expect) and
 *     measured afterwards, so that nobody is through before being counted.
 *   - Nobody is more than SCHEDULE_DEBT_NSEC worse off than the best off: what was lent is no debt
 *     without end.
 *   - Who waits and got nothing for SCHEDULE_OVERDUE_NSEC is overdue: every other choice is the
 *     longest overdue one's. Payers age, and among a payer's own its Spaces: more Spaces of one are
 *     not more turns.
 *
 * pools.h has what is different with pools.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "inference/schedule/pools.h"

#define SCHEDULE_NAME_MAX 64                   /* of a payer */
#define SCHEDULE_PAYERS_MAX 4096               /* remembered; those that rest are forgotten */
#define SCHEDULE_SPACES_MAX 64                 /* at rest, of each payer */
#define SCHEDULE_WEIGHT_MAX 1000               /* 1 where nothing is said */
#define SCHEDULE_HALF_LIFE_NSEC 10000000000ull /* of what was used */
#define SCHEDULE_CREDIT_NSEC 500000000ull      /* of device time, for weight 1 */
#define SCHEDULE_DEBT_NSEC 1000000000ull       /* the same */
#define SCHEDULE_ENTRY_NSEC 2000000ull         /* the same */
#define SCHEDULE_OVERDUE_NSEC 3000000000ull    /* of waiting */
#define SCHEDULE_SEATED_NSEC 2000000000ull     /* that a place is kept before who is overdue */
#define SCHEDULE_NOBODY SIZE_MAX

/* One Space of one payer in one pool, with requests. Borrowed, from schedule_enter to as many
 * schedule_leave. */
struct party;

/* -ENOMEM. Caller owns *ret. */
int schedule_new(struct schedule **ret);
struct schedule *schedule_free(struct schedule *s); /* without parties */
DEFINE_CLEANUP(struct schedule *, schedule_free)

/* A request more of the payer's, by that Space, in that pool (""'s, where there is none of that
 * name); weight: the payer's there from now on. NULL: out of memory. */
struct party *schedule_enter(struct schedule *s, const char *pool, const char *payer,
	uint32_t weight, uint32_t space, uint64_t now_nsec);
/* A request less. */
void schedule_leave(struct schedule *s, struct party *p, uint64_t now_nsec);

/* Which of the n goes first; entries may be NULL. SCHEDULE_NOBODY: there is none, or none that may
 * now. */
size_t schedule_first(struct schedule *s, struct party *const *of, size_t n, uint64_t now_nsec);

/* It gets about so much of the step that is being put together. */
void schedule_expect(struct schedule *s, struct party *p, double nsec, uint64_t now_nsec);
/* It has used so much. */
void schedule_charge(struct schedule *s, struct party *p, uint64_t nsec, uint64_t now_nsec);
/* The step is over: nothing is expected any more. */
void schedule_settle(struct schedule *s, uint64_t now_nsec);

/*
 * Numbers the parties that take part in something, from 0 in the order they are asked for;
 * schedule_count begins anew.
 */
void schedule_count(struct schedule *s);
size_t schedule_number(struct schedule *s, struct party *p);

/* --- places that are kept for longer than a step --- */

struct seat {
	struct party *party;
	uint32_t held, waiting; /* places it has, and could use beside them */
};

/*
 * Who gets the next of so many places, by weight: *ret_from is SCHEDULE_NOBODY where one is free,
 * else who gives one up for it, since that one has more than its share, or has had it for
 * SCHEDULE_SEATED_NSEC while the other one is overdue. SCHEDULE_NOBODY: things stay as they are.
 * Asked again after each move, with held and waiting put right.
 */
size_t schedule_seat(
	const struct seat *seats, size_t n, size_t places, uint64_t now_nsec, size_t *ret_from);

/* Whether that is worth reading so many rows again, of the text that would be put back: for who has
 * no place at all, else where it is next to nothing, which comes round every few steps. After
 * schedule_seat, with its seats. */
bool schedule_worth(const struct seat *to, size_t rows_again);

/* --- for those who look --- */

const char *party_payer(const struct party *p);
const char *party_pool(const struct party *p);
uint32_t party_weight(const struct party *p);
/* Whether a would be served before b, by what they have had; not by age. */
bool party_before(const struct party *a, const struct party *b);
