#include "agent/backoff.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define SEC USEC_PER_SEC

TEST(a_first_death_costs_no_waiting)
{
	CLEANUP(backoff_freep) struct backoff *b = NULL;

	CHECK(backoff_new(&b) == 0);
	backoff_died(b, "s", "v1", 1 * SEC, 100 * SEC);
	CHECK(backoff_left(b, "s", "v1", 100 * SEC) == 0);
}

TEST(further_deaths_wait_from_one_second_to_five_minutes)
{
	CLEANUP(backoff_freep) struct backoff *b = NULL;

	CHECK(backoff_new(&b) == 0);
	backoff_died(b, "s", "v1", 0, 100 * SEC);
	backoff_died(b, "s", "v1", 0, 100 * SEC);
	CHECK(backoff_left(b, "s", "v1", 100 * SEC) == 1 * SEC);
	backoff_died(b, "s", "v1", 0, 100 * SEC);
	CHECK(backoff_left(b, "s", "v1", 100 * SEC) == 2 * SEC);
	for (int i = 0; i < 40; i++)
		backoff_died(b, "s", "v1", 0, 100 * SEC);
	CHECK(backoff_left(b, "s", "v1", 100 * SEC) == 300 * SEC);
	CHECK(backoff_left(b, "s", "v1", 401 * SEC) == 0);
}

TEST(a_new_version_and_a_long_life_start_afresh)
{
	CLEANUP(backoff_freep) struct backoff *b = NULL;

	CHECK(backoff_new(&b) == 0);
	backoff_died(b, "s", "v1", 0, 0);
	backoff_died(b, "s", "v1", 0, 0);
	CHECK(backoff_left(b, "s", "v1", 0) > 0);
	CHECK(backoff_left(b, "s", "v2", 0) == 0);
	CHECK(backoff_left(b, "other", "v1", 0) == 0);
	backoff_died(b, "s", "v1", 61 * SEC, 0);
	CHECK(backoff_left(b, "s", "v1", 0) == 0);
}

TEST(a_full_table_forgets_the_calmest)
{
	CLEANUP(backoff_freep) struct backoff *b = NULL;
	char space[33];

	CHECK(backoff_new(&b) == 0);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(space, sizeof(space), "s%d", i);
		backoff_died(b, space, "v", 0, (uint64_t)i * SEC);
		backoff_died(b, space, "v", 0, (uint64_t)i * SEC);
	}
	CHECK(backoff_left(b, "s2999", "v", 2999 * SEC) == SEC);
	CHECK(backoff_left(b, "s0", "v", 0) == 0);
}

TEST_MAIN()
