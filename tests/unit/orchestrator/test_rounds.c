#include "orchestrator/repo/rounds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "orchestrator/repo/git.h"
#include "orchestrator/repo/size.h"
#include "tests/support/test.h"

#define MIB (1u << 20)

struct fixture {
	char dir[64], path[REPO_PATH_MAX];
	struct repos repos;
	struct loop *loop;
	uint64_t room;    /* on the disk */
	unsigned int due; /* how often it was asked for: gc would begin */
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-rounds-XXXXXX", .room = UINT64_MAX};
	CHECK(mkdtemp(fx->dir));
	CHECK(repos_open(fx->dir, &fx->repos, NULL) == 0);
	repo_path(&fx->repos, "demo", fx->path);
	CHECK(repo_create(fx->path, NULL) == 0);
	CHECK(loop_new(&fx->loop) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)loop_free(fx->loop);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

/* Shell lines in the repo. */
static void sh(const struct fixture *fx, const char *lines)
{
	char command[4096];
	int status;
	pid_t pid;

	(void)snprintf(command, sizeof(command),
		"set -e; cd '%s'; export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 "
		"GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a "
		"GIT_COMMITTER_EMAIL=a@a; git() { command git -c safe.directory='*' -c "
		"core.compression=0 -c core.bigFileThreshold=1m \"$@\"; }; %s",
		fx->path, lines);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* 20 MiB in a pack, on a branch. */
#define PUT_LARGE                                                                                  \
	"head -c 20971520 /dev/urandom >../large; id=$(git hash-object -w ../large); rm "          \
	"../large; "                                                                               \
	"tree=$(printf '100644 blob %s\\tlarge\\n' $id | git mktree); "                            \
	"git update-ref refs/heads/side $(git commit-tree -m side $tree); "                        \
	"git repack -adq; "
#define PUT_MAIN                                                                                   \
	"git update-ref refs/heads/main $(git commit-tree -m main $(git mktree </dev/null)); "
#define THREE_WEEKS_OLD "find objects -type f -exec touch -d '3 weeks ago' {} +; "

/* A whole gc has ended within this hour. */
static bool has_mark(const struct fixture *fx)
{
	char path[REPO_PATH_MAX + 32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/vitrine-gc", fx->path);
	return stat(path, &st) == 0 &&
	       (uint64_t)st.st_mtime + 3600 > clock_wall_usec() / USEC_PER_SEC &&
	       (uint64_t)st.st_mtime < clock_wall_usec() / USEC_PER_SEC + 3600;
}

static uint64_t room(void *data)
{
	struct fixture *fx = data;

	fx->due++;
	return fx->room;
}

/* A round, until it is known what became of the repo, or for long enough to see that nothing does.
 */
static void go_round(struct fixture *fx, bool expected)
{
	uint64_t end = clock_mono_usec() + (expected ? 60 * USEC_PER_SEC : 300 * USEC_PER_MSEC);
	struct rounds *r;

	CHECK(rounds_new(fx->loop, &fx->repos, 1000, room, fx, &r) == 0);
	while (clock_mono_usec() < end && !(expected && has_mark(fx) && repo_is_quiet(fx->path)))
		CHECK(loop_dispatch(fx->loop, 50) == 0);
	(void)rounds_free(r);
}

TEST(a_large_branch_that_was_deleted_gives_its_room_back_after_two_weeks_and_the_rest_stays)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN PUT_LARGE "git update-ref -d refs/heads/side; " THREE_WEEKS_OLD);
	CHECK(repo_size(fx.path, NULL) > 19 * MIB);
	go_round(&fx, true);
	CHECK(repo_size(fx.path, NULL) < MIB);
	sh(&fx, "git fsck --full --strict; git cat-file -e refs/heads/main");
	teardown(&fx);
}

TEST(what_was_deleted_just_now_stays_and_is_looked_at_again)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN PUT_LARGE
		"git rev-parse refs/heads/side >../side; git update-ref -d refs/heads/side");
	go_round(&fx, true);
	CHECK(repo_size(fx.path, NULL) > 19 * MIB);
	sh(&fx, "git cat-file -e $(cat ../side); git fsck --full");
	/* Nothing is pushed any more, and yet it is looked at for as long as it is there. */
	sh(&fx, "test -e objects/pack/*.mtimes; touch -d '8 days ago' vitrine-gc objects/pack");
	go_round(&fx, true);
	CHECK(has_mark(&fx));
	teardown(&fx);
}

