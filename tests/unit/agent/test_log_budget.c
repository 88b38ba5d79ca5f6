#include "agent/log_budget.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define SEC USEC_PER_SEC

static size_t take_all(struct log_budget *b, const char *space, size_t n, uint64_t now)
{
	size_t bytes = 0;

	while (log_budget_take(b, space, n, now))
		bytes += n + LOG_LINE_COST;
	return bytes;
}

/* catalogue 26 */
TEST(a_space_logs_a_burst_and_then_at_its_rate)
{
	CLEANUP(log_budget_freep) struct log_budget *b = NULL;
	size_t later = 0;

	CHECK(log_budget_new(&b) == 0);
	CHECK(take_all(b, "s", 8192, 100 * SEC) <= LOG_BYTES_BURST);
	for (uint64_t t = 1; t <= 100; t++)
		later += take_all(b, "s", 72, 100 * SEC + t * SEC / 10);
	CHECK(later <= 11 * LOG_BYTES_PER_SEC && later >= 9 * LOG_BYTES_PER_SEC);
}

TEST(one_space_takes_nothing_from_another)
{
	CLEANUP(log_budget_freep) struct log_budget *b = NULL;

	CHECK(log_budget_new(&b) == 0);
	(void)take_all(b, "loud", 1, SEC);
	CHECK(!log_budget_take(b, "loud", 1, SEC));
	CHECK(log_budget_take(b, "quiet", 1, SEC));
}

TEST(a_full_table_forgets_who_has_nearly_all_of_its_bucket)
{
	CLEANUP(log_budget_freep) struct log_budget *b = NULL;
	char space[33];

	CHECK(log_budget_new(&b) == 0);
	(void)take_all(b, "loud", 1, SEC);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(space, sizeof(space), "s%d", i);
		CHECK(log_budget_take(b, space, 1, SEC));
	}
	CHECK(!log_budget_take(b, "loud", 1000, SEC));
}

TEST_MAIN()
