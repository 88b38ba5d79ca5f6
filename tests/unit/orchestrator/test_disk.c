#include "orchestrator/disk.h"

#include "tests/support/test.h"

#define MIB (1ull << 20)

static struct disk_view view(uint64_t free_mib)
{
	return (struct disk_view){.total_bytes = 100000 * MIB,
		.free_bytes = free_mib * MIB,
		.limits = {.warn_bytes = 4096 * MIB, .reserve_bytes = 2048 * MIB}};
}

static enum disk_state judge(struct disk_view *v, uint64_t free_mib)
{
	v->free_bytes = free_mib * MIB;
	disk_judge(v);
	return v->state;
}

TEST(a_disk_is_well_then_low_then_full)
{
	struct disk_view v = view(0);

	CHECK(judge(&v, 5000) == DISK_OK && !*v.words);
	CHECK(judge(&v, 4096) == DISK_OK);
	CHECK(judge(&v, 4095) == DISK_LOW);
	CHECK(judge(&v, 2048) == DISK_LOW);
	CHECK(judge(&v, 1228) == DISK_FULL);
	CHECK(!strcmp(v.words,
		"the platform's disk is nearly full: 1.2 GiB left, 2.0 GiB are kept back"));
}

TEST(a_state_is_left_only_with_some_room_beyond_its_limit)
{
	struct disk_view v = view(0);

	CHECK(judge(&v, 2000) == DISK_FULL);
	CHECK(judge(&v, 2100) == DISK_FULL);
	CHECK(judge(&v, 2200) == DISK_LOW);
	CHECK(strstr(v.words, "2.1 GiB left") && strstr(v.words, "below 2.0 GiB"));
	CHECK(judge(&v, 4200) == DISK_LOW);
	CHECK(judge(&v, 4400) == DISK_OK && !*v.words);
}

static void unexpected(const struct disk_view *v, void *data)
{
	(void)v;
	(void)data;
}

TEST(without_limits_of_the_operators_they_follow_from_the_size)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(disk_freep) struct disk *d = NULL;
	const struct disk_limits none = {0};
	const struct disk_view *v;
	struct err e = {0};

	CHECK(loop_new(&loop) == 0);
	CHECK(disk_new(loop, "/tmp", &none, unexpected, NULL, &d, &e) == 0);
	v = disk_look(d);
	CHECK(v->total_bytes > 0 && v->free_bytes <= v->total_bytes);
	CHECK(v->limits.reserve_bytes > 0 && v->limits.reserve_bytes <= 2048 * MIB);
	CHECK(v->limits.reserve_bytes < v->limits.warn_bytes);
	CHECK(v->limits.warn_bytes <= v->total_bytes / 10);
	d = disk_free(d);
	CHECK(disk_new(loop, "/nowhere/at/all", &none, unexpected, NULL, &d, &e) < 0 && *e.text);
}

TEST_MAIN()
