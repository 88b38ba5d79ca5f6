/* The suite every driver must pass: what store.h promises, through statements of the product. */
#include "orchestrator/store/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "tests/support/test.h"

struct fixture {
	char dir[64], path[128];
	struct store *store;
};

static void setup(struct fixture *fx)
{
	*fx = (struct fixture){.dir = "/tmp/vitrine-store-XXXXXX"};
	CHECK(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/db", fx->dir);
	CHECK(store_open(fx->path, &fx->store, NULL) == 0);
}

static void teardown(struct fixture *fx)
{
	(void)store_close(fx->store);
	CHECK(fs_remove_tree(fx->dir) == 0);
}

static int add_user(struct store *s, const char *name, struct err *e)
{
	return store_run(
		s, "user_add", NULL, NULL, e, "ssisi", name, name, (int64_t)0, "h", (int64_t)1);
}

static int count(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

static int64_t users(struct store *s)
{
	int64_t n = -1;

	CHECK(store_run(s, "user_count", count, &n, NULL, "") == 1);
	return n;
}

TEST(what_is_committed_is_there_after_opening_again)
{
	struct fixture fx;

	setup(&fx);
	CHECK(add_user(fx.store, "ada", NULL) == 1);
	(void)store_close(fx.store);
	CHECK(store_open(fx.path, &fx.store, NULL) == 0);
	CHECK(users(fx.store) == 1);
	teardown(&fx);
}

TEST(what_is_rolled_back_never_was)
{
	struct fixture fx;

	setup(&fx);
	CHECK(store_begin(fx.store, NULL) == 0);
	CHECK(add_user(fx.store, "ada", NULL) == 1);
	store_rollback(fx.store);
	store_rollback(fx.store);
	CHECK(users(fx.store) == 0);
	teardown(&fx);
}

TEST(a_second_row_of_a_unique_key_is_a_conflict_and_changes_nothing)
{
	struct fixture fx;
	struct err e = {0};

	setup(&fx);
	CHECK(add_user(fx.store, "ada", NULL) == 1);
	CHECK(add_user(fx.store, "ada", &e) == STORE_CONFLICT && e.text[0]);
	CHECK(users(fx.store) == 1);
	CHECK(add_user(fx.store, "bob", NULL) == 1);
	teardown(&fx);
}

TEST(a_write_under_an_old_epoch_changes_nothing)
{
	struct fixture fx;

	setup(&fx);
	CHECK(store_run(fx.store, "space_add", NULL, NULL, NULL, "sssi", "s", "o", "n",
		      (int64_t)1) == 1);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssii", "s", "b1", (int64_t)0,
		      (int64_t)2) == 1);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssii", "s", "b2", (int64_t)0,
		      (int64_t)3) == 0);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssii", "s", "b3", (int64_t)1,
		      (int64_t)4) == 1);
	teardown(&fx);
}

TEST(another_writer_makes_it_busy_not_lost)
{
	struct fixture fx;
	struct store *other;
	struct err e = {0};

	setup(&fx);
	CHECK(store_open(fx.path, &other, NULL) == 0);
	CHECK(store_begin(other, NULL) == 0);
	CHECK(store_begin(fx.store, &e) == STORE_BUSY);
	CHECK(users(fx.store) == 0); /* reading goes on */
	store_rollback(other);
	CHECK(store_begin(fx.store, NULL) == 0);
	CHECK(store_commit(fx.store, NULL) == 0);
	(void)store_close(other);
	teardown(&fx);
}

TEST(a_damaged_database_is_lost_with_words)
{
	struct fixture fx;
	struct store *s = NULL;
	struct err e = {0};

	setup(&fx);
	(void)store_close(fx.store);
	CHECK(fs_write_durable(-100, fx.path, "this is no database at all, not at all", 38, 0600,
		      NULL) == 0);
	CHECK(store_open(fx.path, &s, &e) == STORE_LOST && e.text[0] && !s);
	CHECK(fs_remove_tree(fx.dir) == 0);
}

TEST(a_newer_schema_is_refused_in_words)
{
	struct fixture fx;
	struct store *s = NULL;
	struct err e = {0};
	char command[300];
	FILE *f;

	setup(&fx);
	(void)store_close(fx.store);
	(void)snprintf(command, sizeof(command), "python3 - %s", fx.path);
	f = popen(command, "w");
	CHECK(f);
	fprintf(f, "import sqlite3, sys\n"
		   "db = sqlite3.connect(sys.argv[1])\n"
		   "db.execute('INSERT INTO schema_versions VALUES (999)')\n"
		   "db.commit()\n");
	CHECK(pclose(f) == 0);
	CHECK(store_open(fx.path, &s, &e) == STORE_CONFLICT && strstr(e.text, "999"));
	CHECK(fs_remove_tree(fx.dir) == 0);
}

/* A file-size limit stands in for a full disk: both make the same write fail, with EFBIG or
 * ENOSPC; what is tested is that the store says so and goes on afterwards. */
TEST(a_write_that_does_not_fit_changes_nothing_and_the_next_one_works)
{
	struct fixture fx;
	pid_t pid;
	int status;

	setup(&fx);
	(void)store_close(fx.store);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		const struct rlimit tight = {65536, RLIM_INFINITY},
				    wide = {RLIM_INFINITY, RLIM_INFINITY};
		CLEANUP(freep) char *big = malloc(1 << 20);
		struct err e = {0};

		(void)signal(SIGXFSZ, SIG_IGN);
		CHECK(big && store_open(fx.path, &fx.store, NULL) == 0);
		memset(big, 'x', (1 << 20) - 1);
		big[(1 << 20) - 1] = '\0';
		CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
		CHECK(add_user(fx.store, big, &e) < 0 && e.text[0]);
		CHECK(setrlimit(RLIMIT_FSIZE, &wide) == 0);
		CHECK(users(fx.store) == 0);
		CHECK(add_user(fx.store, "ada", NULL) == 1);
		(void)store_close(fx.store);
		_exit(0); /* nothing of the parent's is this child's to clean up */
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(store_open(fx.path, &fx.store, NULL) == 0);
	CHECK(users(fx.store) == 1);
	teardown(&fx);
}

static int stop_after_two(const struct store_row *row, void *data)
{
	(void)row;
	return ++*(int *)data == 2;
}

static int refuse(const struct store_row *row, void *data)
{
	(void)row;
	(void)data;
	return -ENOMEM;
}

TEST(a_callback_may_stop_or_refuse)
{
	struct fixture fx;
	int seen = 0;

	setup(&fx);
	CHECK(add_user(fx.store, "ada", NULL) == 1 && add_user(fx.store, "bob", NULL) == 1 &&
		add_user(fx.store, "eve", NULL) == 1);
	CHECK(store_run(fx.store, "user_list", stop_after_two, &seen, NULL, "") == 2 && seen == 2);
	CHECK(store_run(fx.store, "user_list", refuse, NULL, NULL, "") == -ENOMEM);
	seen = 10;
	CHECK(store_run(fx.store, "user_list", stop_after_two, &seen, NULL, "") == 3);
	teardown(&fx);
}

TEST(an_unknown_statement_is_refused_by_name)
{
	struct fixture fx;
	struct err e = {0};

	setup(&fx);
	CHECK(store_run(fx.store, "no_such", NULL, NULL, &e, "") == -EINVAL &&
		strstr(e.text, "no_such"));
	teardown(&fx);
}

TEST_MAIN()
