/* Fractions of the device, by hand and on a clock of the test's own: steps of a millisecond. */
#include "inference/schedule/pools.h"

#include <stdio.h>
#include <string.h>

#include "inference/schedule/schedule.h"
#include "tests/support/test.h"

#define MSEC 1000000ull
#define SEC (1000 * MSEC)

static const struct pool_terms open_terms[] = {
	{.name = "research", .percent = 70, .lend = true, .borrow = true},
	{.name = "course", .percent = 30, .lend = true, .borrow = true},
};

static struct schedule *begin(const struct pool_terms *terms, size_t n)
{
	struct schedule *s;

	CHECK(schedule_new(&s) == 0);
	schedule_set_pools(s, terms, n, SEC);
	return s;
}

static struct party *enter(struct schedule *s, const char *pool, const char *payer, uint64_t now)
{
	struct party *p = schedule_enter(s, pool, payer, 1, 0, now);

	CHECK(p);
	return p;
}

/* So many milliseconds, each a step of whoever goes first, or idle; *ret: those that each got. */
static void run(struct schedule *s, struct party *const *of, size_t n, size_t msec, uint64_t *now,
	size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = 0;
	while (msec-- > 0) {
		size_t i = schedule_first(s, of, n, *now);

		*now += MSEC;
		if (i == SCHEDULE_NOBODY)
			continue;
		ret[i]++;
		schedule_charge(s, of[i], MSEC, *now);
		schedule_settle(s, *now);
	}
}

static bool is_about(size_t got, size_t want)
{
	if (got + want / 50 + 2 < want || got > want + want / 50 + 2)
		(void)fprintf(stderr, "%zu instead of %zu\n", got, want);
	return got + want / 50 + 2 >= want && got <= want + want / 50 + 2;
}

TEST(pools_with_work_get_their_fractions_however_many_payers_each_has)
{
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	struct party *of[12];
	size_t got[12], course = 0;
	uint64_t now = SEC;
	char name[16];

	of[0] = enter(s, "research", "ada", now);
	of[1] = enter(s, "research", "bob", now);
	for (size_t i = 2; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "s%zu", i);
		of[i] = enter(s, "course", name, now);
	}
	run(s, of, 12, 20000, &now, got);
	for (size_t i = 2; i < 12; i++) {
		CHECK(is_about(got[i], 600));
		course += got[i];
	}
	CHECK(is_about(got[0], 7000) && is_about(got[1], 7000) && is_about(course, 6000));
}

TEST(an_idle_pools_time_is_lent_and_taken_back_at_the_next_step)
{
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	struct party *of[2] = {0};
	size_t got[2];
	uint64_t now = SEC;

	of[1] = enter(s, "course", "s", now);
	run(s, of, 2, 60000, &now, got); /* all of it for a minute */
	CHECK(got[1] == 60000);
	of[0] = enter(s, "research", "ada", now);
	run(s, of, 2, 2, &now, got);
	CHECK(got[0] >= 1);
	run(s, of, 2, 100, &now, got); /* at once, and neither pays for what was lent */
	CHECK(got[0] >= 68 && got[0] <= 72);
	run(s, of, 2, 10000, &now, got);
	CHECK(is_about(got[0], 7000) && is_about(got[1], 3000));
}

TEST(the_same_payer_in_two_pools_has_a_share_in_each)
{
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	struct party *of[3];
	size_t got[3];
	uint64_t now = SEC;

	of[0] = enter(s, "research", "ada", now);
	of[1] = enter(s, "course", "ada", now);
	of[2] = enter(s, "course", "bob", now);
	CHECK(of[0] != of[1]);
	run(s, of, 3, 10000, &now, got);
	CHECK(is_about(got[0], 7000) && is_about(got[1], 1500) && is_about(got[2], 1500));
}

TEST(what_no_pool_was_given_is_that_of_who_is_in_none)
{
	static const struct pool_terms terms[] = {
		{.name = "course", .percent = 40, .lend = true, .borrow = true}};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 1);
	struct party *of[3];
	size_t got[3];
	uint64_t now = SEC;

	of[0] = enter(s, "course", "s", now);
	of[1] = enter(s, "", "ada", now);
	of[2] = enter(s, "nobody-made-this", "bob", now);
	run(s, of, 3, 10000, &now, got);
	CHECK(is_about(got[0], 4000) && is_about(got[1], 3000) && is_about(got[2], 3000));
}