TEST(a_repo_that_has_not_changed_or_is_small_is_left_alone)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN "git repack -adq");
	go_round(&fx, false);
	CHECK(!has_mark(&fx));
	sh(&fx, PUT_LARGE "touch -d '2 weeks ago' vitrine-gc; touch -d '3 weeks ago' objects/pack");
	go_round(&fx, false);
	CHECK(!has_mark(&fx));
	sh(&fx, "touch objects/pack; touch -d '2 days ago' vitrine-gc");
	go_round(&fx, false);
	CHECK(!has_mark(&fx));
	teardown(&fx);
}

/* Not in a pack, as what is uploaded file by file. */
#define PUT_LOOSE                                                                                  \
	"head -c 20971520 /dev/urandom >../large; id=$(command git -c safe.directory='*' -c "      \
	"core.compression=0 hash-object -w ../large); rm ../large; "                               \
	"tree=$(printf '100644 blob %s\\tlarge\\n' $id | git mktree); "                            \
	"git update-ref refs/heads/main $(git commit-tree -m main $tree); "

TEST(few_large_loose_objects_are_packed_within_a_day)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_LOOSE "touch -d '3 weeks ago' objects/pack; : >vitrine-gc; touch -d '2 days "
			  "ago' vitrine-gc");
	CHECK(repo_loose_size(fx.path) > 19 * MIB);
	go_round(&fx, true);
	CHECK(repo_loose_size(fx.path) == 0 && repo_size(fx.path, NULL) > 19 * MIB);
	sh(&fx, "git fsck --full --strict; git cat-file -e refs/heads/main:large");
	teardown(&fx);
}

TEST(a_gc_of_times_to_come_counts_as_none)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN PUT_LARGE ": >vitrine-gc; touch -d '+2 years' vitrine-gc");
	go_round(&fx, true);
	CHECK(has_mark(&fx));
	teardown(&fx);
}

TEST(a_repo_that_has_no_room_for_its_copy_is_left_alone)
{
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN PUT_LARGE);
	fx.room = 19 * MIB;
	go_round(&fx, false);
	CHECK(fx.due == 1 && !has_mark(&fx));
	fx.room = 25 * MIB;
	go_round(&fx, true);
	CHECK(fx.due == 2 && has_mark(&fx));
	teardown(&fx);
}

TEST(a_gc_that_fails_is_no_gc)
{
	struct rounds *r;
	struct fixture fx;

	setup(&fx);
	sh(&fx, PUT_MAIN PUT_LARGE
		"for p in objects/pack/*.pack; do chmod u+w $p; "
		"printf broken | dd of=$p bs=1 seek=1000 conv=notrunc 2>/dev/null; "
		"printf broken | dd of=$p bs=1 conv=notrunc 2>/dev/null; done");
	CHECK(rounds_new(fx.loop, &fx.repos, 1000, room, &fx, &r) == 0);
	while (!fx.due)
		CHECK(loop_dispatch(fx.loop, 50) == 0);
	for (int quiet = 0; quiet < 10; quiet = repo_is_quiet(fx.path) ? quiet + 1 : 0)
		CHECK(loop_dispatch(fx.loop, 20) == 0);
	CHECK(!has_mark(&fx));
	(void)rounds_free(r);
	teardown(&fx);
}

struct tidied {
	unsigned int n;
	bool well;
};

static void on_tidied(const char *words, void *data)
{
	struct tidied *t = data;

	t->n++;
	t->well = !words;
}

TEST(one_gc_runs_at_a_time_whoever_asks)
{
	struct tidied t = {0};
	struct fixture fx;
	struct err e = {0};

	setup(&fx);
	sh(&fx, PUT_MAIN);
	CHECK(git_tidy(fx.loop, fx.path, true, on_tidied, &t, NULL) == 0);
	CHECK(git_tidy(fx.loop, fx.path, false, on_tidied, &t, &e) == -EBUSY && e.text[0]);
	while (!t.n)
		CHECK(loop_dispatch(fx.loop, 50) == 0);
	CHECK(t.well && git_tidy(fx.loop, fx.path, false, on_tidied, &t, NULL) == 0);
	while (t.n < 2)
		CHECK(loop_dispatch(fx.loop, 50) == 0);
	CHECK(t.well);
	teardown(&fx);
}

TEST_MAIN()
