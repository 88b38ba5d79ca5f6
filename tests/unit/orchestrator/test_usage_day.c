/* Days of usage in a moment: the clock is an argument, so it runs as fast as the test likes. */
#include "orchestrator/usage/usage.h"

#include <stdlib.h>

#include "base/json.h"
#include "orchestrator/usage/credits.h"
#include "tests/support/test.h"

#define SEC 1000000000ull
#define MINUTE_USEC 60000000ull
#define HOUR_USEC (60 * MINUTE_USEC)
#define DAY_USEC (24 * HOUR_USEC)
#define BEGIN_USEC (1000 * DAY_USEC + 7 * MINUTE_USEC)
#define MINUTES (3 * 24 * 60)
#define CALL_MAX_SEC 5

static struct usage_policy policy = {.tiers = {{"a", 100, 1, 4, 60, 8}}, .n_tiers = 1};

/* What was used, minute by minute of a clock that nobody sets. */
struct days {
	struct store *store; /* owned */
	int64_t n;           /* rows */
	uint64_t used[MINUTES + 1];
};

static void begin(struct days *d)
{
	struct err e = {0};

	memset(d, 0, sizeof(*d));
	CHECK(store_open(":memory:", &d->store, &e) == 0);
}

static struct budget budget_at(struct days *d, uint64_t now)
{
	struct budget b;
	struct err e = {0};

	CHECK(usage_budget(d->store, &policy, "", "user:ada", now, &b, NULL, &e) == 0);
	return b;
}

/* A call that has ended in that minute, at that time of the wall clock. */
static void spend(struct days *d, int minute, uint64_t now, uint64_t nsec)
{
	json_t *rows =
		json_pack("[{s:I,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s}]",
			"n", (json_int_t)(d->n + 1), "call", (json_int_t)(d->n + 1), "time_usec",
			(json_int_t)now, "payer", "user:ada", "account", "user:ada", "space", "s1",
			"session", (json_int_t)1, "event", (json_int_t)2, "model", "a/b", "task",
			"chat", "device", "cpu", "queue_usec", (json_int_t)3, "device_nsec",
			(json_int_t)nsec, "tokens_in", (json_int_t)4, "tokens_cached",
			(json_int_t)0, "tokens_out", (json_int_t)5, "outcome", "done");
	const struct models_usage m = {.journal = "j", .rows = rows};
	struct err e = {0};

	CHECK(usage_take(d->store, &policy, &m, now, &d->n, &e) == 0);
	json_decref(rows);
	d->used[minute] += nsec;
}

/* In the minutes (from, to]. */
static uint64_t used_in(const struct days *d, int from, int to)
{
	uint64_t sum = 0;

	for (int i = from < 0 ? 0 : from + 1; i <= to; i++)
		sum += d->used[i];
	return sum;
}

static uint64_t some_nsec(void)
{
	return (uint64_t)(rand() % (CALL_MAX_SEC * 1000) + 1) * 1000000;
}

/* Somebody who takes what there is, in bursts. */
static void take_what_there_is(struct days *d, int minute, uint64_t now)
{
	while (rand() % 3) {
		struct budget b = budget_at(d, now);

		if (budget_left_nsec(&b) == 0)
			return;
		spend(d, minute, now, some_nsec());
	}
}

TEST(in_no_24_hours_of_three_days_is_more_used_than_the_tier_says_and_one_call)
{
	static struct days d;

	begin(&d);
	srand(11);
	for (int minute = 0; minute <= MINUTES; minute++) {
		uint64_t now = BEGIN_USEC + (uint64_t)minute * MINUTE_USEC;
		struct budget b;

		if (rand() % 8 == 0)
			take_what_there_is(&d, minute, now);
		b = budget_at(&d, now);
		/* All of the last day counts, and nothing that is a slot older. */
		CHECK(b.used_nsec >= used_in(&d, minute - 24 * 60, minute));
		CHECK(b.used_nsec <= used_in(&d, minute - 24 * 60 - 11, minute));
		CHECK(used_in(&d, minute - 24 * 60, minute) <= (100 + CALL_MAX_SEC) * SEC);
	}
	/* And it comes back: of three days it was not one that could be used. */
	CHECK(used_in(&d, -1, MINUTES) > 250 * SEC);
	(void)store_close(d.store);
}

