#include "orchestrator/usage/rollup.h"

#include "base/clock.h"
#include "orchestrator/usage/usage.h"

#define DAY_USEC (86400 * USEC_PER_SEC)
#define SLICE_USEC (600 * USEC_PER_SEC) /* of a day a whole part; so much goes at once */

static int take_int(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

static uint64_t days_before(uint64_t now_usec, unsigned int days)
{
	uint64_t long_usec = days * DAY_USEC;

	return now_usec > long_usec ? now_usec - long_usec : 0;
}

/* Whole days only, so that a sum is of a day that nobody asks for in parts. */
static int64_t cutoff_of(uint64_t now_usec)
{
	return (int64_t)(days_before(now_usec, USAGE_KEEP_DAYS) / DAY_USEC * DAY_USEC);
}

static int take_slice(struct store *s, int64_t from, int64_t to, struct err *e)
{
	int r = store_begin(s, e);

	if (r == 0)
		r = store_run(s, "usage_sum", NULL, NULL, e, "ii", from, to);
	if (r >= 0)
		r = store_run(s, "usage_summed", NULL, NULL, e, "ii", from, to);
	if (r >= 0)
		r = store_commit(s, e);
	store_rollback(s);
	return r < 0 ? r : 1;
}

int rollup_step(struct store *s, uint64_t now_usec, struct err *e)
{
	int64_t cutoff = cutoff_of(now_usec), oldest = -1, end;
	int r = store_run(s, "usage_oldest", take_int, &oldest, e, "i", cutoff);

	if (r < 0)
		return r;
	if (oldest < 0) {
		r = store_run(s, "usage_days_prune", NULL, NULL, e, "i",
			(int64_t)(days_before(now_usec, ROLLUP_KEEP_DAYS) / DAY_USEC));
		return r < 0 ? r : 0;
	}
	end = (oldest / (int64_t)SLICE_USEC + 1) * (int64_t)SLICE_USEC;
	return take_slice(s, oldest, end < cutoff ? end : cutoff, e);
}

uint64_t rollup_since_usec(uint64_t now_usec, unsigned int days)
{
	uint64_t since = days_before(now_usec, days);

	return days <= USAGE_KEEP_DAYS ? since : since / DAY_USEC * DAY_USEC;
}
