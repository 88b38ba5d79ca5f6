#include "orchestrator/hub/runs.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "orchestrator/hub/likes.h"
#include "orchestrator/hub/list.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct loop *loop;
	struct store *store;
	struct runs *runs;
	struct hub_repo repos[3];
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-runs-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(loop_new(&fx->loop) == 0);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(runs_new(fx->loop, fx->store, &fx->runs) == 0);
	for (int i = 0; i < 3; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "s%d", i);
		CHECK(hub_create(fx->store, REPO_SPACE, "ada", name, false, &fx->repos[i], NULL) ==
			0);
	}
}

static void teardown(struct fixture *fx)
{
	(void)runs_free(fx->runs);
	(void)store_close(fx->store);
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static int read_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

/* In runs of one session each: heat as of a moment ago. */
static double heat_of(struct fixture *fx, int i)
{
	int64_t stored = 0;

	CHECK(store_run(fx->store, "repo_heat", read_number, &stored, NULL, "s", fx->repos[i].id) ==
		1);
	return heat_at(stored, (int64_t)clock_wall_usec()) / HEAT_RUNS;
}

static bool is_about(double a, double b)
{
	return a > b - 0.01 && a < b + 0.01;
}

TEST(what_the_gateway_tells_is_written_once_and_not_at_once)
{
	struct fixture fx;

	setup(&fx);
	runs_told(fx.runs, fx.repos[0].id, 1);
	runs_told(fx.runs, fx.repos[0].id, 3);
	runs_told(fx.runs, fx.repos[0].id, 3);
	CHECK(heat_of(&fx, 0) == 0);
	CHECK(!runs_write(fx.runs));
	CHECK(is_about(heat_of(&fx, 0), 2)); /* three sessions: 1 + 3 is two doublings */
	CHECK(!runs_write(fx.runs));
	CHECK(is_about(heat_of(&fx, 0), 2));
	CHECK(heat_of(&fx, 1) == 0);
	teardown(&fx);
}

TEST(a_gateway_that_starts_again_counts_from_the_beginning)
{
	struct fixture fx;

	setup(&fx);
	runs_told(fx.runs, fx.repos[0].id, 1);
	runs_told(fx.runs, fx.repos[0].id, 5);
	runs_told(fx.runs, fx.repos[0].id, 2);
	CHECK(!runs_write(fx.runs));
	CHECK(is_about(heat_of(&fx, 0), 3)); /* seven */
	teardown(&fx);
}

TEST(what_an_earlier_orchestrator_has_heard_counts_once_at_most)
{
	struct fixture fx;

	setup(&fx);
	runs_told(fx.runs, fx.repos[0].id, 1000000);
	CHECK(!runs_write(fx.runs));
	CHECK(is_about(heat_of(&fx, 0), 1));
	runs_told(fx.runs, fx.repos[0].id, 0);
	CHECK(!runs_write(fx.runs));
	CHECK(is_about(heat_of(&fx, 0), 1));
	teardown(&fx);
}

#define NAMES_MAX 64

static int take_name(const struct list_row *row, void *data)
{
	char *names = data;

	size_t n = strlen(names);

	(void)snprintf(names + n, NAMES_MAX - n, "%s ", row->repo.name);
	return 0;
}

TEST(use_brings_a_space_up_among_those_that_trend_and_a_like_more_than_one_run)
{
	const struct list_query q = {
		.kind = REPO_SPACE, .viewer = "", .sort = LIST_TRENDING, .limit = 10};
	char names[NAMES_MAX] = "";
	struct fixture fx;

	setup(&fx);
	for (int i = 0; i < 3; i++)
		CHECK(store_run(fx.store, "repo_note", NULL, NULL, NULL, "sssssi", fx.repos[i].id,
			      "0123", "lua", "{}", "", (int64_t)1) >= 0);
	CHECK(hub_list(fx.store, &q, take_name, names, NULL) == 3);
	CHECK(!strcmp(names, "s2 s1 s0 "));
	names[0] = '\0';
	runs_told(fx.runs, fx.repos[0].id, 1);
	CHECK(!runs_write(fx.runs));
	CHECK(store_begin(fx.store, NULL) == 0);
	CHECK(hub_ran(fx.store, fx.repos[1].id, 2000, NULL) >= 0);
	CHECK(store_commit(fx.store, NULL) == 0);
	CHECK(hub_list(fx.store, &q, take_name, names, NULL) == 3);
	CHECK(!strcmp(names, "s1 s0 s2 "));
	CHECK(heat_of(&fx, 0) * HEAT_RUNS < HEAT_LIKE);
	teardown(&fx);
}

TEST(more_spaces_than_one_write_takes_are_written_in_turns_and_at_the_end)
{
	struct fixture fx;
	int64_t stored = 0;

	setup(&fx);
	for (int i = 0; i < RUNS_AT_ONCE + 1; i++) {
		char id[8];

		(void)snprintf(id, sizeof(id), "0%d", i); /* before the others; no repo has it */
		runs_told(fx.runs, id, 1);
	}
	for (int i = 0; i < 3; i++)
		runs_told(fx.runs, fx.repos[i].id, 1);
	CHECK(runs_write(fx.runs));
	fx.runs = runs_free(fx.runs);
	for (int i = 0; i < 3; i++) {
		CHECK(store_run(fx.store, "repo_heat", read_number, &stored, NULL, "s",
			      fx.repos[i].id) == 1);
		CHECK(stored > 0);
	}
	teardown(&fx);
}

TEST_MAIN()
