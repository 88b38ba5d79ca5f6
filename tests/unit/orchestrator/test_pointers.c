#include "orchestrator/repo/pointers.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/repo/library.h"
#include "orchestrator/repo/repo.h"
#include "tests/support/test.h"

#define OID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
	char dir[64], path[REPO_PATH_MAX];
	git_repository *repo;
	struct loop *loop;
	char seen[512]; /* "PATH:first letter of the oid " in the order found */
	int outcome;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-pointers-XXXXXX", .outcome = 1};
	CHECK(mkdtemp(fx->dir) && library_init(NULL) == 0 && loop_new(&fx->loop) == 0);
	(void)snprintf(fx->path, sizeof(fx->path), "%s/demo.git", fx->dir);
	CHECK(repo_create(fx->path, NULL) == 0);
	CHECK(git_repository_open_bare(&fx->repo, fx->path) == 0);
}

static void teardown(struct fixture *fx)
{
	git_repository_free(fx->repo);
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static git_oid pointer_blob(struct fixture *fx, const char *oid, uint64_t size)
{
	struct pointer p = {.size = size};
	char text[POINTER_MAX];
	git_oid id;

	(void)snprintf(p.oid, sizeof(p.oid), "%s", oid);
	CHECK(git_blob_create_from_buffer(&id, fx->repo, text, pointer_format(&p, text)) == 0);
	return id;
}

/* A commit with that one file beside a plain one; ref: what is set to it, or NULL. */
static void commit(
	struct fixture *fx, const char *name, git_oid file, const char *ref, char ret[41])
{
	git_treebuilder *builder;
	git_signature *who;
	git_tree *tree;
	git_oid id, plain;

	CHECK(git_blob_create_from_buffer(&plain, fx->repo, "plain\n", 6) == 0);
	CHECK(git_treebuilder_new(&builder, fx->repo, NULL) == 0);
	CHECK(git_treebuilder_insert(NULL, builder, "plain.txt", &plain, GIT_FILEMODE_BLOB) == 0);
	CHECK(git_treebuilder_insert(NULL, builder, name, &file, GIT_FILEMODE_BLOB) == 0);
	CHECK(git_treebuilder_write(&id, builder) == 0);
	CHECK(git_tree_lookup(&tree, fx->repo, &id) == 0);
	CHECK(git_signature_new(&who, "a", "a@b", 1, 0) == 0);
	CHECK(git_commit_create(&id, fx->repo, ref, who, who, NULL, "m", tree, 0, NULL) == 0);
	(void)git_oid_tostr(ret, 41, &id);
	git_signature_free(who);
	git_tree_free(tree);
	git_treebuilder_free(builder);
}

static void on_pointer(const char *oid, const char *path, void *data)
{
	struct fixture *fx = data;
	size_t n = strlen(fx->seen);

	(void)snprintf(fx->seen + n, sizeof(fx->seen) - n, "%s:%c ", path, oid[0]);
}

static void on_done(int outcome, void *data)
{
	struct fixture *fx = data;

	fx->outcome = outcome;
	loop_stop(fx->loop, 0);
}

static const struct pointer_scan_ops ops = {.on_pointer = on_pointer, .on_done = on_done};

static void scan(struct fixture *fx, const char *const *tips, size_t n)
{
	const struct pointer_scan_plan plan = {.repo = fx->path, .tips = tips, .n_tips = n};
	struct pointer_scan *s;

	fx->seen[0] = '\0';
	fx->outcome = 1;
	CHECK(pointer_scan_start(fx->loop, &plan, &ops, fx, &s, NULL) == 0);
	CHECK(loop_run(fx->loop) == 0);
}

TEST(every_ref_is_looked_through_and_what_no_ref_reaches_is_not)
{
	struct fixture fx;
	char hex[41];

	setup(&fx);
	scan(&fx, NULL, 0);
	CHECK(fx.outcome == 0 && !fx.seen[0]);
	commit(&fx, "model.bin", pointer_blob(&fx, OID_A, 7), "refs/heads/main", hex);
	commit(&fx, "with blank.bin", pointer_blob(&fx, OID_B, 9), NULL, hex);
	scan(&fx, NULL, 0);
	CHECK(fx.outcome == 0 && !strcmp(fx.seen, "model.bin:a "));
	teardown(&fx);
}

TEST(of_a_push_only_what_is_new_is_told)
{
	struct fixture fx;
	char old[41], fresh[41];
	const char *tips[2] = {fresh, old};

	setup(&fx);
	commit(&fx, "model.bin", pointer_blob(&fx, OID_A, 7), "refs/heads/main", old);
	commit(&fx, "with blank.bin", pointer_blob(&fx, OID_B, 9), NULL, fresh);
	scan(&fx, tips, 2);
	CHECK(fx.outcome == 0 && !strcmp(fx.seen, "with blank.bin:b "));
	scan(&fx, tips + 1, 1);
	CHECK(fx.outcome == 0 && !fx.seen[0]);
	teardown(&fx);
}

TEST(what_git_cannot_list_is_said_to_be_incomplete)
{
	static const char *const tips[] = {"1111111111111111111111111111111111111111"};
	struct fixture fx;

	setup(&fx);
	scan(&fx, tips, 1);
	CHECK(fx.outcome == -EIO);
	teardown(&fx);
}

TEST(a_file_that_cannot_be_read_now_makes_the_scan_incomplete)
{
	struct fixture fx;
	struct pointer_scan_plan plan = {0};
	struct pointer_scan *s;
	struct rlimit files, none;
	char hex[41];

	setup(&fx);
	commit(&fx, "model.bin", pointer_blob(&fx, OID_A, 7), "refs/heads/main", hex);
	plan.repo = fx.path;
	CHECK(pointer_scan_start(fx.loop, &plan, &ops, &fx, &s, NULL) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	none = (struct rlimit){.rlim_max = files.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0); /* what is open stays so */
	CHECK(loop_run(fx.loop) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	CHECK(fx.outcome == -EIO && !fx.seen[0]);
	scan(&fx, NULL, 0);
	CHECK(fx.outcome == 0 && !strcmp(fx.seen, "model.bin:a "));
	teardown(&fx);
}

TEST(a_scan_that_is_given_up_calls_nobody)
{
	struct pointer_scan_plan plan = {0};
	struct fixture fx;
	struct pointer_scan *s;
	char hex[41];

	setup(&fx);
	commit(&fx, "model.bin", pointer_blob(&fx, OID_A, 7), "refs/heads/main", hex);
	plan.repo = fx.path;
	CHECK(pointer_scan_start(fx.loop, &plan, &ops, &fx, &s, NULL) == 0);
	(void)pointer_scan_free(s);
	while (!repo_is_quiet(fx.path))
		CHECK(loop_dispatch(fx.loop, 100) == 0);
	CHECK(loop_dispatch(fx.loop, 0) == 0);
	CHECK(fx.outcome == 1 && !fx.seen[0]);
	teardown(&fx);
}

TEST_MAIN()