TEST(a_pool_that_does_not_borrow_stays_within_its_fraction)
{
	static const struct pool_terms terms[] = {
		{.name = "course", .percent = 30, .lend = true, .borrow = false}};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 1);
	struct party *of[2] = {0};
	size_t got[2];
	uint64_t now = SEC;

	of[0] = enter(s, "course", "s", now);
	run(s, of, 2, 10000, &now, got);
	CHECK(got[0] >= 2990 && got[0] <= 3031); /* a burst at first */
	of[1] = enter(s, "", "ada", now);
	run(s, of, 2, 10000, &now, got);
	CHECK(is_about(got[0], 3000) && is_about(got[1], 7000));
}

TEST(what_a_pool_that_does_not_lend_leaves_stays_idle)
{
	static const struct pool_terms terms[] = {
		{.name = "lab", .percent = 50, .lend = false, .borrow = true},
		{.name = "course", .percent = 20, .lend = false, .borrow = false},
	};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 2);
	struct party *of[3] = {0};
	size_t got[3];
	uint64_t now = SEC;

	of[2] = enter(s, "", "ada", now);
	run(s, of, 3, 10000, &now, got);
	CHECK(got[2] >= 2990 && got[2] <= 3031);
	of[1] = enter(s, "course", "s", now);
	run(s, of, 3, 10000, &now, got);
	CHECK(is_about(got[1], 2000) && is_about(got[2], 3000));
	schedule_leave(s, of[2], now);
	of[2] = NULL;
	of[0] = enter(s, "lab", "bob", now); /* what "" leaves is lent */
	run(s, of, 3, 10000, &now, got);
	CHECK(got[0] >= 7800 && got[0] <= 8050 && is_about(got[1], 2000));
}

TEST(the_pause_says_when_somebody_may_again)
{
	static const struct pool_terms terms[] = {
		{.name = "course", .percent = 25, .lend = true, .borrow = false}};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 1);
	struct party *p;
	uint64_t now = 2 * SEC, pause;

	p = enter(s, "course", "s", now);
	CHECK(schedule_first(s, &p, 1, now) == 0 && pools_pause_nsec(s, now) == 0);
	schedule_charge(s, p, 125 * MSEC, now); /* 25 ms were its own */
	CHECK(schedule_first(s, &p, 1, now) == SCHEDULE_NOBODY);
	pause = pools_pause_nsec(s, now);
	CHECK(pause > 399 * MSEC && pause < 401 * MSEC);
	CHECK(schedule_first(s, &p, 1, now + pause + 1) == 0);
}

TEST(who_is_ahead_has_no_part_beside_a_pool_that_is_not)
{
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	struct party *of[2], *only_course[2] = {0};
	uint64_t now = SEC;

	of[0] = enter(s, "research", "ada", now);
	only_course[1] = of[1] = enter(s, "course", "s", now);
	CHECK(schedule_may_go(s, of[1], now));
	schedule_charge(s, of[1], 30 * MSEC, now);
	schedule_settle(s, now);
	/* The other one has nothing that this step could do: it is all the course's. */
	CHECK(schedule_first(s, only_course, 2, now) == 1);
	schedule_expect(s, of[1], MSEC, now);
	CHECK(schedule_first(s, only_course, 2, now) == 1);
	schedule_settle(s, now);
	/* It has: of what is left beside it the course gets nothing. */
	CHECK(schedule_first(s, of, 2, now) == 0);
	schedule_expect(s, of[0], MSEC, now);
	CHECK(schedule_first(s, only_course, 2, now) == SCHEDULE_NOBODY);
	CHECK(!schedule_may_go(s, of[1], now));
	schedule_settle(s, now);
	schedule_attend(s, of[0]);
	CHECK(!schedule_may_go(s, of[1], now) && schedule_may_go(s, of[0], now));
	schedule_settle(s, now);
	CHECK(schedule_may_go(s, of[1], now));
}

