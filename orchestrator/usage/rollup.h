/*
 * The ledger's old calls as sums of a day, by account, Space and model: what anybody has used stays
 * known to the nanosecond, while the calls themselves go. Knows the ledger's tables and no account.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "orchestrator/store/store.h"

#define ROLLUP_KEEP_DAYS 800 /* sums */

/*
 * Takes some calls that ended before the days that the ledger keeps (usage.h), in one transaction:
 * what was cut short changes nothing. A clock that is more than a day ahead of the newest call
 * counts as that call's time and a day, and one that has jumped and been used since as the time
 * before and eight days, until a week has passed: what goes is old by the ledger itself. 1: there
 * may be more; 0: all are taken, and sums that are too old are removed. A call that still runs
 * stays, however old, since its row may yet grow.
 */
int rollup_step(struct store *s, uint64_t now_usec, struct err *e);

/*
 * Since when usage of the last so many days is summed: to the microsecond as long as all calls are
 * there, else from the beginning of that day (UTC), because sums have no finer time.
 */
uint64_t rollup_since_usec(uint64_t now_usec, unsigned int days);

/* The first whole day since then, as sums name it. Within the ledger's days there is no sum of it
 * or of a later one. */
int64_t rollup_first_day(uint64_t since_usec);
