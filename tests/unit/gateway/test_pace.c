#include "gateway/pace.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define SEC USEC_PER_SEC

TEST(the_first_duration_is_the_estimate_and_newer_ones_move_it)
{
	struct pace p = {0};

	CHECK(pace_mean(&p, 7, 1) == 0);
	pace_note(&p, 7, 1, 8 * SEC);
	CHECK(pace_mean(&p, 7, 1) == 8 * SEC && pace_mean(&p, 7, 2) == 0);
	pace_note(&p, 7, 1, 4 * SEC);
	CHECK(pace_mean(&p, 7, 1) == 6 * SEC);
	for (int i = 0; i < 100; i++)
		pace_note(&p, 7, 1, SEC);
	CHECK(pace_mean(&p, 7, 1) >= SEC - 10 && pace_mean(&p, 7, 1) < SEC + SEC / 10);
}

TEST(more_handlers_than_are_told_apart_do_no_harm)
{
	struct pace p = {0};

	for (uint32_t i = 1; i < 3 * PACE_KINDS_MAX; i++)
		pace_note(&p, i, 1, SEC);
	CHECK(p.n == PACE_KINDS_MAX && pace_mean(&p, 1, 1) == SEC);
	CHECK(pace_mean(&p, 2 * PACE_KINDS_MAX, 1) == 0);
}

TEST(who_waits_goes_in_when_a_door_is_free)
{
	static const uint64_t want[] = {3 * SEC, 9 * SEC, 13 * SEC, 19 * SEC};
	struct pace_line l;

	pace_line_init(&l, 2, 10 * SEC);
	pace_line_running(&l, 7 * SEC);
	pace_line_running(&l, SEC);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		CHECK(pace_line_next(&l) == want[i]);
}

TEST(who_runs_for_longer_than_usual_is_expected_to_end_soon_and_not_in_the_past)
{
	struct pace_line l;

	pace_line_init(&l, 1, 8 * SEC);
	pace_line_running(&l, 3600 * SEC);
	CHECK(pace_line_next(&l) == SEC && pace_line_next(&l) == 9 * SEC);
}

TEST(an_empty_room_is_entered_at_once_and_a_huge_one_counts_as_a_large_one)
{
	struct pace_line l;

	pace_line_init(&l, 0, SEC);
	CHECK(pace_line_next(&l) == 0 && pace_line_next(&l) == SEC);
	pace_line_init(&l, 100000, SEC);
	for (size_t i = 0; i < 2 * PACE_SERVERS_MAX; i++)
		pace_line_running(&l, 0);
	for (size_t i = 0; i < PACE_SERVERS_MAX; i++)
		CHECK(pace_line_next(&l) == SEC);
	CHECK(pace_line_next(&l) == 2 * SEC);
}

TEST_MAIN()
