#include "gateway/backlog.h"

#include "base/clock.h"
#include "tests/support/test.h"

#define KIB 1024u
#define MIB (1024u * KIB)

TEST(who_has_taken_everything_gets_any_message)
{
	struct space space = {0};
	struct backlog b = {.space = &space};

	CHECK(!backlog_is_full(&b, 15 * MIB) && !backlog_is_stuck(&b, 15 * MIB));
	backlog_add(&b, 15 * MIB);
	CHECK(space.queued == 15 * MIB);
	CHECK(backlog_is_full(&b, 1) && !backlog_is_stuck(&b, 1));
	CHECK(backlog_is_stuck(&b, MIB + 1));
	backlog_take(&b, 15 * MIB);
	CHECK(space.queued == 0 && !backlog_is_full(&b, 15 * MIB));
}

TEST(a_crowd_leaves_less_for_each)
{
	struct space space = {0};
	struct backlog mine = {.space = &space}, others = {.space = &space};

	backlog_add(&mine, 64 * KIB);
	CHECK(!backlog_is_full(&mine, 500 * KIB));
	backlog_add(&others, 33 * MIB);
	CHECK(backlog_is_full(&mine, 1) && !backlog_is_stuck(&mine, 1));
	backlog_add(&others, 95 * MIB);
	CHECK(backlog_is_stuck(&mine, 65 * KIB) && !backlog_is_stuck(&mine, KIB));
	backlog_drop(&others);
	CHECK(space.queued == 64 * KIB && !backlog_is_full(&mine, KIB));
}

TEST(who_takes_nothing_for_half_a_minute_is_stuck)
{
	struct space space = {0};
	struct backlog b = {.space = &space};

	backlog_add(&b, 1);
	b.taken_usec -= 31 * USEC_PER_SEC;
	CHECK(backlog_is_stuck(&b, 1));
	backlog_take(&b, 0); /* a piece of a long one has gone */
	CHECK(!backlog_is_stuck(&b, 1) && b.bytes == 1);
}

TEST_MAIN()
