/*
 * What an account has used in the last 24 hours and may still use: the window, in slots of ten
 * minutes that leave it one by one, and credits beside it. Knows no database; times are wall clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_USEC (600ull * 1000000)
#define WINDOW_USEC (86400ull * 1000000)
#define SLOTS_MAX 160 /* of a window, and a few that a clock which was set back left ahead */
#define BUDGET_NEVER UINT64_MAX

struct budget_slot {
	int64_t slot; /* wall clock in SLOT_USEC, rounded down */
	uint64_t nsec;
};

struct budget {
	uint64_t day_nsec;                   /* of the tier */
	uint64_t used_nsec;                  /* in the window */
	uint64_t credit_nsec;                /* that are left beside it */
	struct budget_slot slots[SLOTS_MAX]; /* oldest first */
	size_t n_slots;
};

/* The slot of a time, and the first that is in the window then. */
int64_t budget_slot_of(uint64_t usec);
int64_t budget_first_slot(uint64_t now_usec);

/* Takes what was used in a slot, which is no older than those before. */
void budget_add(struct budget *b, int64_t slot, uint64_t nsec);

/* What may be used now: what the window leaves, and credits. */
uint64_t budget_left_nsec(const struct budget *b);

/* When so much may be used in one piece; now_usec where it may already; BUDGET_NEVER where the tier
 * has less. */
uint64_t budget_when(const struct budget *b, uint64_t nsec, uint64_t now_usec);

/* When nothing of what was used counts any more; now_usec where nothing does. */
uint64_t budget_full_usec(const struct budget *b, uint64_t now_usec);

#define BUDGET_WORDS_MAX 256

/* "" where something is left; otherwise how much there is in 24 hours and when there is some again.
 */
void budget_refusal(const struct budget *b, uint64_t now_usec, char ret[BUDGET_WORDS_MAX]);

/* "more comes back at 14:10 UTC, all of it by 09:30 UTC on 27 November"; "" where none is used. */
void budget_returns(const struct budget *b, uint64_t now_usec, char ret[BUDGET_WORDS_MAX]);
