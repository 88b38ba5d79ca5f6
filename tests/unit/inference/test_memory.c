/* Who is let in to the device's memory next, and who gives way. */
#include <string.h>

#include "inference/schedule/memory.h"
#include "tests/support/test.h"

#define SEC 1000000000ull
#define MB 1000000ull

static struct schedule *begin(void)
{
	struct schedule *s;

	CHECK(schedule_new(&s) == 0);
	return s;
}

static struct party *holds(
	struct schedule *s, const char *payer, uint32_t weight, uint32_t space, uint64_t bytes)
{
	struct party *p = schedule_enter(s, "", payer, weight, space, SEC);

	CHECK(p);
	memory_hold(p, (int64_t)bytes);
	return p;
}

static bool before(
	struct schedule *s, struct party *a, uint64_t a_bytes, struct party *b, uint64_t b_bytes)
{
	const struct claim x = {a, a_bytes, SEC}, y = {b, b_bytes, SEC};

	return memory_before(s, &x, &y, SEC) && !memory_before(s, &y, &x, SEC);
}

TEST(whoever_would_hold_least_for_their_weight_is_next)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *much = holds(s, "user:much", 1, 1, 100 * MB);
	struct party *little = holds(s, "user:little", 1, 2, 10 * MB);
	struct party *heavy = holds(s, "user:heavy", 20, 3, 100 * MB);

	CHECK(before(s, little, MB, much, MB));
	CHECK(before(s, much, MB, little, 95 * MB)); /* one that is large comes later */
	CHECK(before(s, heavy, MB, little, MB));
	CHECK(memory_held(s, much) == 100 * MB);
}

TEST(payers_first_and_then_the_spaces_of_each)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *one = holds(s, "user:a", 1, 1, 60 * MB);
	struct party *other = holds(s, "user:a", 1, 2, 0);
	struct party *b = holds(s, "user:b", 1, 1, 50 * MB);

	CHECK(before(s, b, MB, other, MB)); /* more Spaces are not more memory */
	CHECK(before(s, other, MB, one, MB));
	CHECK(memory_held(s, other) == 60 * MB && memory_same_payer(one, other));
}

TEST(who_waits_for_long_has_every_other_turn)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *large = holds(s, "user:large", 1, 1, 0);
	struct party *small = holds(s, "user:small", 1, 2, 0);
	uint64_t now = 2 * SEC + MEMORY_OVERDUE_NSEC;
	const struct claim a = {large, 500 * MB, SEC}, b = {small, MB, now};

	CHECK(memory_before(s, &b, &a, 2 * SEC));
	CHECK(memory_before(s, &a, &b, now));
	memory_let_in(s, &a, now);
	CHECK(!memory_before(s, &a, &b, now));
	memory_let_in(s, &b, now);
	/* Its payer was let in just now: nobody is owed another turn. */
	CHECK(!memory_before(s, &a, &b, now + SEC));
	CHECK(memory_before(
		s, &a, &(struct claim){small, MB, now + SEC}, now + MEMORY_OVERDUE_NSEC + 1));
}

TEST(who_holds_most_gives_way_with_no_more_than_is_needed)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *flood = holds(s, "user:flood", 1, 1, 400 * MB);
	struct party *calm = holds(s, "user:calm", 1, 2, 60 * MB);
	struct party *comes = holds(s, "user:comes", 1, 3, 0);
	const struct claim c = {comes, 20 * MB, SEC};
	struct holding of[] = {{.party = flood, .bytes = 200 * MB, .again_nsec = 9},
		{.party = calm, .bytes = 60 * MB},
		{.party = flood, .bytes = 180 * MB, .again_nsec = 5},
		{.party = flood, .bytes = 20 * MB, .again_nsec = 1}};

	CHECK(memory_make_way(s, of, 4, &c, 20 * MB, SEC) == 1);
	CHECK(of[3].yields && !of[0].yields && !of[1].yields && !of[2].yields);
	/* The youngest is too little alone, and of no use beside the next one. */
	CHECK(memory_make_way(s, of, 4, &c, 100 * MB, SEC) == 1);
	CHECK(of[2].yields && !of[3].yields);
	CHECK(memory_held(s, flood) == 400 * MB); /* whoever asked puts them back */
	CHECK(memory_most(s, of + 1, 1) == 0 && memory_most(s, of, 0) == SCHEDULE_NOBODY);
}

TEST(nobody_gives_way_to_be_worse_off_but_to_who_waits_for_long)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *even = holds(s, "user:even", 1, 1, 200 * MB);
	struct party *comes = holds(s, "user:comes", 1, 2, 0);
	struct claim c = {comes, 30 * MB, SEC};
	struct holding of[] = {{.party = even, .bytes = 200 * MB}};

	CHECK(memory_make_way(s, of, 1, &c, 30 * MB, 2 * SEC) == 0 && !of[0].yields);
	CHECK(memory_make_way(s, of, 1, &c, 30 * MB, 2 * SEC + MEMORY_OVERDUE_NSEC) == 1);
	c.bytes = 250 * MB; /* it would hold more itself then */
	CHECK(memory_make_way(s, of, 1, &c, 30 * MB, 2 * SEC + MEMORY_OVERDUE_NSEC) == 0);
	c.party = even; /* nobody gives way to their own next one */
	c.bytes = MB;
	CHECK(memory_make_way(s, of, 1, &c, MB, 2 * SEC + MEMORY_OVERDUE_NSEC) == 0);
}

TEST(what_is_computed_again_stays_a_small_part_of_the_time)
{
	CLEANUP(schedule_freep) struct schedule *s = begin();
	struct party *flood = holds(s, "user:flood", 1, 1, 400 * MB);
	struct party *comes = holds(s, "user:comes", 1, 2, 0);
	const struct claim c = {comes, 20 * MB, SEC};
	struct holding of[] = {{.party = flood, .bytes = 20 * MB, .again_nsec = MEMORY_AGAIN_NSEC}};

	CHECK(memory_make_way(s, of, 1, &c, 20 * MB, SEC) == 1);
	CHECK(memory_make_way(s, of, 1, &c, 20 * MB, SEC) == 0);
	schedule_charge(s, flood, MEMORY_AGAIN_SHARE * MEMORY_AGAIN_NSEC, SEC);
	CHECK(memory_make_way(s, of, 1, &c, 20 * MB, SEC) == 1);
	CHECK(memory_make_way(s, of, 1, &c, 20 * MB, SEC) == 0);
	CHECK(memory_make_way(s, of, 1, &c, 20 * MB, 2 * SEC + MEMORY_OVERDUE_NSEC) == 1);
}

TEST_MAIN()
