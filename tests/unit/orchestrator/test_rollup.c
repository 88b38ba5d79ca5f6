#include "orchestrator/usage/rollup.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/store/text.h"
#include "orchestrator/usage/usage.h"
#include "tests/support/test.h"

#define DAY (86400ll * 1000000)
#define NOW (1000 * DAY + DAY / 3) /* in the middle of a day */
#define CALLS 600

struct fixture {
	char dir[64], path[128];
	struct store *store;
};

static void set_up(struct fixture *f)
{
	*f = (struct fixture){.dir = "/tmp/vitrine-rollup-XXXXXX"};
	CHECK(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/db", f->dir);
	CHECK(store_open(f->path, &f->store, NULL) == 0);
}

static void tear_down(struct fixture *f)
{
	(void)store_close(f->store);
	CHECK(fs_remove_tree(f->dir) == 0);
}

static void put(struct store *s, int64_t call, int64_t at_usec, const char *account, int64_t nsec,
	const char *outcome)
{
	CHECK(store_run(s, "usage_put", NULL, NULL, NULL, "siiissssssssiiiiiiis", "j", call, call,
		      at_usec, account, account, "s1", "ada/draw", "c", "a/b", "chat", "cpu",
		      (int64_t)1, (int64_t)2, (int64_t)3, nsec, (int64_t)4, (int64_t)0, (int64_t)5,
		      outcome) >= 0);
}

struct sum {
	int64_t calls, nsec, in, out;
};

static int add(const struct store_row *row, void *data)
{
	struct sum *sum = data;

	sum->calls += store_int(row, 1);
	sum->nsec += store_int(row, 2);
	sum->in += store_int(row, 3);
	sum->out += store_int(row, 4);
	return 0;
}

/* By each of the three that pages show; they must agree. */
static struct sum sum_of(struct store *s, int64_t since)
{
	static const char *const groups[] = {"usage_all by space", "usage_all by model"};
	struct sum all = {0};

	CHECK(store_run(s, "usage_all by account", add, &all, NULL, "iii", since,
		      rollup_first_day((uint64_t)since), (int64_t)100) >= 0);
	for (int i = 0; i < 2; i++) {
		struct sum other = {0};

		CHECK(store_run(s, groups[i], add, &other, NULL, "iii", since,
			      rollup_first_day((uint64_t)since), (int64_t)100) >= 0);
		CHECK(memcmp(&other, &all, sizeof(all)) == 0);
	}
	return all;
}

static int count(const struct store_row *row, void *data)
{
	(void)row;
	++*(int64_t *)data;
	return 0;
}

static int64_t calls_left(struct store *s)
{
	int64_t n = 0;

	CHECK(store_run(s, "usage_calls_all", count, &n, NULL, "ii", (int64_t)0, (int64_t)100000) >=
		0);
	return n;
}

/* Somebody has used something just now and a week ago: by this the ledger knows what time it is. */
static void put_young(struct store *s)
{
	put(s, 1000000, NOW, "user:eve", 0, "done");
	put(s, 1000001, NOW - 7 * DAY - 1, "user:eve", 0, "done");
}

static void roll_all(struct store *s, uint64_t now)
{
	int r;

	while ((r = rollup_step(s, now, NULL)) == 1)
		;
	CHECK(r == 0);
}

/* Of three accounts, over the last 100 days, each of another length. */
static void fill(struct store *s)
{
	static const char *const accounts[] = {"user:ada", "user:bob", "network:00ff"};

	CHECK(store_begin(s, NULL) == 0);
	for (int64_t i = 0; i < CALLS; i++)
		put(s, i + 1, NOW - i * 100 * DAY / CALLS, accounts[i % 3], 1000000007 * (i + 1),
			"done");
	CHECK(store_commit(s, NULL) == 0);
}

TEST(sums_stay_to_the_nanosecond_and_old_calls_go)
{
	struct fixture f;
	struct sum before;

	set_up(&f);
	fill(f.store);
	before = sum_of(f.store, 0);
	CHECK(before.calls == CALLS && calls_left(f.store) == CALLS);
	roll_all(f.store, NOW);
	CHECK(calls_left(f.store) < CALLS / 2 && calls_left(f.store) >= CALLS * 35 / 100);
	CHECK(memcmp(&before, &(struct sum[]){sum_of(f.store, 0)}, sizeof(before)) == 0);
	tear_down(&f);
}

TEST(usage_of_some_days_is_what_it_was_before_however_many_they_are)
{
	static const unsigned int days[] = {1, 7, 35, 36, 50, 99, 800};
	struct sum before[sizeof(days) / sizeof(days[0])];
	struct fixture f;

	set_up(&f);
	fill(f.store);
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		before[i] = sum_of(f.store, (int64_t)rollup_since_usec(NOW, days[i]));
	CHECK(before[0].calls == 7 && before[6].calls == CALLS);
	roll_all(f.store, NOW);
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct sum now = sum_of(f.store, (int64_t)rollup_since_usec(NOW, days[i]));

		CHECK(memcmp(&before[i], &now, sizeof(now)) == 0);
	}
	tear_down(&f);
}

