#include "orchestrator/audit/prune.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "orchestrator/audit/audit.h"
#include "tests/support/test.h"

#define ROWS 20
#define MANY 1500

static int64_t later(void)
{
	return (int64_t)(clock_wall_usec() + USEC_PER_SEC);
}

static void fill(struct store *s, int rows)
{
	CHECK(store_begin(s, NULL) == 0);
	for (int i = 0; i < rows; i++)
		CHECK(audit_add(s, "ada", "POST /api/tokens", "/api/tokens", NULL, NULL) == 0);
	CHECK(store_commit(s, NULL) == 0);
}

static json_t *rows_of(struct store *s, int64_t after, int64_t limit)
{
	json_t *list = NULL;

	CHECK(audit_list(s, after, limit, &list, NULL) == 0);
	return list;
}

/* The hash of a row that is there. */
static void hash_of(struct store *s, int64_t n, char ret[SHA256_HEX + 1])
{
	CLEANUP(json_unrefp) json_t *list = rows_of(s, n - 1, 1);

	(void)snprintf(ret, SHA256_HEX + 1, "%s",
		json_string_value(json_object_get(json_array_get(list, 0), "hash")));
	CHECK(strlen(ret) == SHA256_HEX);
}

/* Prunes with a copy up to that row. */
static int prune(struct store *s, int64_t before, int64_t kept, struct audit_pruned *ret)
{
	char hash[SHA256_HEX + 1];
	const struct audit_prune p = {.before_usec = before,
		.kept_n = kept,
		.kept_hash = hash,
		.who = "root",
		.from = "::1"};

	hash_of(s, kept, hash);
	return audit_prune(s, &p, ret, NULL);
}

static int walk(const json_t *list, struct audit_walk *w, struct err *e)
{
	int r = 0;

	audit_walk_begin(w);
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		struct audit_row row;

		r = audit_row_read(json_array_get(list, i), &row, e);
		if (r == 0)
			r = audit_walk_step(w, &row, e);
	}
	return r < 0 ? r : audit_walk_end(w, e);
}

static int walk_store(struct store *s, struct audit_walk *w, struct err *e)
{
	CLEANUP(json_unrefp) json_t *list = rows_of(s, 0, 100000);

	return walk(list, w, e);
}

TEST(what_is_left_is_a_chain_that_says_what_went)
{
	CLEANUP(store_closep) struct store *s = NULL;
	struct audit_pruned done;
	struct audit_walk w;

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, ROWS);
	CHECK(prune(s, later(), 12, &done) == 0);
	CHECK(done.removed == 12 && done.upto == 12 && !done.more);
	CHECK(walk_store(s, &w, NULL) == 0);
	CHECK(w.n == ROWS + 1 && w.begins == 12);
	CHECK(prune(s, later(), 15, &done) == 0 && done.removed == 3);
	CHECK(walk_store(s, &w, NULL) == 0 && w.begins == 15);
}

TEST(the_head_stays_and_a_prune_of_nothing_leaves_no_trace)
{
	CLEANUP(store_closep) struct store *s = NULL;
	struct audit_pruned done;
	struct audit_walk w;

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, ROWS);
	CHECK(prune(s, later(), ROWS, &done) == 0 && done.upto == ROWS - 1);
	CHECK(walk_store(s, &w, NULL) == 0 && w.n == ROWS + 1);
	CHECK(prune(s, 1, ROWS, &done) == 0 && done.removed == 0);
	CHECK(walk_store(s, &w, NULL) == 0 && w.n == ROWS + 1);
}

TEST(rows_of_that_time_or_behind_it_stay)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *list = NULL;
	struct audit_pruned done;
	int64_t at;

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, ROWS / 2);
	(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	fill(s, ROWS / 2);
	list = rows_of(s, ROWS / 2, 1);
	at = json_integer_value(json_object_get(json_array_get(list, 0), "time"));
	CHECK(prune(s, at, ROWS, &done) == 0);
	CHECK(done.upto == ROWS / 2);
}

TEST(so_many_go_at_once_and_it_says_whether_others_may)
{
	CLEANUP(store_closep) struct store *s = NULL;
	struct audit_pruned done;

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, AUDIT_PRUNE_MAX + ROWS);
	CHECK(prune(s, later(), AUDIT_PRUNE_MAX + ROWS, &done) == 0);
	CHECK(done.removed == AUDIT_PRUNE_MAX && done.upto == AUDIT_PRUNE_MAX && done.more);
	CHECK(prune(s, later(), AUDIT_PRUNE_MAX + ROWS, &done) == 0);
	CHECK(done.removed == ROWS && done.upto == AUDIT_PRUNE_MAX + ROWS && !done.more);
}

TEST(without_a_copy_that_ends_with_a_row_of_the_log_nothing_goes)
{
	CLEANUP(store_closep) struct store *s = NULL;
	struct audit_prune p = {.before_usec = later(),
		.kept_n = 5,
		.kept_hash = AUDIT_NOTHING,
		.from = "::1",
		.who = "root"};
	struct audit_pruned done;
	struct audit_walk w;
	struct err e = {0};

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, ROWS);
	CHECK(audit_prune(s, &p, &done, &e) == -EBADMSG && strstr(e.text, "another hash"));
	p.kept_n = ROWS + 7;
	CHECK(audit_prune(s, &p, &done, &e) == -EBADMSG && strstr(e.text, "not in the log"));
	CHECK(walk_store(s, &w, NULL) == 0 && w.n == ROWS && w.begins == 0);
}

TEST(rows_that_went_without_a_row_that_says_so_are_noticed)
{
	CLEANUP(store_closep) struct store *s = NULL;
	CLEANUP(json_unrefp) json_t *list = NULL;
	struct audit_pruned done;
	struct audit_walk w;
	struct err e = {0};

	CHECK(store_open(":memory:", &s, NULL) == 0);
	fill(s, ROWS);
	list = rows_of(s, 4, 100);
	CHECK(walk(list, &w, &e) == -EBADMSG && strstr(e.text, "row 5"));
	/* One that names others does not vouch for these. */
	CHECK(prune(s, later(), 6, &done) == 0);
	json_decref(list);
	list = rows_of(s, 8, 100);
	CHECK(walk(list, &w, &e) == -EBADMSG && strstr(e.text, "row 9"));
}

/* Prunes in a process of its own, which is killed after so many microseconds. */
static void prune_and_be_killed(const char *path, long after_usec)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		struct audit_pruned done;
		struct store *s;

		if (store_open(path, &s, NULL) < 0)
			_exit(1);
		(void)prune(s, later(), MANY, &done);
		_exit(0);
	}
	(void)nanosleep(&(struct timespec){.tv_nsec = after_usec * 1000}, NULL);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

TEST(killed_in_the_middle_all_of_it_is_done_or_nothing)
{
	char dir[] = "/tmp/vitrine-audit-XXXXXX", path[64];

	CHECK(mkdtemp(dir));
	for (int i = 0; i < 8; i++) {
		struct store *s;
		struct audit_walk w;

		(void)snprintf(path, sizeof(path), "%s/db%d", dir, i);
		CHECK(store_open(path, &s, NULL) == 0);
		fill(s, MANY);
		(void)store_close(s);
		prune_and_be_killed(path, 1000 * i);
		CHECK(store_open(path, &s, NULL) == 0);
		CHECK(walk_store(s, &w, NULL) == 0);
		CHECK((w.begins == 0 && w.n == MANY) || (w.begins == MANY - 1 && w.n == MANY + 1));
		(void)store_close(s);
	}
	CHECK(fs_remove_tree(dir) == 0);
}

TEST_MAIN()
