#include "orchestrator/usage/usage.h"

#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/support/test.h"

#define SEC 1000000000ull
#define DAY_USEC (86400ull * 1000000)

static struct usage_policy policy = {.day_sec = {100, 200, 50}};

struct fixture {
	char path[40];
	struct store *store;
	size_t told;
	char account[80];
};

static void set_up(struct fixture *f)
{
	struct err e = {0};
	int fd;

	*f = (struct fixture){.path = "/tmp/vitrine-usage-XXXXXX"};
	fd = mkstemp(f->path);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(store_open(f->path, &f->store, &e) == 0);
}

static void tear_down(struct fixture *f)
{
	char path[60];

	(void)store_close(f->store);
	(void)unlink(f->path);
	(void)snprintf(path, sizeof(path), "%s-wal", f->path);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s-shm", f->path);
	(void)unlink(path);
}

static void on_account(const char *account, void *data)
{
	struct fixture *f = data;

	f->told++;
	(void)snprintf(f->account, sizeof(f->account), "%s", account);
}

static json_t *row(int64_t n, int64_t call, const char *account, uint64_t nsec, const char *outcome)
{
	return json_pack("{s:I,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s}",
		"n", (json_int_t)n, "call", (json_int_t)call, "time_usec", (json_int_t)(1000 + n),
		"payer", account, "account", account, "space", "s1", "session", (json_int_t)1,
		"event", (json_int_t)2, "model", "a/b", "task", "chat", "device", "cpu",
		"queue_usec", (json_int_t)3, "device_nsec", (json_int_t)nsec, "tokens_in",
		(json_int_t)4, "tokens_cached", (json_int_t)0, "tokens_out", (json_int_t)5,
		"outcome", outcome);
}

/* Takes the rows, which it frees; returns the last that is in the ledger. */
static int64_t take(struct fixture *f, const char *journal, json_t *rows, uint64_t now)
{
	struct models_usage m = {.journal = journal, .rows = rows};
	struct err e = {0};
	int64_t n = -1;
	int r = usage_take(f->store, &policy, &m, now, &n, &e);

	if (r < 0)
		fprintf(stderr, "%s\n", e.text);
	CHECK(r == 0);
	usage_each_account(rows, on_account, f);
	json_decref(rows);
	return n;
}

static uint64_t level(struct fixture *f, const char *account, uint64_t now)
{
	struct budget b;
	struct err e = {0};

	CHECK(usage_budget(f->store, &policy, account, now, &b, &e) == 0);
	return b.level_nsec;
}

static int count_rows(const struct store_row *r, void *data)
{
	(void)r;
	++*(int *)data;
	return 0;
}

static int rows_of(struct fixture *f)
{
	struct err e = {0};
	int n = 0;

	CHECK(store_run(f->store, "usage_calls", count_rows, &n, &e, "iissi", (int64_t)0,
		      (int64_t)100, "", "", (int64_t)1) >= 0);
	return n;
}

TEST(rows_that_come_again_are_charged_once)
{
	struct fixture f;

	set_up(&f);
	CHECK(take(&f, "j",
		      json_pack("[o,o]", row(1, 1, "user:ada", 5 * SEC, "done"),
			      row(2, 2, "user:ada", 7 * SEC, "done")),
		      DAY_USEC) == 2);
	CHECK(f.told == 1 && !strcmp(f.account, "user:ada"));
	CHECK(level(&f, "user:ada", DAY_USEC) == 12 * SEC);
	/* The answer was lost: they come again, with one more. */
	CHECK(take(&f, "j",
		      json_pack("[o,o,o]", row(1, 1, "user:ada", 5 * SEC, "done"),
			      row(2, 2, "user:ada", 7 * SEC, "done"),
			      row(3, 3, "user:ada", SEC, "done")),
		      DAY_USEC) == 3);
	CHECK(level(&f, "user:ada", DAY_USEC) == 13 * SEC && rows_of(&f) == 3);
	/* Another journal counts for itself. */
	CHECK(take(&f, "k", json_pack("[o]", row(1, 1, "user:ada", SEC, "done")), DAY_USEC) == 1);
	CHECK(level(&f, "user:ada", DAY_USEC) == 14 * SEC && rows_of(&f) == 4);
	tear_down(&f);
}