TEST(why_a_pool_has_no_turn_is_said_with_the_pool)
{
	static const struct pool_terms terms[] = {
		{.name = "lab", .percent = 50, .lend = false, .borrow = true},
		{.name = "course", .percent = 20, .lend = true, .borrow = false},
	};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 2);
	struct party *lab, *course, *rest;
	struct pool_look look;
	uint64_t now = 2 * SEC;

	course = enter(s, "course", "s", now);
	rest = enter(s, "", "ada", now);
	CHECK(schedule_hold(s, course, now, &look) == POOL_GOES);
	schedule_charge(s, course, 25 * MSEC, now); /* 20 of them were its own */
	CHECK(schedule_hold(s, course, now, &look) == POOL_OWN);
	CHECK(!strcmp(look.terms.name, "course") && look.terms.percent == 20);
	CHECK(look.used_nsec == 25 * MSEC && look.requests == 1);
	schedule_charge(s, rest, 60 * MSEC, now); /* all that is not kept is used */
	CHECK(schedule_hold(s, rest, now, &look) == POOL_KEPT && look.terms.percent == 30);
	lab = enter(s, "lab", "bob", now);
	now += SEC;
	CHECK(schedule_hold(s, lab, now, &look) == POOL_GOES);
	schedule_charge(s, lab, 45 * MSEC, now);
	CHECK(schedule_hold(s, lab, now, &look) == POOL_AHEAD);
}

TEST(other_terms_count_at_once_and_a_pool_that_is_gone_is_gone_with_its_requests)
{
	static const struct pool_terms later[] = {
		{.name = "course", .percent = 80, .lend = true, .borrow = true},
		{.name = "guests", .percent = 10, .lend = true, .borrow = true},
	};
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	struct pool_look look[8];
	struct party *of[3] = {0};
	size_t got[3];
	uint64_t now = SEC;

	of[0] = enter(s, "research", "ada", now);
	of[1] = enter(s, "course", "s", now);
	run(s, of, 2, 1000, &now, got);
	schedule_set_pools(s, later, 2, now);
	CHECK(pools_look(s, look, 8) == 4); /* "", research as long as ada is in it, two */
	CHECK(enter(s, "research", "bob", now) == enter(s, "", "bob", now));
	of[2] = enter(s, "guests", "eve", now);
	schedule_leave(s, of[0], now);
	of[0] = NULL;
	run(s, of, 3, 9000, &now, got);
	CHECK(is_about(got[1], 8000) && is_about(got[2], 1000));
	CHECK(pools_look(s, look, 8) == 3 && look[0].terms.percent == 10);
}

TEST(who_was_given_nothing_has_what_those_leave_who_keep_all)
{
	static const struct pool_terms later[] = {
		{.name = "lab", .percent = 60, .lend = false, .borrow = true},
		{.name = "course", .percent = 40, .lend = false, .borrow = false},
	};
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 1);
	struct party *of[4] = {0};
	size_t got[4];
	uint64_t now = SEC;

	of[0] = enter(s, "research", "ada", now);
	of[1] = enter(s, "", "bob", now);
	schedule_set_pools(s, later, 2, now);
	now += SEC;
	CHECK(pools_pause_nsec(s, now) == 0);
	run(s, of, 4, 1000, &now, got);
	CHECK(got[0] + got[1] == 1000 && got[0] > 0 && got[1] > 0);
	/* What is gone counts as it did, as long as it has requests. */
	of[3] = enter(s, "course", "s", now);
	run(s, of, 4, 10000, &now, got);
	CHECK(is_about(got[3], 3604) && got[0] + got[1] + got[3] == 10000);
	schedule_leave(s, of[0], now);
	of[0] = NULL;
	run(s, of, 4, 10000, &now, got);
	CHECK(is_about(got[3], 4000) && got[1] + got[3] == 10000);
}

TEST(where_nobody_may_ever_go_the_pause_has_no_end)
{
	static const struct pool_terms terms[] = {
		{.name = "shut", .percent = 0, .lend = true, .borrow = false}};
	CLEANUP(schedule_freep) struct schedule *s = begin(terms, 1);
	struct party *p;
	uint64_t now = 2 * SEC;

	p = enter(s, "shut", "s", now);
	CHECK(schedule_first(s, &p, 1, now) == SCHEDULE_NOBODY);
	CHECK(pools_pause_nsec(s, now) == UINT64_MAX);
}

TEST(names_come_and_go_without_end)
{
	CLEANUP(schedule_freep) struct schedule *s = begin(open_terms, 2);
	uint64_t now = SEC;

	for (int i = 0; i < 1000; i++) {
		struct pool_terms t = {.percent = 1, .lend = true, .borrow = true};
		struct party *p;

		(void)snprintf(t.name, sizeof(t.name), "p%d", i);
		schedule_set_pools(s, &t, 1, now);
		p = enter(s, t.name, "x", now);
		CHECK(!strcmp(party_pool(p), t.name));
		schedule_leave(s, p, now);
	}
}

TEST_MAIN()
