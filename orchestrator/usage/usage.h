/*
 * The ledger: what inference says was spent, a row per call, and what each account may spend. A row
 * that comes again changes nothing, whatever died in between. Knows no link and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/budget.h"
#include "orchestrator/usage/tiers.h"
#include "proto/messages.h"

#define USAGE_KEEP_DAYS 35 /* calls; sums of days behind them: rollup.h */
#define LEASE_VALID_MSEC (10 * 60 * 1000)

/* An account that rows are charged to. */
typedef void (*usage_account_fn)(const char *account, void *data);

/* Once for each of the rows' accounts, or a little more often. */
void usage_each_account(const json_t *rows, usage_account_fn fn, void *data);

/*
 * Takes rows, all or none; *ret_n: the last that is in the ledger now, for TAKEN. -EINVAL: a row is
 * not what it should be; otherwise as store_run.
 */
int usage_take(struct store *s, const struct usage_policy *p, const struct models_usage *m,
	uint64_t now_usec, int64_t *ret_n, struct err *e);

/* Inference has begun anew: what it had not finished it never will. */
int usage_settle(struct store *s, struct err *e);

/* Slots go that no window has. */
int usage_prune(struct store *s, uint64_t now_usec, struct err *e);

/* The account's budget as it is now; payer: who uses it, as tiers_of takes it. *ret_tier (NULL: not
 * wanted) is borrowed from p. -EINVAL: there is no such account. */
int usage_budget(struct store *s, const struct usage_policy *p, const char *payer,
	const char *account, uint64_t now_usec, struct budget *ret, const struct tier **ret_tier,
	struct err *e);

/* How far the journal is in the ledger; 0: nothing of it. */
int usage_taken_of(struct store *s, const char *journal, int64_t *ret, struct err *e);
