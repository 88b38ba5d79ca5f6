#include "gateway/session/outbox.h"

#include "tests/support/test.h"

static uint32_t first_after(const struct outbox *o, uint32_t seq, uint32_t last, bool *all)
{
	const struct outbox_group *g = outbox_after(o, seq, last, all);

	return g ? g->seq : 0;
}

TEST(it_says_how_far_back_it_reaches)
{
	struct outbox o;
	bool all;

	outbox_init(&o, 4);
	CHECK(first_after(&o, 4, 4, &all) == 0 && all);
	CHECK(first_after(&o, 3, 4, &all) == 0 && !all);
	for (uint32_t i = 5; i < 8; i++)
		outbox_add(&o, i, false, (const uint8_t *)"abc", 3);
	CHECK(first_after(&o, 4, 7, &all) == 5 && all);
	CHECK(first_after(&o, 6, 7, &all) == 7 && all);
	CHECK(first_after(&o, 7, 7, &all) == 0 && all);
	CHECK(first_after(&o, 8, 7, &all) == 0 && !all);
	outbox_trim(&o, 6);
	CHECK(first_after(&o, 5, 7, &all) == 7 && !all);
	CHECK(first_after(&o, 6, 7, &all) == 7 && all);
	outbox_done(&o);
	CHECK(o.bytes == 0);
}

TEST(the_newest_bytes_stay)
{
	static uint8_t big[OUTBOX_MAX / 2];
	static uint8_t huge[OUTBOX_MAX + 1];
	struct outbox o;
	bool all;

	outbox_init(&o, 0);
	for (uint32_t i = 1; i <= 5; i++)
		outbox_add(&o, i, false, big, sizeof(big));
	CHECK(o.bytes <= OUTBOX_MAX && first_after(&o, 3, 5, &all) == 4 && all);
	CHECK(first_after(&o, 2, 5, &all) == 4 && !all);
	outbox_add(&o, 6, false, huge, sizeof(huge));
	CHECK(o.bytes == 0 && first_after(&o, 5, 6, &all) == 0 && !all);
	CHECK(first_after(&o, 6, 6, &all) == 0 && all);
	outbox_done(&o);
}

TEST_MAIN()
