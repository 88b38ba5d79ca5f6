#include "gateway/flow.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define SEC USEC_PER_SEC

/* catalogue 27 */
TEST(a_worker_says_a_burst_and_then_as_much_as_the_rate)
{
	struct flow f;
	uint64_t now = 100 * SEC, units = 0;

	flow_init(&f, now);
	for (int i = 0; i < FLOW_BURST - 1; i++)
		CHECK(flow_take(&f, 1));
	CHECK(!flow_take(&f, 1) && flow_wait_usec(&f, now) > 0);
	while (now < 110 * SEC) {
		now += flow_wait_usec(&f, now);
		CHECK(flow_wait_usec(&f, now) == 0);
		do
			units += 8;
		while (flow_take(&f, 8) || flow_wait_usec(&f, now) == 0);
	}
	CHECK(units <= 11 * FLOW_PER_SEC && units >= 9 * FLOW_PER_SEC);
}

TEST(one_that_answers_events_is_never_held)
{
	struct flow f;

	flow_init(&f, SEC);
	for (int i = 0; i < 1000000; i++) {
		flow_add_event(&f);
		CHECK(flow_take(&f, 24));
	}
}

TEST(a_message_larger_than_the_bucket_is_paid_off)
{
	struct flow f;

	flow_init(&f, SEC);
	CHECK(!flow_take(&f, FLOW_BURST + FLOW_PER_SEC));
	CHECK(flow_wait_usec(&f, SEC) > SEC * 9 / 10 && flow_wait_usec(&f, SEC) < SEC * 11 / 10);
	CHECK(flow_wait_usec(&f, 3 * SEC) == 0);
}

TEST_MAIN()