TEST(a_call_that_still_runs_stays_and_is_counted_once_when_it_ends)
{
	struct fixture f;

	set_up(&f);
	put_young(f.store);
	put(f.store, 1, NOW - 90 * DAY, "user:ada", 5, "running");
	put(f.store, 2, NOW - 90 * DAY, "user:ada", 7, "done");
	roll_all(f.store, NOW);
	CHECK(calls_left(f.store) == 3 && sum_of(f.store, 0).nsec == 12);
	CHECK(store_run(f.store, "usage_put", NULL, NULL, NULL, "siiissssssssiiiiiiis", "j",
		      (int64_t)1, (int64_t)3, NOW, "user:ada", "user:ada", "s1", "ada/draw", "c",
		      "a/b", "chat", "cpu", (int64_t)1, (int64_t)2, (int64_t)3, (int64_t)9,
		      (int64_t)4, (int64_t)0, (int64_t)5, "done") >= 0);
	CHECK(sum_of(f.store, 0).nsec == 16 && sum_of(f.store, 0).calls == 4);
	tear_down(&f);
}

TEST(what_comes_late_is_added_to_its_day)
{
	struct fixture f;

	set_up(&f);
	put_young(f.store);
	put(f.store, 1, NOW - 90 * DAY, "user:ada", 5, "done");
	roll_all(f.store, NOW);
	put(f.store, 2, NOW - 90 * DAY + 1, "user:ada", 6, "failed");
	roll_all(f.store, NOW);
	CHECK(calls_left(f.store) == 2);
	CHECK(sum_of(f.store, 0).calls == 4 && sum_of(f.store, 0).nsec == 11);
	tear_down(&f);
}

TEST(sums_that_are_too_old_go_and_younger_ones_stay)
{
	struct fixture f;

	set_up(&f);
	put_young(f.store);
	put(f.store, 1, NOW - (ROLLUP_KEEP_DAYS + 2) * DAY, "user:ada", 5, "done");
	put(f.store, 2, NOW - (ROLLUP_KEEP_DAYS - 2) * DAY, "user:ada", 6, "done");
	roll_all(f.store, NOW);
	CHECK(calls_left(f.store) == 2 && sum_of(f.store, 0).nsec == 6);
	tear_down(&f);
}

TEST(a_clock_that_jumps_ahead_takes_nothing_from_the_ledger)
{
	static const int64_t jumps[] = {3, 36, 835, 40000};
	struct fixture f;
	struct sum before;
	int64_t left;

	set_up(&f);
	fill(f.store);
	roll_all(f.store, NOW);
	before = sum_of(f.store, 0);
	left = calls_left(f.store);
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct sum now;

		roll_all(f.store, (uint64_t)(NOW + jumps[i] * DAY));
		now = sum_of(f.store, 0);
		CHECK(memcmp(&before, &now, sizeof(now)) == 0);
		/* But for a day or so: a ledger in which nothing came is not from just now. */
		CHECK(calls_left(f.store) >= left - 2 * CALLS / 100);
		CHECK(sum_of(f.store, (int64_t)rollup_since_usec(NOW, 1)).calls == 7);
	}
	tear_down(&f);
}

TEST(calls_made_while_the_clock_is_ahead_take_nothing_before_a_week_of_them)
{
	static const int64_t jumps[] = {36, 835, 4000};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		int64_t then = NOW + jumps[i] * DAY, left;
		struct fixture f;

		set_up(&f);
		fill(f.store);
		roll_all(f.store, NOW);
		left = calls_left(f.store);
		for (int64_t day = 0; day < 7; day++) {
			put(f.store, 2000000 + day, then + day * DAY, "user:eve", 0, "done");
			roll_all(f.store, (uint64_t)(then + day * DAY + DAY / 2));
			CHECK(sum_of(f.store, 0).calls == CALLS + day + 1);
			CHECK(calls_left(f.store) >= left - 9 * CALLS / 100);
			CHECK(sum_of(f.store, (int64_t)rollup_since_usec(NOW, 1)).calls ==
				7 + day + 1);
		}
		put(f.store, 3000000, then + 8 * DAY, "user:eve", 0, "done");
		roll_all(f.store, (uint64_t)(then + 8 * DAY));
		CHECK(calls_left(f.store) == 8); /* it is that late */
		tear_down(&f);
	}
}

