#include "orchestrator/repo/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
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
	repo_path(&fx->repos, "ada", "demo", fx->path);
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

static bool keep_known(const char *owner, const char *name, void *data)
{
	(void)data;
	return !strcmp(owner, "ada") && !strcmp(name, "known");
}

TEST(at_start_empty_repos_nobody_knows_and_halves_are_removed)
{
	char known[REPO_PATH_MAX], half[REPO_PATH_MAX], gone[REPO_PATH_MAX], used[REPO_PATH_MAX],
		ref[REPO_PATH_MAX + 128];
	struct fixture fx;

	setup(&fx);
	repo_path(&fx.repos, "ada", "known", known);
	repo_path(&fx.repos, "ada", "used", used);
	CHECK(repo_create(fx.path, NULL) == 0 && repo_create(known, NULL) == 0 &&
		repo_create(used, NULL) == 0);
	(void)snprintf(ref, sizeof(ref), "%s/refs/heads/main", used);
	CHECK(fs_write_durable(AT_FDCWD, ref, "1111111111111111111111111111111111111111\n", 41,
		      0600, NULL) == 0);
	(void)snprintf(half, sizeof(half), "%s/ada/.new-x", fx.dir);
	(void)snprintf(gone, sizeof(gone), "%s/.gone-x", fx.dir);
	CHECK(mkdir(half, 0700) == 0 && mkdir(gone, 0700) == 0);
	repos_sweep(&fx.repos, keep_known, NULL);
	CHECK(!exists(fx.path) && !exists(half) && !exists(gone));
	CHECK(exists(known) && exists(used));
	teardown(&fx);
}

TEST_MAIN()