TEST(what_is_said_of_when_more_comes_back_is_true_to_the_microsecond)
{
	static struct days d;
	unsigned int empty = 0;

	begin(&d);
	srand(12);
	for (int minute = 0; minute <= MINUTES; minute += 7) {
		uint64_t now = BEGIN_USEC + (uint64_t)minute * MINUTE_USEC, at, want;
		struct budget b, then;

		take_what_there_is(&d, minute, now);
		b = budget_at(&d, now);
		want = some_nsec();
		at = budget_when(&b, want, now);
		if (at == now) {
			CHECK(budget_left_nsec(&b) >= want);
			continue;
		}
		empty++;
		then = budget_at(&d, at);
		CHECK(budget_left_nsec(&then) >= want);
		then = budget_at(&d, at - 1);
		CHECK(budget_left_nsec(&then) < want);
		then = budget_at(&d, budget_full_usec(&b, now));
		CHECK(then.used_nsec == 0);
	}
	CHECK(empty > 20);
	(void)store_close(d.store);
}

/* The clock is put forth and back by up to three hours, again and again. */
TEST(a_clock_that_wanders_by_hours_gives_nobody_a_second_days_seconds)
{
	static struct days d;
	int64_t ahead = 0; /* minutes */

	begin(&d);
	srand(13);
	for (int minute = 0; minute <= MINUTES; minute++) {
		uint64_t now = BEGIN_USEC + (uint64_t)(minute + ahead) * MINUTE_USEC;
		struct budget b;

		if (rand() % 50 == 0)
			ahead = rand() % 361 - 180;
		if (rand() % 8 == 0)
			take_what_there_is(&d, minute, now);
		b = budget_at(&d, now);
		/* What is less than 24 hours old by any clock it may have been. */
		CHECK(b.used_nsec >= used_in(&d, minute - 18 * 60, minute));
		CHECK(used_in(&d, minute - 18 * 60, minute) <= (100 + CALL_MAX_SEC) * SEC);
	}
	/* Nor does it take anybody's. */
	CHECK(used_in(&d, -1, MINUTES) > 200 * SEC);
	(void)store_close(d.store);
}

TEST(a_credit_is_used_when_the_window_is_empty_until_the_moment_it_expires)
{
	const uint64_t expires = BEGIN_USEC + 5 * HOUR_USEC;
	static struct days d;
	struct err e = {0};
	struct budget b;
	uint64_t used = 0;

	begin(&d);
	CHECK(credit_give(d.store,
		      &(struct credit){.account = "user:ada",
			      .nsec = 400 * SEC,
			      .expires_usec = expires,
			      .who = "root",
			      .why = "a course"},
		      BEGIN_USEC, &e) == 0);
	for (int minute = 0; minute < 300; minute++) {
		uint64_t now = BEGIN_USEC + (uint64_t)minute * MINUTE_USEC;

		b = budget_at(&d, now);
		CHECK(b.credit_nsec == (used <= 100 * SEC ? 400 * SEC : 500 * SEC - used));
		CHECK(budget_left_nsec(&b) == 500 * SEC - used);
		spend(&d, minute, now, SEC);
		used += SEC;
	}
	b = budget_at(&d, expires - 1);
	CHECK(budget_left_nsec(&b) == 200 * SEC);
	b = budget_at(&d, expires);
	CHECK(budget_left_nsec(&b) == 0 && budget_when(&b, 1, expires) != expires);
	/* A day later there is the window's again, and no more. */
	b = budget_at(&d, BEGIN_USEC + 2 * DAY_USEC);
	CHECK(budget_left_nsec(&b) == 100 * SEC);
	(void)store_close(d.store);
}

TEST_MAIN()
