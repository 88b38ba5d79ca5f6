#include "orchestrator/space/preview.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64];
	struct store *store;
	struct hub_repo repo;
};

static void setup(struct fixture *fx)
{
	char path[128];

	*fx = (struct fixture){.dir = "/tmp/vitrine-preview-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(path, sizeof(path), "%s/db", fx->dir);
	CHECK(store_open(path, &fx->store, NULL) == 0);
	CHECK(hub_create(fx->store, REPO_SPACE, "ada", "hello", false, &fx->repo, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void add(struct fixture *fx, const char *branch, int64_t now, struct preview *ret)
{
	CHECK(preview_add(fx->store, &fx->repo, branch, now, ret, NULL) == 0);
}

TEST(a_label_is_the_branch_where_it_can_be_and_else_says_which_by_a_sum)
{
	static const char *const exact[] = {"fix-typo", "v2", "a"};
	static const char *const changed[] = {"feature/x", "Feature-x", "a--b", "-a", "a-", "日本",
		"a b", "..", "\xff",
		"a-very-long-name-of-a-branch-that-goes-on-and-on-and-never-ends"};
	char label[PREVIEW_LABEL_MAX + 1], other[PREVIEW_LABEL_MAX + 1];

	for (size_t i = 0; i < sizeof(exact) / sizeof(*exact); i++) {
		preview_label(exact[i], PREVIEW_LABEL_MAX, label);
		CHECK(!strcmp(label, exact[i]));
	}
	for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++)
		for (size_t max = PREVIEW_LABEL_MIN; max <= PREVIEW_LABEL_MAX; max++) {
			preview_label(changed[i], max, label);
			CHECK(strlen(label) <= max && strlen(label) >= 7);
			CHECK(space_name_check(label, NULL) == 0);
			CHECK(strcmp(label, changed[i]) != 0);
		}
	preview_label("feature/x", PREVIEW_LABEL_MAX, label);
	preview_label("feature-x", PREVIEW_LABEL_MAX, other);
	CHECK(!strncmp(label, "feature-x-", 10) && !strcmp(other, "feature-x"));
	preview_label("feature_x", PREVIEW_LABEL_MAX, other);
	CHECK(strcmp(label, other) != 0);
}

TEST(no_space_can_be_called_like_a_preview)
{
	char name[SPACE_NAME_MAX + 1], longest[SPACE_NAME_MAX + 1] = "";
	struct err e = {0};

	CHECK(preview_name("hello", "fix", name, &e) == 0 && !strcmp(name, "hello--fix"));
	CHECK(space_name_check(name, &e) == -EINVAL);
	memset(longest, 'a', SPACE_NAME_MAX - 10);
	CHECK(preview_name(longest, "a-branch-with-a-name", name, &e) == 0);
	CHECK(strlen(name) <= SPACE_NAME_MAX);
	memset(longest, 'a', SPACE_NAME_MAX - 9);
	CHECK(preview_name(longest, "fix", name, &e) == -EINVAL && strstr(e.text, "no room"));
	CHECK(preview_name("hello", "\xff", name, &e) == -EINVAL && strstr(e.text, "UTF-8"));
}

TEST(a_preview_is_a_space_that_no_list_and_no_name_of_a_space_finds)
{
	struct hub_repo found;
	struct preview p, again;
	struct space space;
	struct fixture fx;

	setup(&fx);
	add(&fx, "feature/x", 1000, &p);
	CHECK(space_by_id(fx.store, p.id, &space, NULL) == 0);
	CHECK(!strcmp(space.parent, fx.repo.id) && !strcmp(space.branch, "feature/x"));
	CHECK(!strncmp(space.name, "hello--feature-x-", 17) && !strcmp(space.owner, "ada"));
	CHECK(space_by_name(fx.store, "ada", space.name, &space, NULL) == -ENOENT);
	CHECK(hub_by_name(fx.store, REPO_SPACE, "ada", p.name, &found, NULL) == -ENOENT);
	CHECK(hub_by_name(fx.store, REPO_PREVIEW, "ada", p.name, &found, NULL) == 0);
	CHECK(preview_by_branch(fx.store, fx.repo.id, "feature/x", &again, NULL) == 0);
	CHECK(!strcmp(again.id, p.id) && again.pushed_usec == 1000 && !again.pending);
	CHECK(preview_add(fx.store, &fx.repo, "feature/x", 1, &again, NULL) == STORE_CONFLICT);
	CHECK(preview_by_branch(fx.store, fx.repo.id, "other", &again, NULL) == -ENOENT);
	teardown(&fx);
}

TEST(previews_are_due_by_their_last_push_and_go_with_their_rows)
{
	struct preview p[3], due[3];
	struct hub_repo row;
	struct fixture fx;

	setup(&fx);
	add(&fx, "one", 1000, &p[0]);
	add(&fx, "two", 2000, &p[1]);
	add(&fx, "three", 3000, &p[2]);
	CHECK(preview_list_due(fx.store, 999, due, 3, NULL) == 0);
	CHECK(preview_list_due(fx.store, 2000, due, 3, NULL) == 2);
	CHECK(!strcmp(due[0].branch, "one") && !strcmp(due[1].branch, "two"));
	CHECK(preview_pushed(fx.store, p[0].id, 4000, NULL) == 0);
	CHECK(preview_list_due(fx.store, 2000, due, 3, NULL) == 1 && !strcmp(due[0].branch, "two"));
	CHECK(preview_list(fx.store, fx.repo.id, due, 3, NULL) == 3);
	CHECK(!strcmp(due[0].branch, "one") && !strcmp(due[2].branch, "two"));
	CHECK(hub_by_id(fx.store, p[1].id, &row, NULL) == 0);
	CHECK(hub_purge(fx.store, &row, NULL) == 0);
	CHECK(preview_list_after(fx.store, "", due, 3, NULL) == 2);
	teardown(&fx);
}

TEST(a_preview_follows_its_spaces_name_and_visibility_and_counts_its_settings)
{
	struct preview p;
	struct space parent, space;
	struct hub_repo row;
	struct fixture fx;
	int64_t epoch;

	setup(&fx);
	add(&fx, "fix", 1, &p);
	CHECK(hub_rename(fx.store, &fx.repo, "bob", "bye", NULL) == 0);
	CHECK(hub_set_private(fx.store, &fx.repo, true, NULL) == 0);
	/* Whatever else is not come to: nobody may see it from that moment on. */
	CHECK(hub_by_id(fx.store, p.id, &row, NULL) == 0 && row.private);
	CHECK(space_by_id(fx.store, p.id, &space, NULL) == 0 && space.epoch > 0);
	epoch = space.epoch;
	CHECK(preview_follow(fx.store, &p, &fx.repo, NULL) == 0);
	CHECK(hub_by_id(fx.store, p.id, &row, NULL) == 0 && row.private);
	CHECK(!strcmp(row.owner, "bob") && !strcmp(row.name, "bye--fix"));
	CHECK(space_by_id(fx.store, p.id, &space, NULL) == 0 && space.epoch > epoch);
	CHECK(space_by_id(fx.store, fx.repo.id, &parent, NULL) == 0);
	CHECK(store_run(fx.store, "space_touch_settings", NULL, NULL, NULL, "s", parent.id) == 1);
	CHECK(space_by_id(fx.store, p.id, &parent, NULL) == 0);
	CHECK(parent.settings == space.settings + 1);
	teardown(&fx);
}

TEST(a_build_is_copied_ready_to_go_live_elsewhere)
{
	const struct build_new b = {.commit = "1111111111111111111111111111111111111111",
		.bundle = "b",
		.entry = "app.lua",
		.class = "small",
		.title = "T",
		.phases = "[]",
		.log = "said"};
	char id[ID_LEN + 1], copy[ID_LEN + 1];
	struct pending_build pending[2];
	struct preview p;
	struct space space, parent;
	struct build_row row;
	struct fixture fx;

	setup(&fx);
	add(&fx, "fix", 1, &p);
	CHECK(space_by_id(fx.store, p.id, &space, NULL) == 0);
	CHECK(space_by_id(fx.store, fx.repo.id, &parent, NULL) == 0);
	CHECK(build_add(fx.store, &space, "pending", &b, id, NULL) == 0);
	CHECK(build_list_pending(fx.store, pending, 2, NULL) == 1);
	CHECK(!strcmp(pending[0].repo_id, fx.repo.id) && !strcmp(pending[0].branch, "fix"));
	CHECK(build_copy(fx.store, id, parent.id, copy, NULL) == -ENOENT); /* not ready */
	CHECK(space_go_live(fx.store, &space, id, NULL) == 0);
	CHECK(build_copy(fx.store, id, parent.id, copy, NULL) == 0);
	CHECK(build_by_id(fx.store, copy, &row, NULL) == 0);
	CHECK(!strcmp(row.state, "pending") && !strcmp(row.bundle, "b") && row.number == 1);
	CHECK(build_list_pending(fx.store, pending, 2, NULL) == 1);
	CHECK(!strcmp(pending[0].repo_id, fx.repo.id) && !strcmp(pending[0].branch, "main"));
	CHECK(space_go_live(fx.store, &parent, copy, NULL) == 0);
	teardown(&fx);
}
TEST_MAIN()