TEST(sums_stay_however_late_it_is_when_no_call_is_left)
{
	struct fixture f;

	set_up(&f);
	CHECK(store_begin(f.store, NULL) == 0);
	put(f.store, 1, NOW - 90 * DAY, "user:ada", 5, "done");
	CHECK(store_run(f.store, "usage_sum", NULL, NULL, NULL, "ii", (int64_t)0, (int64_t)NOW) ==
		1);
	CHECK(store_run(f.store, "usage_summed", NULL, NULL, NULL, "ii", (int64_t)0,
		      (int64_t)NOW) == 1);
	CHECK(store_commit(f.store, NULL) == 0);
	roll_all(f.store, (uint64_t)(NOW + 4000 * DAY));
	CHECK(calls_left(f.store) == 0 && sum_of(f.store, 0).nsec == 5);
	tear_down(&f);
}

TEST(a_busy_minute_goes_in_slices_and_calls_of_one_moment_together)
{
	struct fixture f;
	int64_t left;

	set_up(&f);
	CHECK(store_begin(f.store, NULL) == 0);
	put_young(f.store);
	for (int64_t i = 0; i < 4500; i++)
		put(f.store, i + 1, NOW - 90 * DAY + i, "user:ada", 1, "done");
	for (int64_t i = 0; i < 2500; i++)
		put(f.store, i + 5000, NOW - 80 * DAY, "user:ada", 1, "done");
	CHECK(store_commit(f.store, NULL) == 0);
	for (left = 7002; left > 3002; left -= 2000) {
		CHECK(calls_left(f.store) == left);
		CHECK(rollup_step(f.store, NOW, NULL) == 1);
	}
	roll_all(f.store, NOW);
	CHECK(calls_left(f.store) == 2 && sum_of(f.store, 0).nsec == 7000);
	tear_down(&f);
}

/* What the planner says of the statement, its lines one after another. */
static void plan_of(struct fixture *f, const char *name, char *ret, size_t max)
{
	char label[64], sql[4096] = "EXPLAIN QUERY PLAN ";
	size_t at = 0, len, n = strlen(sql);
	const char *text;
	sqlite3_stmt *st;
	sqlite3 *db;

	do {
		CHECK(sql_section_next(store_statements_sql, "name", &at, label, &text, &len));
	} while (strcmp(label, name) != 0);
	CHECK(n + len < sizeof(sql));
	for (size_t i = 0; i < len;)
		if (!strncmp(text + i, ":by", 3)) {
			n += (size_t)snprintf(sql + n, sizeof(sql) - n, "space");
			i += 3;
		} else {
			sql[n++] = text[i++];
		}
	sql[n] = '\0';
	CHECK(sqlite3_open(f->path, &db) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
	for (*ret = '\0'; sqlite3_step(st) == SQLITE_ROW;)
		(void)snprintf(ret + strlen(ret), max - strlen(ret), "%s\n",
			(const char *)sqlite3_column_text(st, 3));
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
}

TEST(nobody_who_looks_at_their_usage_has_all_days_of_all_people_read)
{
	static const struct {
		const char *name, *calls, *days;
	} cases[] = {{"usage_of by space model", "usage_account (account=? AND ended_usec>?)",
			     "usage_days_account (account=? AND day>?)"},
		{"usage_all by account space model", "usage_ended (ended_usec>?)", "(day>?)"},
		{"usage_calls_of", "usage_account (account=? AND ended_usec>?)", ""},
		{"usage_calls_all", "usage_ended (ended_usec>?)", ""}};
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char plan[2048];

		plan_of(&f, cases[i].name, plan, sizeof(plan));
		CHECK(strstr(plan, cases[i].calls) && strstr(plan, cases[i].days));
		CHECK(!strstr(plan, "SCAN usage"));
	}
	tear_down(&f);
}

/* Rolls up in a process of its own, which is killed after so many microseconds. */
static void roll_and_be_killed(const char *path, useconds_t after)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		struct store *s;

		if (store_open(path, &s, NULL) < 0)
			_exit(1);
		while (rollup_step(s, NOW, NULL) == 1)
			;
		_exit(0);
	}
	(void)nanosleep(&(struct timespec){.tv_nsec = (long)after * 1000}, NULL);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
}

TEST(killed_in_the_middle_however_often_nothing_is_lost_or_counted_twice)
{
	struct fixture f;
	struct sum before;
	int64_t left;

	set_up(&f);
	fill(f.store);
	before = sum_of(f.store, 0);
	left = calls_left(f.store);
	for (useconds_t i = 0; i < 12; i++) {
		struct sum now;

		(void)store_close(f.store);
		roll_and_be_killed(f.path, 1500 * i);
		CHECK(store_open(f.path, &f.store, NULL) == 0);
		now = sum_of(f.store, 0);
		CHECK(memcmp(&before, &now, sizeof(now)) == 0);
		CHECK(calls_left(f.store) <= left);
		left = calls_left(f.store);
	}
	roll_all(f.store, NOW);
	CHECK(memcmp(&before, &(struct sum[]){sum_of(f.store, 0)}, sizeof(before)) == 0);
	CHECK(calls_left(f.store) < left || left < CALLS / 2);
	tear_down(&f);
}

TEST_MAIN()
