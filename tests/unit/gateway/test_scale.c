#include "gateway/scale.h"

#include "tests/support/test.h"

#define MS USEC_PER_MSEC
#define SEC USEC_PER_SEC

static const struct scale_settings settings = {.up_usec = 250 * MS, .calm_usec = 30 * SEC};

/* One look after so many ms. */
struct step {
	uint64_t after_ms;
	struct scale_view view;
	enum scale_word want;
};

static void follow(const struct step *steps, size_t n)
{
	struct scale s = {0};
	uint64_t now = 1000 * SEC;

	for (size_t i = 0; i < n; i++) {
		now += steps[i].after_ms * MS;
		CHECK(scale_look(&s, &settings, &steps[i].view, now) == steps[i].want);
	}
}

#define FOLLOW(steps) follow(steps, sizeof(steps) / sizeof(*(steps)))
#define VIEW(s, c, b, m, d)                                                                        \
	{                                                                                          \
		.serving = (s), .coming = (c), .busy = (b), .max = (m), .delay_usec = (d)*MS       \
	}

TEST(one_more_comes_when_events_stay_late_and_not_before)
{
	static const struct step steps[] = {
		{0, VIEW(1, 0, 1, 4, 100), SCALE_STAY},
		{250, VIEW(1, 0, 1, 4, 300), SCALE_STAY},
		{249, VIEW(1, 0, 1, 4, 549), SCALE_STAY},
		{1, VIEW(1, 0, 1, 4, 550), SCALE_UP},
		{250, VIEW(1, 1, 1, 4, 800), SCALE_STAY},
		{250, VIEW(1, 1, 1, 4, 1050), SCALE_STAY},
		/* It is there and too little: the next one. */
		{250, VIEW(2, 0, 2, 4, 1300), SCALE_STAY},
		{250, VIEW(2, 0, 2, 4, 1550), SCALE_UP},
	};

	FOLLOW(steps);
}

TEST(a_short_wait_in_between_starts_the_count_anew)
{
	static const struct step steps[] = {
		{0, VIEW(1, 0, 1, 4, 300), SCALE_STAY},
		{200, VIEW(1, 0, 1, 4, 250), SCALE_STAY},
		{200, VIEW(1, 0, 1, 4, 300), SCALE_STAY},
		{200, VIEW(1, 0, 1, 4, 500), SCALE_STAY},
		{50, VIEW(1, 0, 1, 4, 550), SCALE_UP},
	};

	FOLLOW(steps);
}

TEST(the_ceiling_holds_and_a_lowered_one_is_obeyed)
{
	static const struct step steps[] = {
		{0, VIEW(2, 0, 2, 2, 9000), SCALE_STAY},
		{1000, VIEW(2, 0, 2, 2, 10000), SCALE_STAY},
		{1000, VIEW(3, 0, 3, 2, 0), SCALE_DOWN},
		{1000, VIEW(1, 0, 1, 1, 9000), SCALE_STAY},
		{1000, VIEW(1, 0, 1, 1, 10000), SCALE_STAY},
	};

	FOLLOW(steps);
}

TEST(nobody_is_added_to_nothing)
{
	static const struct step steps[] = {
		{0, VIEW(0, 0, 0, 4, 9000), SCALE_STAY},
		{1000, VIEW(0, 0, 0, 4, 10000), SCALE_STAY},
		{1000, VIEW(0, 1, 0, 4, 11000), SCALE_STAY},
	};

	FOLLOW(steps);
}

TEST(one_leaves_after_a_calm_time_and_the_last_one_stays)
{
	static const struct step steps[] = {
		{0, VIEW(3, 0, 1, 4, 0), SCALE_STAY},
		{29999, VIEW(3, 0, 2, 4, 0), SCALE_STAY},
		{1, VIEW(3, 0, 0, 4, 0), SCALE_DOWN},
		{1, VIEW(2, 0, 0, 4, 0), SCALE_STAY},
		{30000, VIEW(2, 0, 0, 4, 0), SCALE_DOWN},
		{1, VIEW(1, 0, 0, 4, 0), SCALE_STAY},
		{99000, VIEW(1, 0, 0, 4, 0), SCALE_STAY},
	};

	FOLLOW(steps);
}

TEST(all_workers_busy_or_anyone_waiting_is_no_calm)
{
	static const struct step steps[] = {
		{0, VIEW(2, 0, 1, 4, 0), SCALE_STAY},
		{29000, VIEW(2, 0, 2, 4, 0), SCALE_STAY},
		{1000, VIEW(2, 0, 1, 4, 0), SCALE_STAY},
		{29000, VIEW(2, 0, 1, 4, 10), SCALE_STAY},
		{1000, VIEW(2, 0, 1, 4, 0), SCALE_STAY},
		{29999, VIEW(2, 0, 1, 4, 0), SCALE_STAY},
		{1, VIEW(2, 0, 1, 4, 0), SCALE_DOWN},
	};

	FOLLOW(steps);
}

TEST(one_that_was_refused_is_not_asked_for_again_at_once)
{
	struct scale_view v = VIEW(1, 0, 1, 4, 900);
	struct scale s = {0};
	uint64_t now = 50 * SEC;

	CHECK(scale_look(&s, &settings, &v, now) == SCALE_STAY);
	now += 250 * MS;
	CHECK(scale_look(&s, &settings, &v, now) == SCALE_UP);
	scale_refused(&s, SEC, now);
	for (uint64_t end = now + SCALE_REFUSED_USEC; now < end; now += 250 * MS)
		CHECK(scale_look(&s, &settings, &v, now) == SCALE_STAY);
	CHECK(scale_look(&s, &settings, &v, now) == SCALE_UP);
	scale_refused(&s, 3 * SCALE_REFUSED_USEC, now);
	CHECK(s.not_before_usec == now + 3 * SCALE_REFUSED_USEC);
}

TEST_MAIN()