TEST(a_long_call_is_one_row_and_charged_by_what_came_to_it)
{
	struct fixture f;
	struct err e = {0};

	set_up(&f);
	CHECK(take(&f, "j",
		      json_pack("[o,o]", row(1, 1, "user:ada", SEC, "running"),
			      row(2, 2, "owner:bob", 9 * SEC, "done")),
		      DAY_USEC) == 2);
	CHECK(take(&f, "j", json_pack("[o]", row(3, 1, "user:ada", 2 * SEC, "running")),
		      DAY_USEC) == 3);
	CHECK(usage_settle(f.store, &e) == 0); /* inference begins anew … */
	CHECK(take(&f, "j", json_pack("[o]", row(4, 1, "user:ada", 2 * SEC + 5, "done")),
		      DAY_USEC) == 4); /* … and it was the link only */
	CHECK(level(&f, "user:ada", DAY_USEC) == 2 * SEC + 5);
	CHECK(level(&f, "owner:bob", DAY_USEC) == 9 * SEC);
	CHECK(rows_of(&f) == 2);
	CHECK(usage_prune(f.store, 40 * DAY_USEC, &e) == 0 && rows_of(&f) == 0);
	CHECK(level(&f, "user:ada", DAY_USEC) == 2 * SEC + 5); /* a budget is no sum of rows */
	tear_down(&f);
}

TEST(a_row_that_is_none_refuses_its_message_and_changes_nothing)
{
	json_t *bad = row(2, 2, "user:ada", SEC, "done"), *rows;
	struct models_usage m = {.journal = "j"};
	struct err e = {0};
	struct fixture f;
	int64_t n;

	set_up(&f);
	CHECK(json_object_del(bad, "model") == 0);
	rows = json_pack("[o,o]", row(1, 1, "user:ada", SEC, "done"), bad);
	m.rows = rows;
	CHECK(usage_take(f.store, &policy, &m, DAY_USEC, &n, &e) == -ENOENT);
	CHECK(strstr(e.text, "model"));
	CHECK(level(&f, "user:ada", DAY_USEC) == 0 && rows_of(&f) == 0 && f.told == 0);
	json_decref(rows);
	tear_down(&f);
}

TEST(a_budget_fills_up_all_day_and_says_when_there_is_some)
{
	struct budget b = {.day_nsec = 100 * SEC, .level_nsec = 100 * SEC, .at_usec = DAY_USEC};
	char words[256];

	CHECK(budget_left_nsec(&b) == 0);
	CHECK(budget_wait_usec(&b) <= DAY_USEC / 100 + 2 && budget_wait_usec(&b) > DAY_USEC / 101);
	usage_refusal(&b, DAY_USEC, words, sizeof(words));
	CHECK(strstr(words, "100 seconds") && strstr(words, "00:14:2"));
	budget_run_off(&b, DAY_USEC + DAY_USEC / 2);
	CHECK(budget_left_nsec(&b) == 50 * SEC && budget_wait_usec(&b) == 0);
	usage_refusal(&b, DAY_USEC, words, sizeof(words));
	CHECK(!words[0]);
	budget_run_off(&b, 10 * DAY_USEC);
	CHECK(b.level_nsec == 0 && budget_left_nsec(&b) == 100 * SEC);
	b = (struct budget){.day_nsec = 0, .at_usec = DAY_USEC};
	CHECK(budget_wait_usec(&b) > 0);
	usage_refusal(&b, DAY_USEC, words, sizeof(words));
	CHECK(words[0]);
}

TEST(payers_and_policies_are_read_strictly)
{
	char account[ACCOUNT_MAX + 1];
	struct usage_policy p = usage_policy_default;
	struct fixture f;
	struct err e = {0};

	set_up(&f);
	CHECK(usage_account_of(f.store, "user:ada", account, &e) == 0);
	CHECK(!strcmp(account, "user:ada"));
	CHECK(usage_account_of(f.store, "network:00ff", account, &e) == 0);
	CHECK(usage_account_of(f.store, "owner:ada", account, &e) == -ENOENT);
	CHECK(usage_account_of(f.store, "space:none", account, &e) == -ENOENT);
	CHECK(usage_account_of(f.store, "user:", account, &e) == -ENOENT);
	CHECK(usage_account_of(f.store, "", account, &e) == -ENOENT);
	CHECK(usage_policy_set(&p, "network=7", &e) == 0 && p.day_sec[BUDGET_NETWORK] == 7);
	CHECK(usage_policy_set(&p, "user=1,owner=0", &e) == 0 && p.day_sec[BUDGET_OWNER] == 0);
	CHECK(usage_policy_set(&p, "user=", &e) == -EINVAL);
	CHECK(usage_policy_set(&p, "user=-1", &e) == -EINVAL);
	CHECK(usage_policy_set(&p, "user=1,", &e) == -EINVAL);
	CHECK(usage_policy_set(&p, "users=1", &e) == -EINVAL);
	tear_down(&f);
}

TEST_MAIN()
