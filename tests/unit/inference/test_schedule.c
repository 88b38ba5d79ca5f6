/* Who goes next: by hand, by chance, and over the traces of scripts/bench scheduler in small. */
#include "inference/schedule/schedule.h"

#include <stdio.h>

#include "tests/bench/scheduler/traces.h"
#include "tests/support/test.h"

#define MSEC 1000000ull
#define SEC (1000 * MSEC)

static struct schedule *begin(void)
{
	struct schedule *s;

	CHECK(schedule_new(&s) == 0);
	return s;
}

static struct party *enter(struct schedule *s, const char *payer, uint32_t space, uint64_t now)
{
	struct party *p = schedule_enter(s, "", payer, 1, space, now);

	CHECK(p);
	return p;
}

/* One step of a millisecond for whoever goes first. */
static size_t step(struct schedule *s, struct party *const *of, size_t n, uint64_t *now)
{
	size_t i = schedule_first(s, of, n, *now);

	CHECK(i != SCHEDULE_NOBODY);
	*now += MSEC;
	schedule_charge(s, of[i], MSEC, *now);
	schedule_settle(s, *now);
	return i;
}

/* How many of n steps each gets. */
static void count(struct schedule *s, struct party *const *of, size_t n, size_t steps,
	uint64_t *now, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = 0;
	while (steps-- > 0)
		ret[step(s, of, n, now)]++;
}

TEST(who_has_used_least_for_their_weight_goes_first)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[3];
	size_t got[3];
	uint64_t now = SEC;

	of[0] = schedule_enter(s, "", "a", 1, 0, now);
	of[1] = schedule_enter(s, "", "b", 2, 0, now);
	of[2] = schedule_enter(s, "", "c", 7, 0, now);
	count(s, of, 3, 10000, &now, got);
	CHECK(got[0] > 970 && got[0] < 1030);
	CHECK(got[1] > 1950 && got[1] < 2050);
	CHECK(got[2] > 6930 && got[2] < 7070);
}

TEST(payers_share_first_and_then_their_spaces)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[4];
	size_t got[4];
	uint64_t now = SEC;

	of[0] = enter(s, "a", 1, now);
	for (uint32_t i = 1; i < 4; i++)
		of[i] = enter(s, "b", 1 + i, now);
	count(s, of, 4, 6000, &now, got);
	CHECK(got[0] > 2950 && got[0] < 3050);
	for (size_t i = 1; i < 4; i++)
		CHECK(got[i] > 950 && got[i] < 1050);
}

TEST(what_nobody_else_wants_is_lent_and_taken_back_at_the_next_step)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[2] = {0};
	size_t got[2];
	uint64_t now = SEC;

	of[0] = enter(s, "a", 0, now);
	count(s, of, 2, 60000, &now, got); /* all of it for a minute */
	of[1] = enter(s, "b", 0, now);
	CHECK(step(s, of, 2, &now) == 0 || step(s, of, 2, &now) == 1);
	/* Nor is it held against it: from now on they share. */
	count(s, of, 2, 1000, &now, got);
	CHECK(got[0] > 480 && got[0] < 520);
}

TEST(what_was_used_counts_half_after_a_half_life)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[2];
	uint64_t now = SEC;

	of[0] = enter(s, "a", 0, now);
	of[1] = enter(s, "b", 0, now);
	schedule_charge(s, of[0], 100 * MSEC, now);
	now += SCHEDULE_HALF_LIFE_NSEC;
	schedule_charge(s, of[1], 45 * MSEC, now);
	CHECK(party_before(of[1], of[0]));
	schedule_charge(s, of[1], 10 * MSEC, now);
	CHECK(party_before(of[0], of[1]));
}

TEST(numbers_stay_right_over_weeks)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[2];
	size_t got[2];
	uint64_t now = SEC;

	of[0] = enter(s, "a", 0, now);
	of[1] = enter(s, "b", 0, now);
	for (int week = 0; week < 3; week++) {
		now += 7 * 24 * 3600 * SEC;
		count(s, of, 2, 1000, &now, got);
		CHECK(got[0] > 480 && got[0] < 520);
	}
}

TEST(a_rest_earns_no_more_than_its_credit_and_a_new_name_nothing)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[3] = {0};
	size_t got[3];
	uint64_t now = SEC;

	of[0] = enter(s, "busy", 0, now);
	of[1] = enter(s, "rests", 0, now);
	schedule_leave(s, of[1], now);
	of[1] = NULL;
	count(s, of, 2, 30000, &now, got);
	of[1] = enter(s, "rests", 0, now);
	count(s, of, 2, 600, &now, got);
	CHECK(got[0] > 25); /* after its half second the other one has turns again */
	CHECK(got[1] > 480);
	of[2] = enter(s, "new", 0, now);
	count(s, of, 3, 9, &now, got);
	CHECK(got[2] <= 4);
}

