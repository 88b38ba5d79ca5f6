#include "orchestrator/usage/usage.h"

#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "orchestrator/usage/credits.h"
#include "tests/support/test.h"

#define SEC 1000000000ull
#define DAY_USEC (86400ull * 1000000)

static struct usage_policy policy = {.tiers = {{"a", 100, 1, 4, 60, 8}, {"b", 200, 1, 4, 60, 8},
					     {"c", 50, 1, 4, 60, 8}, {"d", 500, 9, 8, 60, 8}},
	.n_tiers = 4,
	.defaults = {0, 1, 2}};

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

static struct budget budget_of(struct fixture *f, const char *account, uint64_t now)
{
	struct budget b;
	struct err e = {0};

	CHECK(usage_budget(f->store, &policy, "", account, now, &b, NULL, &e) == 0);
	return b;
}

static uint64_t level(struct fixture *f, const char *account, uint64_t now)
{
	return budget_of(f, account, now).used_nsec;
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

	CHECK(store_run(f->store, "usage_calls_all", count_rows, &n, &e, "ii", (int64_t)0,
		      (int64_t)100) >= 0);
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

TEST(what_the_platform_computes_again_is_kept_and_charged_to_nobody)
{
	struct fixture f;

	set_up(&f);
	CHECK(take(&f, "j",
		      json_pack("[o,o,o]", row(1, 1, "user:ada", 5 * SEC, "done"),
			      row(2, 2, "platform", SEC, "running"),
			      row(3, 2, "platform", 2 * SEC, "again")),
		      DAY_USEC) == 3);
	CHECK(level(&f, "user:ada", DAY_USEC) == 5 * SEC && rows_of(&f) == 2);
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
	CHECK(usage_prune(f.store, 40 * DAY_USEC, &e) == 0 && rows_of(&f) == 2);
	CHECK(level(&f, "user:ada", DAY_USEC) == 0); /* nor do slots that no window has stay */
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

TEST(what_was_used_counts_for_a_day_and_comes_back_slot_by_slot)
{
	const uint64_t noon = 100 * DAY_USEC + DAY_USEC / 2, hour = 3600000000ull;
	char words[BUDGET_WORDS_MAX];
	struct fixture f;
	struct budget b;

	set_up(&f);
	(void)take(&f, "j", json_pack("[o]", row(1, 1, "user:ada", 60 * SEC, "done")), noon);
	(void)take(&f, "j", json_pack("[o]", row(2, 2, "user:ada", 45 * SEC, "done")), noon + hour);
	b = budget_of(&f, "user:ada", noon + hour);
	CHECK(b.used_nsec == 105 * SEC && budget_left_nsec(&b) == 0);
	CHECK(budget_when(&b, 1, noon + hour) == noon + SLOT_USEC + DAY_USEC);
	CHECK(budget_when(&b, 80 * SEC, noon + hour) == noon + hour + SLOT_USEC + DAY_USEC);
	CHECK(budget_when(&b, 101 * SEC, noon + hour) == BUDGET_NEVER);
	CHECK(budget_full_usec(&b, noon + hour) == noon + hour + SLOT_USEC + DAY_USEC);
	budget_refusal(&b, noon + hour, words);
	CHECK(strstr(words, "100 seconds in 24 hours") && strstr(words, "12:10 UTC on 12 April"));
	budget_returns(&b, noon + hour, words);
	CHECK(strstr(words, "more comes back at 12:10 UTC") && strstr(words, "all of it by 13:10"));
	/* Never less than a day, and a slot more at most. */
	CHECK(level(&f, "user:ada", noon + DAY_USEC) == 105 * SEC);
	CHECK(level(&f, "user:ada", noon + SLOT_USEC + DAY_USEC) == 45 * SEC);
	CHECK(level(&f, "user:ada", noon + hour + SLOT_USEC + DAY_USEC) == 0);
	tear_down(&f);
}

TEST(a_clock_that_is_set_back_and_forth_gives_nobody_a_second_day)
{
	const uint64_t now = 100 * DAY_USEC;
	struct fixture f;
	struct budget b = {0};

	set_up(&f);
	(void)take(&f, "j", json_pack("[o]", row(1, 1, "user:ada", 60 * SEC, "done")), now);
	/* An hour back: what was used then is ahead, and counts. */
	CHECK(level(&f, "user:ada", now - 3600000000ull) == 60 * SEC);
	(void)take(&f, "j", json_pack("[o]", row(2, 2, "user:ada", 5 * SEC, "done")),
		now - 3600000000ull);
	CHECK(level(&f, "user:ada", now) == 65 * SEC);
	/* A clock that was a year ahead for a moment takes nobody's year. */
	(void)take(&f, "j", json_pack("[o]", row(3, 3, "user:ada", 7 * SEC, "done")),
		now + 365 * DAY_USEC);
	CHECK(level(&f, "user:ada", now) == 65 * SEC);
	/* More slots than a window has, of a clock that jumps: none of it is lost. */
	for (int i = 0; i < 2 * SLOTS_MAX; i++)
		budget_add(&b, i, SEC);
	CHECK(b.used_nsec == 2 * SLOTS_MAX * SEC && b.n_slots == SLOTS_MAX);
	tear_down(&f);
}

static void give(struct fixture *f, uint64_t sec, uint64_t expires, uint64_t now)
{
	struct err e = {0};

	CHECK(credit_give(f->store,
		      &(struct credit){.account = "user:ada",
			      .nsec = sec * SEC,
			      .expires_usec = expires,
			      .who = "root",
			      .why = "a talk"},
		      now, &e) == 0);
}

TEST(credits_are_used_after_the_window_and_those_that_expire_first)
{
	const uint64_t now = 100 * DAY_USEC;
	struct fixture f;
	struct budget b;

	set_up(&f);
	give(&f, 40, 0, now);
	give(&f, 10, now + DAY_USEC, now);
	(void)take(&f, "j", json_pack("[o]", row(1, 1, "user:ada", 90 * SEC, "done")), now);
	b = budget_of(&f, "user:ada", now);
	CHECK(b.used_nsec == 90 * SEC && b.credit_nsec == 50 * SEC);
	CHECK(budget_left_nsec(&b) == 60 * SEC);
	/* 10 of the window, 10 of the one that expires, 5 of the other; once, though it comes
	 * twice. */
	for (int i = 0; i < 2; i++)
		(void)take(&f, "j", json_pack("[o]", row(2, 2, "user:ada", 25 * SEC, "done")), now);
	b = budget_of(&f, "user:ada", now);
	CHECK(b.used_nsec == 100 * SEC && b.credit_nsec == 35 * SEC);
	b = budget_of(&f, "user:ada", now + 2 * DAY_USEC);
	CHECK(b.used_nsec == 0 && b.credit_nsec == 35 * SEC);
	/* Beyond both: all of it is charged. */
	(void)take(&f, "j", json_pack("[o]", row(3, 3, "user:ada", 40 * SEC, "done")), now);
	b = budget_of(&f, "user:ada", now);
	CHECK(b.used_nsec == 105 * SEC && b.credit_nsec == 0 && budget_left_nsec(&b) == 0);
	tear_down(&f);
}

TEST(a_credit_that_has_expired_is_worth_nothing)
{
	const uint64_t now = 100 * DAY_USEC;
	struct fixture f;

	set_up(&f);
	give(&f, 40, now + DAY_USEC, now);
	CHECK(budget_of(&f, "user:ada", now + DAY_USEC - 1).credit_nsec == 40 * SEC);
	CHECK(budget_of(&f, "user:ada", now + DAY_USEC).credit_nsec == 0);
	tear_down(&f);
}

TEST(who_has_no_tier_bound_has_the_default_and_a_network_its_class)
{
	struct bind binds[] = {{BIND_USER, "eva", 3, {1, 1}}, {BIND_OWNER, "lab", 3, {1, 1}}};
	struct usage_policy p = policy;
	const struct tier *t = NULL;
	struct err e = {0};
	struct fixture f;

	p.binds = binds;
	p.n_binds = 2;
	set_up(&f);
	CHECK(tiers_of(f.store, &p, "user:eva", "user:eva", &t, &e) == 0 && t == &p.tiers[3]);
	CHECK(tiers_of(f.store, &p, "user:ada", "user:ada", &t, &e) == 0 && t == &p.tiers[0]);
	CHECK(tiers_of(f.store, &p, "", "owner:lab", &t, &e) == 0 && t == &p.tiers[3]);
	CHECK(tiers_of(f.store, &p, "", "network:0f", &t, &e) == 0 && t == &p.tiers[2]);
	CHECK(tiers_of(f.store, &p, "network:0f@d", "network:0f", &t, &e) == 0 && t == &p.tiers[3]);
	CHECK(tiers_of(f.store, &p, "network:0f@none", "network:0f", &t, &e) == 0 &&
		t == &p.tiers[2]);
	CHECK(tiers_of(f.store, &p, "", "nobody", &t, &e) == -EINVAL);
	tear_down(&f);
}

TEST(payers_are_read_strictly)
{
	char account[ACCOUNT_MAX + 1];
	struct fixture f;
	struct err e = {0};

	set_up(&f);
	CHECK(tiers_account_of(f.store, &policy, "user:ada", account, &e) == 0);
	CHECK(!strcmp(account, "user:ada"));
	CHECK(tiers_account_of(f.store, &policy, "network:00ff@b", account, &e) == 0);
	CHECK(!strcmp(account, "network:00ff"));
	CHECK(tiers_account_of(f.store, &policy, "owner:ada", account, &e) == -ENOENT);
	CHECK(tiers_account_of(f.store, &policy, "space:none", account, &e) == -ENOENT);
	CHECK(tiers_account_of(f.store, &policy, "user:", account, &e) == -ENOENT);
	CHECK(tiers_account_of(f.store, &policy, "", account, &e) == -ENOENT);
	tear_down(&f);
}

TEST_MAIN()
