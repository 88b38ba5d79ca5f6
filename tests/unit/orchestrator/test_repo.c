#include "orchestrator/repo/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "orchestrator/repo/tidy.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64], path[REPO_PATH_MAX];
	struct repos repos;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-repo-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	CHECK(repos_open(fx->dir, &fx->repos, NULL) == 0);
	repo_path(&fx->repos, "demo", fx->path);
}

static void teardown(struct fixture *fx)
{
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static void touch(const char *path, const char *name, char ret[REPO_PATH_MAX + 128])
{
	int fd;

	(void)snprintf(ret, REPO_PATH_MAX + 128, "%s/%s", path, name);
	fd = open(ret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	close(fd);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

TEST(a_repo_is_made_once_and_empty)
{
	struct fixture fx;
	char head[41] = "x";

	setup(&fx);
	CHECK(!repo_exists(fx.path));
	CHECK(repo_create(fx.path, NULL) == 0 && repo_create(fx.path, NULL) == 0);
	CHECK(repo_exists(fx.path));
	CHECK(repo_main(fx.path, head, NULL) == 0 && !head[0]);
	CHECK(repo_remove(&fx.repos, fx.path, NULL) == 0 &&
		repo_remove(&fx.repos, fx.path, NULL) == 0);
	CHECK(!repo_exists(fx.path));
	teardown(&fx);
}

TEST(it_is_quiet_when_nobody_holds_the_lock)
{
	struct fixture fx;
	int one, two;

	setup(&fx);
	CHECK(repo_create(fx.path, NULL) == 0);
	CHECK(repo_is_quiet(fx.path));
	one = repo_lock_shared(fx.path);
	two = repo_lock_shared(fx.path);
	CHECK(one >= 0 && two >= 0 && !repo_is_quiet(fx.path));
	close(one);
	CHECK(!repo_is_quiet(fx.path));
	close(two);
	CHECK(repo_is_quiet(fx.path));
	teardown(&fx);
}

TEST(what_killed_programs_left_is_swept_only_when_nobody_works)
{
	char ref[REPO_PATH_MAX + 128], packed[REPO_PATH_MAX + 128], left[REPO_PATH_MAX + 128];
	struct fixture fx;
	int busy, lock;

	setup(&fx);
	CHECK(repo_create(fx.path, NULL) == 0);
	busy = repo_lock_shared(fx.path);
	touch(fx.path, "refs/heads/main.lock", ref);
	touch(fx.path, "packed-refs.lock", packed);
	(void)snprintf(left, sizeof(left), "%s/objects/tmp_objdir-incoming-abc", fx.path);
	CHECK(mkdir(left, 0700) == 0);
	lock = repo_lock_shared(fx.path);
	CHECK(lock >= 0 && exists(ref) && exists(packed) && exists(left));
	close(lock);
	close(busy);
	lock = repo_lock_shared(fx.path);
	CHECK(lock >= 0 && !exists(ref) && !exists(packed) && !exists(left));
	close(lock);
	teardown(&fx);
}

static bool keep_known(const char *id, void *data)
{
	(void)data;
	return !strcmp(id, "known");
}

static void write_ref(const char *path)
{
	char ref[REPO_PATH_MAX + 128];

	(void)snprintf(ref, sizeof(ref), "%s/refs/heads/main", path);
	CHECK(fs_write_durable(AT_FDCWD, ref, "1111111111111111111111111111111111111111\n", 41,
		      0600, NULL) == 0);
}

TEST(at_start_empty_repos_nobody_knows_and_halves_are_removed)
{
	char known[REPO_PATH_MAX], half[REPO_PATH_MAX], gone[REPO_PATH_MAX], used[REPO_PATH_MAX],
		empty[REPO_PATH_MAX];
	struct fixture fx;

	setup(&fx);
	repo_path(&fx.repos, "known", known);
	repo_path(&fx.repos, "used", used);
	repo_empty_path(&fx.repos, empty);
	CHECK(repo_create(fx.path, NULL) == 0 && repo_create(known, NULL) == 0 &&
		repo_create(used, NULL) == 0);
	write_ref(used);
	(void)snprintf(half, sizeof(half), "%s/.new-x", fx.dir);
	(void)snprintf(gone, sizeof(gone), "%s/.gone-x", fx.dir);
	CHECK(mkdir(half, 0700) == 0 && mkdir(gone, 0700) == 0);
	repos_sweep(&fx.repos, keep_known, NULL);
	CHECK(!exists(fx.path) && !exists(half) && !exists(gone));
	CHECK(exists(known) && exists(used) && exists(empty));
	teardown(&fx);
}

static void make_old(const struct fixture *fx, const char *owner, const char *name, bool used)
{
	char dir[128], path[256];

	(void)snprintf(dir, sizeof(dir), "%s/%s", fx->dir, owner);
	(void)mkdir(dir, 0700);
	(void)snprintf(path, sizeof(path), "%s/%s.git", dir, name);
	CHECK(repo_create(path, NULL) == 0);
	if (used)
		write_ref(path);
}

/* The n-th question ends the process, as kill -9 would. */
static int questions_left;

static enum repo_move place_of(const char *owner, const char *name, char ret_id[64], void *data)
{
	(void)data;
	if (--questions_left < 0)
		_exit(9);
	(void)snprintf(ret_id, 64, "%s0%s", owner, name);
	if (!strcmp(name, "deleted"))
		return REPO_GOES;
	return !strcmp(name, "stray") || !strcmp(name, "tried") ? REPO_STAYS : REPO_MOVES;
}

static void migrate_until(const struct fixture *fx, int questions)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		questions_left = questions;
		repos_migrate(&fx->repos, place_of, NULL);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
}

TEST(repos_by_name_become_repos_by_id_however_often_that_is_cut_short)
{
	static const char *const there[] = {
		"ada0one.git", "ada0two.git", "bob0one.git", "bob/stray.git", "empty.git"};
	char path[256];

	for (int cut = 0; cut < 8; cut++) {
		struct fixture fx;

		setup(&fx);
		make_old(&fx, "ada", "one", true);
		make_old(&fx, "ada", "two", false);
		make_old(&fx, "ada", "deleted", true);
		make_old(&fx, "bob", "one", true);
		make_old(&fx, "bob", "stray", true);
		make_old(&fx, "bob", "tried", false);
		migrate_until(&fx, cut);
		migrate_until(&fx, 1);
		migrate_until(&fx, 100);
		for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
			(void)snprintf(path, sizeof(path), "%s/%s", fx.dir, there[i]);
			CHECK(exists(path));
		}
		(void)snprintf(path, sizeof(path), "%s/ada", fx.dir);
		CHECK(!exists(path));
		(void)snprintf(path, sizeof(path), "%s/bob/tried.git", fx.dir);
		CHECK(!exists(path));
		teardown(&fx);
	}
}

/* gc --auto counts the objects in one of the 256 folders: gc.auto in git-config(1). */
static void write_loose_objects(const char *path)
{
	git_repository *repo;

	CHECK(git_repository_open_bare(&repo, path) == 0);
	for (int i = 0; i < 9000; i++) {
		git_oid oid;

		CHECK(git_blob_create_from_buffer(&oid, repo, &i, sizeof(i)) == 0);
	}
	git_repository_free(repo);
}

static void push_empty_commit(const char *path)
{
	git_repository *repo;
	git_treebuilder *builder;
	git_signature *who;
	git_tree *tree;
	git_oid oid;

	CHECK(git_repository_open_bare(&repo, path) == 0);
	CHECK(git_treebuilder_new(&builder, repo, NULL) == 0);
	CHECK(git_treebuilder_write(&oid, builder) == 0);
	CHECK(git_tree_lookup(&tree, repo, &oid) == 0);
	CHECK(git_signature_new(&who, "Ada", "a@example.org", 1, 0) == 0);
	CHECK(git_commit_create(&oid, repo, REPO_MAIN, who, who, NULL, "m", tree, 0, NULL) == 0);
	git_signature_free(who);
	git_tree_free(tree);
	git_treebuilder_free(builder);
	git_repository_free(repo);
}

TEST(a_repo_that_was_pushed_to_is_tidied_once_it_is_quiet)
{
	char packed[REPO_PATH_MAX + 128], before[41], after[41];
	struct tidier *tidier;
	struct loop *loop;
	struct fixture fx;

	setup(&fx);
	CHECK(repo_create(fx.path, NULL) == 0);
	push_empty_commit(fx.path);
	write_loose_objects(fx.path);
	CHECK(repo_main(fx.path, before, NULL) == 0 && before[0]);
	CHECK(loop_new(&loop) == 0 && tidier_new(loop, 1000, &tidier) == 0);
	tidier_note(tidier, fx.path);
	tidier_note(tidier, fx.path);
	tidier_note(tidier, "/nonexistent"); /* deleted meanwhile */
	(void)snprintf(packed, sizeof(packed), "%s/packed-refs", fx.path);
	while (!exists(packed) || !repo_is_quiet(fx.path))
		CHECK(loop_dispatch(loop, 100) == 0);
	CHECK(repo_main(fx.path, after, NULL) == 0 && !strcmp(before, after));
	(void)tidier_free(tidier);
	(void)loop_free(loop);
	teardown(&fx);
}

TEST_MAIN()