TEST(coming_and_going_gets_as_much_as_staying_and_no_more)
{
	static const uint64_t rests[] = {0, MSEC / 10, 5 * MSEC};

	for (size_t k = 0; k < 3; k++) {
		CLEANUP(schedule_freep) struct schedule *s = begin();
		struct party *of[2];
		size_t got[2] = {0};
		uint64_t now = SEC;

		of[0] = enter(s, "stays", 0, now);
		for (int i = 0; i < 10000; i++) {
			of[1] = enter(s, "leaps", 0, now);
			got[step(s, of, 2, &now)]++;
			schedule_leave(s, of[1], now);
			now += rests[k];
		}
		CHECK(got[1] < 1.02 * got[0]);
		CHECK(got[1] > got[0] / 8);
	}
}

TEST(what_a_step_is_to_give_counts_while_it_is_put_together)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[2];
	uint64_t now = SEC;
	size_t first;

	of[0] = enter(s, "a", 0, now);
	of[1] = enter(s, "b", 0, now);
	first = schedule_first(s, of, 2, now);
	schedule_expect(s, of[first], 5 * MSEC, now);
	CHECK(schedule_first(s, of, 2, now) == 1 - first);
	schedule_settle(s, now); /* nothing came of it */
	CHECK(schedule_first(s, of, 2, now) == first);
}

/* One in debt waits beside those who come anew all the time. */
TEST(who_is_overdue_has_every_other_turn_however_many_come)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[2];
	size_t got[2];
	uint64_t now = SEC;

	of[0] = schedule_enter(s, "", "light", 1, 0, now);
	of[1] = schedule_enter(s, "", "heavy", 1000, 0, now);
	for (int i = 0; i < 1000; i++) {
		schedule_charge(s, of[0], 100 * MSEC, now); /* far more than its share */
		schedule_settle(s, now);
	}
	count(s, of, 2, SCHEDULE_OVERDUE_NSEC / MSEC + 10, &now, got);
	CHECK(got[0] > 0);
	now += SCHEDULE_OVERDUE_NSEC + 1;
	CHECK(schedule_first(s, of, 2, now) != schedule_first(s, of, 2, now));
}

TEST(places_are_lent_and_given_back_and_then_stay)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	uint64_t now = SEC;
	struct seat seats[2] = {{enter(s, "a", 0, now), 0, 40}, {enter(s, "b", 0, now), 0, 0}};
	size_t from, to, moves = 0;

	while ((to = schedule_seat(seats, 2, 32, now, &from)) != SCHEDULE_NOBODY) {
		CHECK(from == SCHEDULE_NOBODY && to == 0);
		seats[to].held++;
		seats[to].waiting--;
	}
	CHECK(seats[0].held == 32); /* nobody else wants one */
	seats[1].waiting = 40;
	while ((to = schedule_seat(seats, 2, 32, now, &from)) != SCHEDULE_NOBODY) {
		CHECK(to == 1 && from == 0);
		seats[1].held++;
		seats[1].waiting--;
		seats[0].held--;
		seats[0].waiting++;
		moves++;
	}
	CHECK(moves == 16 && seats[0].held == 16 && seats[1].held == 16);
}

TEST(of_more_people_than_places_who_waits_too_long_gets_one)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	uint64_t now = SEC;
	struct seat seats[3] = {{enter(s, "a", 0, now), 1, 0}, {enter(s, "b", 0, now), 1, 0},
		{enter(s, "c", 0, now), 0, 1}};
	size_t from;

	CHECK(schedule_seat(seats, 3, 2, now, &from) == SCHEDULE_NOBODY);
	now += SCHEDULE_OVERDUE_NSEC + 1;
	schedule_charge(s, seats[0].party, 20 * MSEC, now);
	schedule_charge(s, seats[1].party, MSEC, now);
	CHECK(schedule_seat(seats, 3, 2, now, &from) == 2);
	CHECK(from == 0); /* it has had most */
}

TEST(those_at_rest_are_forgotten_and_memory_ends)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	char name[32];
	uint64_t now = SEC;

	for (uint32_t i = 0; i < 3 * SCHEDULE_PAYERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "network:%u", i);
		schedule_leave(s, enter(s, name, i, now), now);
		now++;
	}
	for (uint32_t i = 0; i < 10 * SCHEDULE_SPACES_MAX; i++) {
		schedule_leave(s, enter(s, "user:one", i, now), now);
		now++;
	}
}

