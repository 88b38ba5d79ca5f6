#include "orchestrator/usage/rollup.h"

#include "base/clock.h"
#include "orchestrator/usage/usage.h"

#define DAY_USEC (86400 * USEC_PER_SEC)
#define SLICE_CALLS 2000 /* go at once, with those of the same microsecond */
/* Where no call is known to have ended as late as it is now, the clock may have jumped, and would
 * take from the ledger what is young. Calls of a time to come prove nothing before they have come
 * for a week: so long somebody has to set the clock right. */
#define AHEAD_USEC ((int64_t)DAY_USEC)
#define PROVEN_USEC (7 * (int64_t)DAY_USEC)

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

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The time by which what is old is judged. */
static int judged_time(struct store *s, uint64_t now_usec, uint64_t *ret, struct err *e)
{
	int64_t now = (int64_t)now_usec, newest = 0, before = 0;
	int r = store_run(s, "usage_newest", take_int, &newest, e, "i", INT64_MAX);

	if (r >= 0)
		r = store_run(s, "usage_newest", take_int, &before, e, "i", newest - PROVEN_USEC);
	if (r < 0)
		return r;
	if (newest > 0)
		now = least(now, newest + AHEAD_USEC);
	if (before > 0)
		now = least(now, before + PROVEN_USEC + AHEAD_USEC);
	*ret = (uint64_t)now;
	return 0;
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
	int64_t cutoff, oldest = -1, end = -1;
	int r = judged_time(s, now_usec, &now_usec, e);

	if (r < 0)
		return r;
	cutoff = cutoff_of(now_usec);
	r = store_run(s, "usage_oldest", take_int, &oldest, e, "ii", cutoff, (int64_t)0);
	if (r >= 0)
		r = store_run(
			s, "usage_oldest", take_int, &end, e, "ii", cutoff, (int64_t)SLICE_CALLS);
	if (r < 0)
		return r;
	if (oldest < 0) {
		r = store_run(s, "usage_days_prune", NULL, NULL, e, "i",
			(int64_t)(days_before(now_usec, ROLLUP_KEEP_DAYS) / DAY_USEC));
		return r < 0 ? r : 0;
	}
	if (end < 0)
		end = cutoff;
	return take_slice(s, oldest, end > oldest ? end : oldest + 1, e);
}

uint64_t rollup_since_usec(uint64_t now_usec, unsigned int days)
{
	uint64_t since = days_before(now_usec, days);

	return days <= USAGE_KEEP_DAYS ? since : since / DAY_USEC * DAY_USEC;
}

int64_t rollup_first_day(uint64_t since_usec)
{
	return (int64_t)((since_usec + DAY_USEC - 1) / DAY_USEC);
}
