#include "orchestrator/people/throttle.h"

#include <stdio.h>

#include "tests/support/test.h"

#define SEC 1000000ull

TEST(after_the_burst_one_more_per_refill)
{
	CLEANUP(throttle_freep) struct throttle *t = throttle_new(3, SEC, 8);

	for (int i = 0; i < 3; i++)
		CHECK(throttle_try(t, "a", 100 * SEC) == 0);
	CHECK(throttle_try(t, "a", 100 * SEC) == SEC);
	CHECK(throttle_try(t, "a", 100 * SEC + SEC / 2) == SEC / 2);
	CHECK(throttle_try(t, "b", 100 * SEC) == 0);
	CHECK(throttle_try(t, "a", 101 * SEC) == 0);
	CHECK(throttle_try(t, "a", 101 * SEC) > 0);
}

TEST(asking_in_vain_does_not_put_off_the_next_try)
{
	CLEANUP(throttle_freep) struct throttle *t = throttle_new(1, SEC, 8);

	CHECK(throttle_try(t, "a", SEC) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(throttle_try(t, "a", SEC) == SEC);
	CHECK(throttle_try(t, "a", 2 * SEC) == 0);
}

TEST(forgiving_fills_the_bucket)
{
	CLEANUP(throttle_freep) struct throttle *t = throttle_new(1, SEC, 8);

	CHECK(throttle_try(t, "a", SEC) == 0);
	throttle_forgive(t, "a");
	throttle_forgive(t, "unknown");
	CHECK(throttle_try(t, "a", SEC) == 0);
}

TEST(a_flood_of_keys_forgets_the_quietest_and_stays_bounded)
{
	CLEANUP(throttle_freep) struct throttle *t = throttle_new(1, 1000 * SEC, 4);
	char key[16];

	CHECK(throttle_try(t, "kept", SEC) == 0);
	for (unsigned int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		CHECK(throttle_try(t, key, SEC + i + 1) == 0);
		CHECK(throttle_try(t, "kept", SEC + i + 1) >
			0); /* used last, so not the quietest */
	}
}

TEST_MAIN()