/* --- traces --- */

static struct outcome_of run(const char *name, double sec, enum rule rule)
{
	struct outcome_of o;
	struct trace t;

	trace_make(&t, name, sec);
	world_run(&t, rule, &o);
	trace_done(&t);
	return o;
}

TEST(equals_stay_equal_in_every_trace)
{
	for (size_t i = 0; i < n_trace_makers; i++) {
		/* A hundred have all had turns after a while only. */
		bool crowded = !strcmp(trace_makers[i].name, "crowd");
		struct outcome_of o = run(trace_makers[i].name, crowded ? 30 : 12, RULE_FAIR);

		if (o.jain < 0.95)
			(void)fprintf(stderr, "%s: %f\n", trace_makers[i].name, o.jain);
		CHECK(o.jain >= 0.95);
	}
}

TEST(a_flood_wins_nothing_and_the_device_is_as_busy_as_with_a_plain_queue)
{
	static const char *const floods[] = {
		"flood-read", "flood-write", "flood-memory", "many-spaces"};

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct outcome_of fair = run(floods[i], 12, RULE_FAIR);
		struct outcome_of fifo = run(floods[i], 12, RULE_FIFO);

		CHECK(fair.jain >= 0.95 && fifo.jain < 0.8);
		CHECK(fair.useful >= 0.98 * fifo.useful);
	}
}

TEST(nobody_starves)
{
	for (size_t i = 0; i < n_trace_makers; i++) {
		struct outcome_of o = run(trace_makers[i].name, 12, RULE_FAIR);
		/* A hundred take turns at 32 places of two seconds each; who is next for the memory
		 * waits for texts of a second that are there. */
		bool crowded = !strcmp(trace_makers[i].name, "crowd");
		bool large = !strcmp(trace_makers[i].name, "large-among-small");
		uint64_t most = SCHEDULE_OVERDUE_NSEC + (crowded        ? 4 * SCHEDULE_SEATED_NSEC
								: large ? SEC
									: 0);

		if (o.gap_nsec > most)
			(void)fprintf(stderr, "%s: %f ms\n", trace_makers[i].name,
				(double)o.gap_nsec / 1e6);
		CHECK(o.gap_nsec <= most);
	}
}

TEST(weights_hold_within_two_hundredths)
{
	struct outcome_of o = run("weights", 12, RULE_FAIR);

	for (int i = 0; i < 4; i++) {
		double want = (i + 1) / 10.0;

		CHECK(o.shares[i] > 0.98 * want && o.shares[i] < 1.02 * want);
	}
}

#define CROWD 16 /* payers, of three Spaces each */

static void note(uint64_t *since, uint64_t now, uint64_t *gap)
{
	*gap = now - *since > *gap ? now - *since : *gap;
	*since = now;
}

/* The longest that a payer, and a Space of one, wanted something and got nothing, by chance. */
static void longest_gaps(uint64_t seed, uint64_t *ret_payer, uint64_t *ret_space)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *of[3 * CROWD];
	uint64_t payers[CROWD], spaces[3 * CROWD], now = SEC;
	char name[32];

	*ret_payer = *ret_space = 0;
	for (uint32_t i = 0; i < 3 * CROWD; i++) {
		seed = seed * 6364136223846793005ull + 1;
		(void)snprintf(name, sizeof(name), "%u", i / 3);
		of[i] = schedule_enter(s, "", name, 1 + (uint32_t)(seed >> 50) % 1000, i, now);
		payers[i / 3] = spaces[i] = now;
	}
	for (int k = 0; k < 60000; k++) {
		size_t i = schedule_first(s, of, 3 * CROWD, now);
		uint64_t took;

		seed = seed * 6364136223846793005ull + 1;
		took = MSEC / 10 + (seed >> 33) % (20 * MSEC);
		now += took;
		schedule_charge(s, of[i], took, now);
		schedule_settle(s, now);
		note(&payers[i / 3], now, ret_payer);
		note(&spaces[i], now, ret_space);
	}
	for (size_t i = 0; i < 3 * CROWD; i++) {
		note(&payers[i / 3], now, ret_payer);
		note(&spaces[i], now, ret_space);
	}
}

TEST(by_chance_too_nobody_waits_longer_than_the_bound)
{
	/* Once overdue, each of the others may be overdue too, and every other turn is by age. */
	const uint64_t bound = SCHEDULE_OVERDUE_NSEC + 2 * (CROWD + 1) * 21 * MSEC;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t payer, space;

		longest_gaps(seed, &payer, &space);
		CHECK(payer <= bound);
		CHECK(space <= 3 * bound);
	}
}

TEST_MAIN()
