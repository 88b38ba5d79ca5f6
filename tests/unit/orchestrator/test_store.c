/* The suite every driver must pass: what store.h promises, through statements of the product. */
#include "orchestrator/store/store.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "orchestrator/store/text.h"
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
	CHECK(store_run(fx.store, "repo_add", NULL, NULL, NULL, "sissiis", "s", (int64_t)0, "o",
		      "n", (int64_t)0, (int64_t)1, "") == 1);
	CHECK(store_run(fx.store, "space_add", NULL, NULL, NULL, "s", "s") == 1);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssi", "s", "b1",
		      (int64_t)0) == 1);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssi", "s", "b2",
		      (int64_t)0) == 0);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssi", "s", "b3",
		      (int64_t)1) == 1);
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

/* Runs SQL of sqlite's own tool on the database at fx->path; the store is closed meanwhile. */
static void run_sql(const struct fixture *fx, const char *sql)
{
	sqlite3 *db;
	char *words = NULL;

	CHECK(sqlite3_open(fx->path, &db) == SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &words) != SQLITE_OK) {
		fprintf(stderr, "%s\n", words);
		CHECK(!"the SQL of a test is wrong");
	}
	CHECK(sqlite3_close(db) == SQLITE_OK);
}

/* The database as version 5 made it, by the very text of schema.sql. */
static void make_version_5(const struct fixture *fx)
{
	const char *text;
	char label[64];
	size_t at = 0, len;

	run_sql(fx, "CREATE TABLE schema_versions (version bigint NOT NULL)");
	while (sql_section_next(store_schema_sql, "version", &at, label, &text, &len)) {
		CLEANUP(freep) char *sql = NULL;

		if (strtol(label, NULL, 10) > 5)
			break;
		CHECK(asprintf(&sql, "%.*s; INSERT INTO schema_versions VALUES (%s)", (int)len,
			      text, label) > 0);
		run_sql(fx, sql);
	}
}

struct seen {
	char text[1024];
};

static int note_row(const struct store_row *row, void *data)
{
	struct seen *s = data;
	size_t n = strlen(s->text);

	(void)snprintf(s->text + n, sizeof(s->text) - n, "%s/%s %s %lld %s;", store_text(row, 1),
		store_text(row, 2), store_text(row, 4), (long long)store_int(row, 8),
		store_text(row, 0));
	return 0;
}

TEST(a_database_of_version_5_keeps_its_spaces_and_builds_in_version_6)
{
	struct seen seen = {""};
	struct fixture fx;
	int64_t n = 0;

	setup(&fx);
	(void)store_close(fx.store);
	CHECK(remove(fx.path) == 0);
	make_version_5(&fx);
	run_sql(&fx,
		"INSERT INTO users VALUES ('u', 'ada', 1, 'h', 1);"
		"INSERT INTO spaces (id, owner, name, live_build, epoch, created_usec, "
		"updated_usec, "
		"words, private) VALUES ('s1', 'ada', 'one', 'b2', 7, 10, 30, 'ada/one one', 0),"
		"('s2', 'ada', 'two', NULL, 0, 20, 20, NULL, 1);"
		"INSERT INTO builds (id, space_id, number, state, commit_id, bundle, sleep_sec, "
		"title, "
		"phases, log, created_usec, replicas) VALUES "
		"('b1', 's1', 1, 'ready', 'c1', 'h1', 60, 'Old', '[]', '', 11, 0),"
		"('b2', 's1', 2, 'ready', 'c2', 'h2', 60, 'One', '[]', '', 12, 3),"
		"('b3', 's1', 3, 'pending', 'c3', 'h3', 60, 'New', '[]', '', 13, 0);");
	CHECK(store_open(fx.path, &fx.store, NULL) == 0);
	CHECK(store_run(fx.store, "space_list", note_row, &seen, NULL, "sisi", "%one%", (int64_t)9,
		      "", (int64_t)0) == 1);
	CHECK(store_run(fx.store, "space_one", note_row, &seen, NULL, "s", "s2") == 1);
	CHECK(!strcmp(seen.text, "ada/one One 0 s1;ada/two  1 s2;"));
	CHECK(store_run(fx.store, "build_pending", NULL, NULL, NULL, "") == 1);
	CHECK(store_run(fx.store, "build_before_live", NULL, NULL, NULL, "s", "s1") == 1);
	CHECK(store_run(fx.store, "space_go_live", NULL, NULL, NULL, "ssi", "s1", "b3",
		      (int64_t)7) == 1);
	CHECK(store_run(fx.store, "repo_delete", NULL, NULL, NULL, "s", "s1") == 1);
	CHECK(store_run(fx.store, "space_count", count, &n, NULL, "") == 1 && n == 1);
	CHECK(store_run(fx.store, "build_by_id", NULL, NULL, NULL, "s", "b1") == 0);
	teardown(&fx);
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

struct witness {
	int adds, commits, refuses;
};

static int on_add(struct store *s, void *data, struct err *e)
{
	struct witness *w = data;

	w->adds++;
	if (w->refuses)
		return err_set(e, -ENOSPC, "the witness refuses");
	return store_run(s, "usage_journal_set", NULL, NULL, e, "si", "witness", (int64_t)w->adds) <
			       0
		       ? -EIO
		       : 0;
}

static void on_committed(void *data)
{
	((struct witness *)data)->commits++;
}

static int take_number(const struct store_row *row, void *data)
{
	*(int64_t *)data = store_int(row, 0);
	return 1;
}

static int64_t number_of(struct store *s, const char *journal)
{
	int64_t n = 0;

	CHECK(store_run(s, "usage_journal", take_number, &n, NULL, "s", journal) >= 0);
	return n;
}

TEST(what_a_witness_writes_is_there_with_the_change_or_neither_is)
{
	static const struct store_witness ops = {on_add, on_committed};
	CLEANUP(store_closep) struct store *s = NULL;
	struct witness w = {0};
	struct err e = {0};

	CHECK(store_open(":memory:", &s, &e) == 0);
	store_set_witness(s, &ops, &w);
	/* Nothing is changed by those. */
	CHECK(number_of(s, "a") == 0 && store_begin(s, &e) == 0 && store_commit(s, &e) == 0);
	CHECK(w.adds == 0);
	/* A statement alone, and a transaction of two. */
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)5) == 1);
	CHECK(w.adds == 1 && w.commits == 1 && number_of(s, "witness") == 1);
	CHECK(store_begin(s, &e) == 0);
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)6) == 1);
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "b", (int64_t)7) == 1);
	CHECK(w.adds == 1 && store_commit(s, &e) == 0 && w.adds == 2 && w.commits == 2);
	/* What is undone has no row. */
	CHECK(store_begin(s, &e) == 0);
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)8) == 1);
	store_rollback(s);
	CHECK(w.adds == 2 && number_of(s, "a") == 6);
	/* And without its row nothing is done. */
	w.refuses = 1;
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)9) == -ENOSPC);
	CHECK(store_begin(s, &e) == 0);
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)9) == 1);
	CHECK(store_commit(s, &e) == -ENOSPC && w.commits == 2);
	CHECK(number_of(s, "a") == 6 && number_of(s, "witness") == 2);
	store_set_witness(s, NULL, NULL);
	CHECK(store_run(s, "usage_journal_set", NULL, NULL, &e, "si", "a", (int64_t)9) == 1);
	CHECK(w.adds == 4);
}

TEST_MAIN()
