/*
 * How much compute whom a day: a budget that fills up again all the time, so that no midnight gives
 * everything at once. A policy file with tiers will stand here; until then there is one budget for
 * each kind of payer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum budget_kind {
	BUDGET_USER,  /* user:NAME, of what a visitor who is signed in does */
	BUDGET_OWNER, /* owner:NAME, of what their Spaces do by themselves, all of them together */
	BUDGET_NETWORK, /* network:KEY, of all anonymous visitors of one network */
	BUDGETS,
};

struct usage_policy {
	uint64_t day_sec[BUDGETS]; /* of device time in 24 hours */
};

extern const struct usage_policy usage_policy_default;

/* KIND=SECONDS[,KIND=SECONDS]…; kind: user, owner, network. -EINVAL with words. */
int usage_policy_set(struct usage_policy *p, const char *text, struct err *e);

/* False: no account has such a name. */
bool account_kind(const char *account, enum budget_kind *ret);

/*
 * A budget in use: level_nsec were used at at_usec (wall clock), and run off evenly, all of a day's
 * in a day.
 */
struct budget {
	uint64_t day_nsec;
	uint64_t level_nsec, at_usec;
};

void budget_run_off(struct budget *b, uint64_t now_usec);

/* What may be spent now: nothing until there is a little in one piece. */
uint64_t budget_left_nsec(const struct budget *b);

/* µs until something may be spent again; 0: it may now. */
uint64_t budget_wait_usec(const struct budget *b);
