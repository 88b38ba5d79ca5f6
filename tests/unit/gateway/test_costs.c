#include "gateway/costs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test.h"

#define MS 1000000ull

struct fixture {
	char path[40];
	struct loop *loop;
	struct costs *costs;
};

static void open_it(struct fixture *f)
{
	CHECK(costs_new(f->loop, f->path, &f->costs) == 0);
}

static void set_up(struct fixture *f)
{
	int fd;

	*f = (struct fixture){.path = "/tmp/vitrine-costs-XXXXXX"};
	fd = mkstemp(f->path);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(loop_new(&f->loop) == 0);
	open_it(f);
}

static void tear_down(struct fixture *f)
{
	(void)costs_free(f->costs);
	(void)loop_free(f->loop);
	CHECK(unlink(f->path) == 0);
}

TEST(nine_of_ten_runs_stay_below_what_is_expected)
{
	struct fixture f;

	set_up(&f);
	CHECK(costs_expect(f.costs, "s1", 7, 1) == 0 && costs_expect(NULL, "s1", 7, 1) == 0);
	for (unsigned int i = 1; i <= 20; i++)
		costs_add(f.costs, "s1", 7, 1, i * MS);
	CHECK(costs_expect(f.costs, "s1", 7, 1) == 18);
	CHECK(costs_expect(f.costs, "s1", 7, 2) == 0); /* another gesture */
	CHECK(costs_expect(f.costs, "s1", 8, 1) == 0); /* another component */
	CHECK(costs_expect(f.costs, "s2", 7, 1) == 0); /* another Space */
	costs_add(f.costs, "s2", 7, 1, 1);             /* not nothing */
	CHECK(costs_expect(f.costs, "s2", 7, 1) == 1);
	tear_down(&f);
}

TEST(the_last_runs_count_and_those_before_are_forgotten)
{
	struct fixture f;

	set_up(&f);
	for (int i = 0; i < COSTS_RUNS; i++)
		costs_add(f.costs, "s1", 7, 1, 5000 * MS);
	for (int i = 0; i < COSTS_RUNS; i++)
		costs_add(f.costs, "s1", 7, 1, 20 * MS);
	CHECK(costs_expect(f.costs, "s1", 7, 1) == 20);
	tear_down(&f);
}

TEST(what_was_learned_outlives_a_restart_and_a_torn_file_is_no_reason_to_fail)
{
	struct cost of[COSTS_SHOWN_MAX];
	struct fixture f;

	set_up(&f);
	costs_add(f.costs, "s1", 0xfffffff0, 3, 40 * MS);
	costs_add(f.costs, "s1", 2, 1, 7 * MS);
	f.costs = costs_free(f.costs);
	open_it(&f);
	CHECK(costs_expect(f.costs, "s1", 0xfffffff0, 3) == 40);
	CHECK(costs_of(f.costs, "s1", of) == 2 && costs_of(f.costs, "s2", of) == 0);
	f.costs = costs_free(f.costs);
	CHECK(truncate(f.path, 9) == 0);
	open_it(&f);
	CHECK(costs_of(f.costs, "s1", of) == 0);
	tear_down(&f);
}

TEST(of_too_many_handlers_the_one_that_ran_longest_ago_goes)
{
	struct fixture f;

	set_up(&f);
	for (uint32_t i = 0; i <= COSTS_HANDLERS_MAX; i++)
		costs_add(f.costs, "s1", i + 1, 1, MS);
	CHECK(costs_expect(f.costs, "s1", 1, 1) == 0);
	CHECK(costs_expect(f.costs, "s1", 2, 1) == 1);
	CHECK(costs_expect(f.costs, "s1", COSTS_HANDLERS_MAX + 1, 1) == 1);
	tear_down(&f);
}

TEST_MAIN()
