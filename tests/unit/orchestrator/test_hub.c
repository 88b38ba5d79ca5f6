#include "orchestrator/hub/hub.h"

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "orchestrator/space/space.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct store *store;
	struct hub_repo repo;
};

static void setup(struct fixture *fx, enum repo_kind kind)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-hub-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(hub_create(fx->store, kind, "ada", "Demo.1", false, &fx->repo, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

TEST(a_name_is_taken_once_per_kind_whatever_its_case)
{
	struct hub_repo other;
	struct fixture fx;

	setup(&fx, REPO_MODEL);
	CHECK(hub_create(fx.store, REPO_MODEL, "ada", "demo.1", false, &other, NULL) ==
		STORE_CONFLICT);
	CHECK(hub_create(fx.store, REPO_DATASET, "ada", "demo.1", true, &other, NULL) == 0);
	CHECK(hub_create(fx.store, REPO_MODEL, "bob", "demo.1", false, &other, NULL) == 0);
	CHECK(hub_by_name(fx.store, REPO_MODEL, "ada", "DEMO.1", &other, NULL) == 0);
	CHECK(!strcmp(other.id, fx.repo.id) && !strcmp(other.name, "Demo.1"));
	CHECK(hub_by_name(fx.store, REPO_SPACE, "ada", "demo.1", &other, NULL) == -ENOENT);
	CHECK(hub_ensure(fx.store, REPO_MODEL, "ada", "demo.1", &other, NULL) == 0 &&
		!strcmp(other.id, fx.repo.id));
	teardown(&fx);
}

TEST(a_former_name_leads_to_the_repo_until_something_else_has_it)
{
	struct hub_repo found, other;
	struct fixture fx;

	setup(&fx, REPO_MODEL);
	CHECK(hub_rename(fx.store, &fx.repo, "bob", "next", NULL) == 0);
	CHECK(!strcmp(fx.repo.owner, "bob") && !strcmp(fx.repo.name, "next"));
	CHECK(hub_by_name(fx.store, REPO_MODEL, "ada", "demo.1", &found, NULL) == -ENOENT);
	CHECK(hub_by_former_name(fx.store, REPO_MODEL, "ada", "demo.1", &found, NULL) == 0 &&
		!strcmp(found.name, "next"));
	CHECK(hub_rename(fx.store, &fx.repo, "ada", "third", NULL) == 0);
	CHECK(hub_by_former_name(fx.store, REPO_MODEL, "ada", "DEMO.1", &found, NULL) == 0 &&
		!strcmp(found.name, "third"));
	CHECK(hub_create(fx.store, REPO_MODEL, "ada", "demo.1", false, &other, NULL) == 0);
	CHECK(hub_by_former_name(fx.store, REPO_MODEL, "ada", "demo.1", &found, NULL) == -ENOENT);
	CHECK(hub_rename(fx.store, &fx.repo, "ada", "demo.1", NULL) == STORE_CONFLICT);
	CHECK(hub_by_name(fx.store, REPO_MODEL, "ada", "third", &found, NULL) == 0);
	/* Back to a name of before: it is no former name any more. */
	CHECK(hub_rename(fx.store, &fx.repo, "bob", "next", NULL) == 0);
	CHECK(hub_by_former_name(fx.store, REPO_MODEL, "bob", "next", &found, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(a_space_has_a_row_of_its_own_and_gateways_hear_of_every_change)
{
	struct fixture fx;
	struct space space;

	setup(&fx, REPO_SPACE);
	CHECK(space_by_id(fx.store, fx.repo.id, &space, NULL) == 0 && space.epoch == 0);
	CHECK(hub_set_private(fx.store, &fx.repo, true, NULL) == 0 && fx.repo.private);
	CHECK(hub_rename(fx.store, &fx.repo, "ada", "next", NULL) == 0);
	CHECK(space_by_id(fx.store, fx.repo.id, &space, NULL) == 0);
	CHECK(space.epoch == 2 && space.private && !strcmp(space.name, "next"));
	teardown(&fx);
}

static int take_trash(const char *id, void *data)
{
	(void)snprintf(data, ID_LEN + 1, "%s", id);
	return 0;
}

TEST(what_is_purged_leaves_a_note_for_its_folder_and_nothing_else)
{
	char seen[ID_LEN + 1] = "";
	struct hub_repo again;
	struct fixture fx;

	setup(&fx, REPO_SPACE);
	CHECK(hub_purge(fx.store, &fx.repo, NULL) == 0);
	CHECK(hub_by_id(fx.store, fx.repo.id, &again, NULL) == -ENOENT);
	CHECK(space_by_id(fx.store, fx.repo.id, &(struct space){0}, NULL) == -ENOENT);
	CHECK(hub_trash_each(fx.store, take_trash, seen, NULL) == 0 && !strcmp(seen, fx.repo.id));
	CHECK(hub_trash_holds(fx.store, "ada", "Demo.1") && !hub_trash_holds(fx.store, "ada", "x"));
	CHECK(hub_trash_done(fx.store, seen, NULL) == 0);
	CHECK(!hub_trash_holds(fx.store, "ada", "Demo.1"));
	CHECK(hub_create(fx.store, REPO_SPACE, "ada", "Demo.1", false, &again, NULL) == 0);
	CHECK(strcmp(again.id, fx.repo.id) != 0);
	teardown(&fx);
}

TEST(names_of_models_may_be_what_people_call_models)
{
	static const char *const good[] = {"Qwen2.5-0.5B", "a", "bert_base", "v1.0"};
	static const char *const bad[] = {"", ".a", "a.", "-a", "a-", "a--b", "a..b", "a/b",
		"x.git", "x.GIT", "a b", "a%2Fb", "\xc3\xa9"};
	struct err e = {0};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(hub_name_check(REPO_MODEL, good[i], &e) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(hub_name_check(REPO_DATASET, bad[i], &e) == -EINVAL && e.text[0]);
	CHECK(hub_name_check(REPO_SPACE, "Qwen2.5", &e) == -EINVAL);
}

TEST_MAIN()
