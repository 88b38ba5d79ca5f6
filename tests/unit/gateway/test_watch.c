#include "gateway/watch.h"

#include <errno.h>

#include "base/clock.h"
#include "tests/support/test.h"

#define SEC USEC_PER_SEC

struct fixture {
	struct watch watch;
	struct watch_limits limits;
	uint64_t now;
};

static void setup(struct fixture *f)
{
	*f = (struct fixture){.now = 1000 * SEC};
	watch_limits_default(&f->limits);
}

static const char *look(struct fixture *f, struct watch_view view)
{
	f->now += SEC;
	return watch_look(&f->watch, &f->limits, &view, f->now);
}

TEST(an_idle_worker_is_left_alone_for_days)
{
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 200000; i++)
		CHECK(!look(&f, (struct watch_view){0}));
}

/* catalogue 31 */
TEST(who_takes_nothing_for_five_seconds_is_ended)
{
	struct fixture f;

	setup(&f);
	CHECK(!look(&f, (struct watch_view){.stalled_usec = 5 * SEC, .unread = 100}));
	watch_heard(&f.watch); /* talking does not help */
	CHECK(look(&f, (struct watch_view){.stalled_usec = 5 * SEC + 1, .unread = 100}));
}

/* catalogue 16, 38 */
TEST(who_neither_reads_nor_speaks_is_ended_and_a_slow_reader_is_not)
{
	struct fixture f;
	const char *why = NULL;
	int seconds = 0;

	setup(&f);
	for (; !why && seconds < 100; seconds++)
		why = look(&f, (struct watch_view){.unread = 50});
	CHECK(why && strstr(why, "no sign of life") && seconds >= 25 && seconds <= 28);
	setup(&f);
	for (int i = 0; i < 1000; i++)
		CHECK(!look(&f, (struct watch_view){.unread = 50 + i % 20}));
	setup(&f);
	for (int i = 0; i < 1000; i++) {
		if (i % 20 == 0)
			watch_heard(&f.watch);
		CHECK(!look(&f, (struct watch_view){.unread = 50}));
	}
}

/* catalogue 30 */
TEST(who_finishes_no_event_is_ended_and_a_long_queue_is_not_its_fault)
{
	struct fixture f;
	const char *why = NULL;
	int seconds = 0;

	setup(&f);
	for (; !why && seconds < 100; seconds++) {
		watch_heard(&f.watch);
		why = look(&f, (struct watch_view){.running = true});
	}
	CHECK(why && strstr(why, "finished nothing") && seconds >= 75 && seconds <= 78);
	setup(&f);
	for (int i = 0; i < 1000; i++) {
		if (i % 60 == 0)
			watch_finished(&f.watch, f.now);
		CHECK(!look(&f, (struct watch_view){.running = true}));
	}
	/* The time counts from the event, not from the last one finished long ago. */
	setup(&f);
	watch_finished(&f.watch, f.now);
	for (int i = 0; i < 1000; i++)
		CHECK(!look(&f, (struct watch_view){0}));
	CHECK(!look(&f, (struct watch_view){.running = true}));
}

/* catalogue 38 */
TEST(processor_time_counts_while_nobody_asked_for_it)
{
	struct fixture f;
	const char *why = NULL;
	int seconds = 0;

	setup(&f);
	for (; !why && seconds < 1000; seconds++) {
		watch_burned(&f.watch, SEC / 2);
		why = look(&f, (struct watch_view){0});
	}
	CHECK(why && strstr(why, "processor") && seconds >= 74 && seconds <= 78);
	setup(&f);
	(void)look(&f, (struct watch_view){.running = true});
	for (int i = 0; i < 10000; i++) {
		watch_burned(&f.watch, SEC / 2);
		watch_finished(&f.watch, f.now);
		CHECK(!look(&f, (struct watch_view){.running = true}));
	}
	setup(&f);
	for (int i = 0; i < 10000; i++) {
		watch_burned(&f.watch, SEC / 10);
		CHECK(!look(&f, (struct watch_view){0}));
	}
}

TEST(a_page_that_runs_by_itself_may_use_the_processor_while_a_visitor_is_there)
{
	struct fixture f;
	const char *why = NULL;

	setup(&f);
	(void)look(&f, (struct watch_view){.ticks = true});
	for (int i = 0; i < 1000; i++) {
		watch_burned(&f.watch, SEC / 2);
		CHECK(!look(&f, (struct watch_view){.ticks = true}));
	}
	for (int i = 0; !why && i < 100; i++) {
		watch_burned(&f.watch, SEC / 2);
		why = look(&f, (struct watch_view){0});
	}
	CHECK(why && strstr(why, "processor"));
}

TEST(limits_are_set_by_name_in_seconds_and_nothing_else)
{
	static const char *const bad[] = {"", "stall", "stall=", "stall=0", "stall=-1", "stall=1s",
		"stall=86401", "stal=1", "stalls=1", "=1", "stall= 1"};
	struct watch_limits l;
	struct err e = {0};

	watch_limits_default(&l);
	CHECK(l.stall_usec == 5 * SEC && l.event_usec > 60 * SEC);
	CHECK(watch_limits_set(&l, "stall=1", &e) == 0 && l.stall_usec == SEC);
	CHECK(watch_limits_set(&l, "idle=86400", &e) == 0 && l.idle_usec == 86400 * SEC);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(watch_limits_set(&l, bad[i], &e) == -EINVAL);
	CHECK(l.stall_usec == SEC);
}

TEST_MAIN()
