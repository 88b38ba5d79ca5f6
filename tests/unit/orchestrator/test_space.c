#include "orchestrator/space/space.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tests/support/test.h"

#define C1 "1111111111111111111111111111111111111111"
#define C2 "2222222222222222222222222222222222222222"

struct fixture {
	char dir[64];
	struct store *store;
	struct space space;
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-space-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(space_ensure(fx->store, "ada", "demo", &fx->space, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void add(struct fixture *fx, const char *state, const char *commit, char ret_id[ID_LEN + 1])
{
	const struct build_new b = {.commit = commit,
		.bundle = "b",
		.entry = "app.lua",
		.class = "small",
		.title = "T",
		.phases = "[]",
		.log = ""};

	CHECK(build_add(fx->store, &fx->space, state, &b, ret_id, NULL) == 0);
}

TEST(a_space_is_made_once)
{
	struct fixture fx;
	struct space again;

	setup(&fx);
	CHECK(strlen(fx.space.id) == ID_LEN && fx.space.epoch == 0 && !fx.space.live_build[0]);
	CHECK(space_ensure(fx.store, "ada", "demo", &again, NULL) == 0);
	CHECK(!strcmp(again.id, fx.space.id));
	CHECK(space_by_name(fx.store, "ada", "other", &again, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(going_live_counts_the_epoch_and_readies_the_build_in_one_step)
{
	struct fixture fx;
	char id[ID_LEN + 1];
	struct build_row row;
	struct space stored;

	setup(&fx);
	add(&fx, "pending", C1, id);
	CHECK(space_go_live(fx.store, &fx.space, id, NULL) == 0);
	CHECK(fx.space.epoch == 1 && !strcmp(fx.space.live_build, id));
	CHECK(space_by_id(fx.store, fx.space.id, &stored, NULL) == 0 && stored.epoch == 1);
	CHECK(build_by_id(fx.store, id, &row, NULL) == 0 && !strcmp(row.state, "ready"));
	teardown(&fx);
}

TEST(an_old_epoch_changes_nothing_at_all)
{
	struct fixture fx;
	char one[ID_LEN + 1], two[ID_LEN + 1];
	struct space old, stored;
	struct build_row row;

	setup(&fx);
	add(&fx, "pending", C1, one);
	add(&fx, "pending", C2, two);
	old = fx.space;
	CHECK(space_go_live(fx.store, &fx.space, one, NULL) == 0);
	CHECK(space_go_live(fx.store, &old, two, NULL) == STORE_CONFLICT);
	CHECK(space_by_id(fx.store, fx.space.id, &stored, NULL) == 0);
	CHECK(stored.epoch == 1 && !strcmp(stored.live_build, one));
	CHECK(build_by_id(fx.store, two, &row, NULL) == 0 && !strcmp(row.state, "pending"));
	teardown(&fx);
}

TEST(rollback_walks_over_ready_builds_only)
{
	struct fixture fx;
	char id[5][ID_LEN + 1];
	struct build_row row;

	setup(&fx);
	add(&fx, "pending", C1, id[0]);
	CHECK(build_before_live(fx.store, &fx.space, &row, NULL) == -ENOENT);
	CHECK(space_go_live(fx.store, &fx.space, id[0], NULL) == 0);
	CHECK(build_before_live(fx.store, &fx.space, &row, NULL) == -ENOENT);
	add(&fx, "failed", C2, id[1]);
	add(&fx, "pending", C2, id[2]);
	CHECK(space_go_live(fx.store, &fx.space, id[2], NULL) == 0);
	add(&fx, "failed", C2, id[3]);
	CHECK(build_before_live(fx.store, &fx.space, &row, NULL) == 0 && !strcmp(row.id, id[0]));
	CHECK(space_go_live(fx.store, &fx.space, row.id, NULL) == 0 && fx.space.epoch == 3);
	CHECK(build_before_live(fx.store, &fx.space, &row, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(pending_builds_are_listed_until_settled)
{
	struct fixture fx;
	char one[ID_LEN + 1], two[ID_LEN + 1], three[ID_LEN + 1];
	struct pending_build list[8];
	struct build_row row;

	setup(&fx);
	add(&fx, "pending", C1, one);
	add(&fx, "failed", C1, two);
	add(&fx, "pending", C2, three);
	CHECK(build_list_pending(fx.store, list, 8, NULL) == 2);
	CHECK(!strcmp(list[0].id, one) && !strcmp(list[1].commit, C2) &&
		!strcmp(list[0].owner, "ada"));
	CHECK(build_list_pending(fx.store, list, 1, NULL) == 1);
	CHECK(build_drop_pending(fx.store, one, NULL) == 0);
	CHECK(build_drop_pending(fx.store, two, NULL) == 0);
	CHECK(build_keep_ready(fx.store, three, NULL) == 0);
	CHECK(build_list_pending(fx.store, list, 8, NULL) == 0);
	CHECK(build_by_id(fx.store, one, &row, NULL) == -ENOENT);
	CHECK(build_by_id(fx.store, two, &row, NULL) == 0);
	CHECK(build_by_id(fx.store, three, &row, NULL) == 0 && !strcmp(row.state, "ready"));
	teardown(&fx);
}

TEST(old_failures_are_forgotten_and_nothing_else)
{
	struct fixture fx;
	char ready[ID_LEN + 1], id[ID_LEN + 1], first[ID_LEN + 1];
	struct build_row row;

	setup(&fx);
	add(&fx, "pending", C1, ready);
	add(&fx, "failed", C1, first);
	for (int i = 0; i < BUILD_FAILED_KEPT + 1; i++)
		add(&fx, "failed", C1, id);
	CHECK(build_by_id(fx.store, first, &row, NULL) == -ENOENT);
	CHECK(build_by_id(fx.store, ready, &row, NULL) == 0);
	CHECK(build_by_id(fx.store, id, &row, NULL) == 0 && row.number == BUILD_FAILED_KEPT + 3);
	teardown(&fx);
}

static void put_old(struct fixture *fx, int n)
{
	const int64_t old = (int64_t)(clock_wall_usec() - BUILD_READY_AGE_USEC - 1);

	CHECK(store_begin(fx->store, NULL) == 0);
	for (int i = 0; i < n; i++) {
		char id[ID_LEN + 1];

		random_id(id);
		CHECK(store_run(fx->store, "build_add", NULL, NULL, NULL, "sssssssisssssssiis", id,
			      fx->space.id, "ready", C1, "b", "app.lua", "small", (int64_t)0, "T",
			      NULL, NULL, NULL, NULL, "[]", "", old, (int64_t)0, NULL) == 1);
	}
	CHECK(store_commit(fx->store, NULL) == 0);
}

TEST(of_old_builds_some_hundreds_stay_and_the_live_one_whatever_its_age)
{
	struct fixture fx;
	char live[ID_LEN + 1], young[ID_LEN + 1];
	struct build_row row;

	setup(&fx);
	add(&fx, "pending", C1, live);
	CHECK(space_go_live(fx.store, &fx.space, live, NULL) == 0);
	put_old(&fx, BUILD_READY_KEPT + 20);
	add(&fx, "ready", C2, young);
	CHECK(build_by_id(fx.store, live, &row, NULL) == 0);
	CHECK(build_by_id(fx.store, young, &row, NULL) == 0);
	CHECK(row.number == BUILD_READY_KEPT + 22);
	CHECK(store_run(fx.store, "build_list", NULL, NULL, NULL, "si", fx.space.id,
		      (int64_t)10000) == BUILD_READY_KEPT + 1);
	teardown(&fx);
}

TEST_MAIN()
