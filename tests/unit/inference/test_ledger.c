/* The ledger over a link to an orchestrator that the test plays. */
#include "inference/ledger/ledger.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "tests/support/test.h"

struct fixture {
	char dir[40];
	struct loop *loop;
	struct ledger *ledger;
	struct link *ours, *theirs;
	int leases;
	char wanted[80]; /* payer of the last WANT */
	json_t *rows;    /* all that came */
	char journal[40];
};

static bool disk_fails;
static int syncs;

/* In place of the C library's, for a disk that fails. */
int fdatasync(int fd)
{
	syncs++;
	if (!disk_fails)
		return fsync(fd);
	errno = EIO;
	return -1;
}

static void on_lease(void *data)
{
	((struct fixture *)data)->leases++;
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct fixture *x = data;
	struct models_want w;
	struct models_usage u;

	(void)files;
	if (l == x->ours) {
		struct models_taken t;

		if (f->type == MODELS_LEASE)
			return ledger_on_lease(x->ledger, f, e);
		CHECK(f->type == MODELS_TAKEN &&
			models_taken_read(&t, f->value, f->length, e) == 0);
		CHECK(ledger_on_taken(x->ledger, &t, e) == 0);
		models_taken_done(&t);
	} else if (f->type == MODELS_WANT) {
		CHECK(models_want_read(&w, f->value, f->length, e) == 0);
		(void)snprintf(x->wanted, sizeof(x->wanted), "%s", w.payer);
		models_want_done(&w);
	} else {
		CHECK(f->type == MODELS_USAGE);
		CHECK(models_usage_read(&u, f->value, f->length, e) == 0);
		CHECK(json_array_extend(x->rows, u.rows) == 0);
		(void)snprintf(x->journal, sizeof(x->journal), "%s", u.journal);
		models_usage_done(&u);
	}
	return 0;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	(void)l;
	(void)data;
	CHECK(!reason->code);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	(void)type;
	return 1 << 20;
}

static void connect_it(struct fixture *x)
{
	static const struct link_ops ops = {
		.on_frame = on_frame, .on_closed = on_closed, .value_max = value_max};
	const struct link_limits limits = {.queue_max = 1 << 20};
	int fds[2];

	CHECK(link_pair(fds) == 0);
	CHECK(link_new(x->loop, fds[0], &ops, &limits, x, &x->ours) == 0);
	CHECK(link_new(x->loop, fds[1], &ops, &limits, x, &x->theirs) == 0);
	ledger_serve(x->ledger, x->ours);
}

static void open_it(struct fixture *x)
{
	static const struct ledger_ops ops = {on_lease};
	struct err e = {0};

	CHECK(loop_new(&x->loop) == 0);
	CHECK(ledger_new(x->loop, x->dir, "cpu", &ops, x, &x->ledger, &e) == 0);
	x->rows = json_array();
}

static void close_it(struct fixture *x)
{
	x->ledger = ledger_free(x->ledger);
	x->ours = link_free(x->ours);
	x->theirs = link_free(x->theirs);
	x->loop = loop_free(x->loop);
	json_decref(x->rows);
}

static void set_up(struct fixture *x)
{
	*x = (struct fixture){.dir = "/tmp/vitrine-ledger-XXXXXX"};
	CHECK(mkdtemp(x->dir));
	open_it(x);
}

static void tear_down(struct fixture *x)
{
	close_it(x);
	CHECK(fs_remove_tree(x->dir) == 0);
}

static void turn(struct fixture *x, int rounds)
{
	while (rounds-- > 0)
		CHECK(loop_dispatch(x->loop, 5) >= 0);
}

static void lease(struct fixture *x, const char *payer, int64_t usec, int64_t n)
{
	struct models_lease m = {.payer = payer,
		.account = payer,
		.usec = usec,
		.journal = x->journal[0] ? x->journal : NULL,
		.n = n,
		.valid_ms = 60000,
		.refusal = usec ? NULL : "come back at 14:05"};
	struct frame f = {.type = MODELS_LEASE};
	CLEANUP(buf_done) struct buf value;
	int before = x->leases;

	buf_init(&value, 1024);
	CHECK(models_lease_write(&m, &value) == 0);
	f.value = value.data;
	f.length = value.len;
	CHECK(link_send(x->theirs, &f) == 0);
	while (x->leases == before)
		turn(x, 1);
}

static void take(struct fixture *x, int64_t n)
{
	struct models_taken m = {.journal = x->journal, .n = n};
	struct frame f = {.type = MODELS_TAKEN};
	CLEANUP(buf_done) struct buf value;

	buf_init(&value, 1024);
	CHECK(models_taken_write(&m, &value) == 0);
	f.value = value.data;
	f.length = value.len;
	CHECK(link_send(x->theirs, &f) == 0);
}

static struct charge begin(struct fixture *x, const char *payer)
{
	struct charge c = {.space = "s1", .model = "a/b", .task = "chat", .session = 3, .event = 4};
	struct account *a;
	struct err e = {0};

	CHECK(ledger_admit(x->ledger, payer, &a, &e) == 0);
	charge_begin(&c, x->ledger, a);
	return c;
}

static void wait_rows(struct fixture *x, size_t n)
{
	for (int i = 0; i < 2000 && json_array_size(x->rows) < n; i++)
		turn(x, 1);
	CHECK(json_array_size(x->rows) == n);
}

static const char *text_of(const struct fixture *x, size_t i, const char *field)
{
	return json_string_value(json_object_get(json_array_get(x->rows, i), field));
}

static int64_t number_of(const struct fixture *x, size_t i, const char *field)
{
	return json_integer_value(json_object_get(json_array_get(x->rows, i), field));
}

TEST(an_unknown_payer_waits_for_a_lease_and_then_spends_it)
{
	struct account *a;
	struct fixture x;
	struct charge c;
	struct err e = {0};

	set_up(&x);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN); /* nobody is there to ask */
	connect_it(&x);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN);
	turn(&x, 3);
	CHECK(!strcmp(x.wanted, "user:ada"));
	lease(&x, "user:ada", 1000, 0);
	c = begin(&x, "user:ada");
	CHECK(charge_add(&c, 999999));
	CHECK(!charge_add(&c, 1)); /* nothing is left: the call must end */
	charge_end(&c, &(struct usage){.tokens_in = 7}, "quota");
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN); /* until it hears why */
	wait_rows(&x, 1);
	CHECK(number_of(&x, 0, "n") == 1 && number_of(&x, 0, "call") == 1);
	CHECK(number_of(&x, 0, "device_nsec") == 1000000 && number_of(&x, 0, "tokens_in") == 7);
	CHECK(!strcmp(text_of(&x, 0, "outcome"), "quota"));
	CHECK(!strcmp(text_of(&x, 0, "payer"), "user:ada"));
	lease(&x, "user:ada", 0, 1);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EDQUOT);
	CHECK(strstr(e.text, "14:05"));
	tear_down(&x);
}

TEST(a_lease_counts_what_its_row_counts_and_the_rest_is_counted_here)
{
	struct account *a;
	struct fixture x;
	struct charge c, d;
	struct err e = {0};

	set_up(&x);
	connect_it(&x);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN);
	lease(&x, "user:ada", 10000, 0);
	c = begin(&x, "user:ada");
	d = begin(&x, "user:ada"); /* two at once share it */
	CHECK(charge_add(&c, 4000000) && charge_add(&d, 5000000));
	charge_end(&c, &(struct usage){0}, "done");
	wait_rows(&x, 1);
	/* The orchestrator has row 1 and says 6 ms are left; d has used 5 of them. */
	lease(&x, "user:ada", 6000, 1);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == 0);
	CHECK(account_left_nsec(a) == 1000000);
	/* A lease that counts nothing of ours leaves all of ours to be taken off. */
	charge_end(&d, &(struct usage){0}, "done");
	lease(&x, "user:ada", 10000, 1);
	CHECK(account_left_nsec(a) == 5000000);
	tear_down(&x);
}

TEST(a_lease_says_how_much_one_call_may_use_and_how_many_run_at_once)
{
	struct models_lease m = {.payer = "user:ada",
		.account = "user:ada",
		.usec = 1000,
		.valid_ms = 60000,
		.weight = 4,
		.concurrent = 2,
		.call_ms = 3,
		.memory_mib = 5};
	struct accounts *all = NULL;
	struct account *a;

	CHECK(accounts_new(&all) == 0);
	a = accounts_get(all, "user:ada", 1);
	CHECK(a->weight == 1 && !account_is_full(a));
	account_lease(a, &m, "j", 1);
	CHECK(a->weight == 4 && a->call_nsec == 3000000 && a->memory_bytes == 5u << 20);
	account_begin_call(a);
	CHECK(!account_is_full(a));
	account_begin_call(a);
	CHECK(account_is_full(a));
	m = (struct models_lease){.payer = "user:ada", .account = "user:ada", .valid_ms = 1};
	account_lease(a, &m, "j", 1); /* of an orchestrator that says nothing of it */
	CHECK(a->weight == 1 && a->call_nsec == 0 && !account_is_full(a));
	(void)accounts_free(all);
}

TEST(what_is_expected_to_take_more_than_is_left_is_refused_with_what_fits)
{
	struct models_lease m = {.payer = "user:ada",
		.account = "user:ada",
		.usec = 1000000,
		.valid_ms = 60000,
		.returns = "more comes back at 14:10 UTC"};
	struct accounts *all = NULL;
	struct account *a;
	struct err e = {0};
	int begun = 0;

	CHECK(accounts_new(&all) == 0);
	a = accounts_get(all, "user:ada", 1);
	account_lease(a, &m, "j", 1);
	CHECK(account_afford(a, 1000000000, &e) == 0);
	CHECK(account_afford(a, 3000000000, &e) == -EDQUOT);
	CHECK(strstr(e.text, "about 3 s") && strstr(e.text, "1 s left"));
	CHECK(strstr(e.text, "more comes back at 14:10 UTC"));
	/* A hundred at once, each of which takes 0.15 s: those that fit, and no more. */
	for (int i = 0; i < 100; i++) {
		if (account_afford(a, 150000000, &e) < 0)
			continue;
		account_reserve(a, 150000000);
		begun++;
	}
	CHECK(begun == 6 && strstr(e.text, "0.1 s left beside what runs"));
	(void)accounts_free(all);
}

static struct account *space_of(struct accounts *all, const char *payer, const char *owner)
{
	struct models_lease m = {.payer = payer,
		.account = owner,
		.usec = 1000000,
		.valid_ms = 60000,
		.concurrent = 2};
	struct account *a = accounts_get(all, payer, 1);

	account_lease(a, &m, "j", 1);
	return a;
}

TEST(what_may_run_at_once_counts_over_all_payers_of_one_account)
{
	struct accounts *all = NULL;
	struct account *a, *b, *other;
	struct err e = {0};

	CHECK(accounts_new(&all) == 0);
	a = space_of(all, "space:a", "owner:ada");
	b = space_of(all, "space:b", "owner:ada");
	other = space_of(all, "space:c", "owner:bob");
	account_begin_call(a);
	account_begin_call(b);
	account_reserve(a, 700000000);
	CHECK(account_is_full(a) && account_is_full(b) && !account_is_full(other));
	CHECK(account_afford(b, 400000000, &e) == -EDQUOT);
	CHECK(account_afford(other, 400000000, &e) == 0);
	/* A call of one ends, and another's may begin. */
	account_wait_for_room(b);
	account_wait_for_room(other);
	account_end_call(a);
	CHECK(account_calls_next(a) && !account_calls_next(b) && !account_is_full(b));
	CHECK(account_calls_next(other));
	/* It is somebody else's from now on. */
	account_begin_call(a);
	(void)space_of(all, "space:a", "owner:bob");
	CHECK(!account_is_full(b) && account_afford(b, 400000000, &e) == 0);
	account_begin_call(other);
	CHECK(account_is_full(a) && account_is_full(other));
	(void)accounts_free(all);
}

TEST(an_account_that_was_forgotten_has_no_part_in_its_name)
{
	struct accounts *all = NULL;
	struct account *a;
	char payer[32];

	CHECK(accounts_new(&all) == 0);
	a = space_of(all, "space:a", "owner:ada");
	account_begin_call(a);
	account_begin_call(space_of(all, "space:b", "owner:ada"));
	account_end_call(accounts_get(all, "space:b", 1));
	for (int i = 0; i < ACCOUNTS_MAX; i++) {
		(void)snprintf(payer, sizeof(payer), "user:%d", i);
		CHECK(accounts_get(all, payer, 2));
	}
	CHECK(!account_is_full(a));
	account_begin_call(a);
	CHECK(account_is_full(a));
	(void)accounts_free(all);
}

/* --- one number for an account, whoever draws on it --- */

#define N_PAYERS 6
#define N_OWNERS 2

/* An orchestrator that gets rows late, and what is true. */
struct truth {
	struct accounts *all;
	struct account *payers[N_PAYERS];
	unsigned int owner[N_PAYERS];
	uint64_t written[N_PAYERS];                 /* of what they spent, in rows */
	uint64_t budget[N_OWNERS], spent[N_OWNERS]; /* in all */
	uint64_t counted[N_OWNERS];                 /* of it, in rows that were taken */
	struct {
		unsigned int owner;
		uint64_t nsec;
	} rows[40000];
	size_t n, taken;
};

static void lease_true(struct truth *t, unsigned int i)
{
	static const char *const owners[N_OWNERS] = {"owner:ada", "owner:bob"};
	unsigned int o = t->owner[i];
	struct models_lease m = {.payer = t->payers[i]->payer,
		.account = owners[o],
		.usec = t->budget[o] > t->counted[o]
				? (int64_t)((t->budget[o] - t->counted[o]) / 1000)
				: 0,
		.journal = "j",
		.n = (int64_t)t->taken,
		.valid_ms = 60000};

	account_lease(t->payers[i], &m, "j", 1);
}

static void write_true(struct truth *t, unsigned int i)
{
	struct account *a = t->payers[i];
	uint64_t nsec = a->running_nsec;

	t->rows[t->n].owner = t->owner[i];
	t->rows[t->n].nsec = nsec;
	account_book(a, ++t->n, nsec);
}

static void take_true(struct truth *t, size_t most)
{
	for (; t->taken < t->n && most > 0; most--, t->taken++)
		t->counted[t->rows[t->taken].owner] += t->rows[t->taken].nsec;
}

static uint64_t left_true(const struct truth *t, unsigned int i)
{
	unsigned int o = t->owner[i];

	return t->spent[o] < t->budget[o] ? t->budget[o] - t->spent[o] : 0;
}

static void begin_true(struct truth *t)
{
	char payer[16];

	*t = (struct truth){.budget = {300000000000, 500000000000}};
	CHECK(accounts_new(&t->all) == 0);
	for (unsigned int i = 0; i < N_PAYERS; i++) {
		(void)snprintf(payer, sizeof(payer), "space:%u", i);
		t->payers[i] = accounts_get(t->all, payer, 1);
		t->owner[i] = i % N_OWNERS;
		lease_true(t, i);
	}
}

TEST(what_is_left_of_an_account_is_one_number_whoever_draws_on_it_and_whenever_leases_come)
{
	static struct truth t;

	begin_true(&t);
	srand(7);
	for (int round = 0; round < 30000; round++) {
		unsigned int i = (unsigned int)rand() % N_PAYERS;
		uint64_t nsec = (uint64_t)(rand() % 200) * 1000000;

		switch (rand() % 8) {
		case 0:
			write_true(&t, i);
			break;
		case 1:
			take_true(&t, (size_t)rand() % 30);
			break;
		case 2:
			take_true(&t, SIZE_MAX); /* with its lease, as the real one does */
			lease_true(&t, i);
			break;
		default:
			t.spent[t.owner[i]] += nsec;
			CHECK(account_spend(t.payers[i], nsec) == (left_true(&t, i) > 0));
		}
		for (unsigned int j = 0; j < N_PAYERS; j++)
			CHECK(account_left_nsec(t.payers[j]) == left_true(&t, j));
	}
	CHECK(left_true(&t, 0) == 0 && left_true(&t, 1) == 0);
	(void)accounts_free(t.all);
}

TEST(a_steady_load_of_more_rows_than_are_told_apart_is_not_counted_twice)
{
	static struct truth t;

	begin_true(&t);
	for (size_t round = 0; round < 39000; round++) {
		t.spent[0] += 10000000;
		(void)account_spend(t.payers[0], 10000000);
		write_true(&t, 0);
		if (t.n - t.taken > 300) {
			take_true(&t, 100); /* three hundred behind */
			lease_true(&t, 0);
		}
		CHECK(account_left_nsec(t.payers[0]) <= left_true(&t, 0));
		CHECK(account_left_nsec(t.payers[0]) + 24 * 10000000ull >= left_true(&t, 0));
	}
	take_true(&t, SIZE_MAX);
	lease_true(&t, 0);
	CHECK(account_left_nsec(t.payers[0]) == left_true(&t, 0));
	(void)accounts_free(t.all);
}

TEST(a_space_that_gets_an_account_of_its_own_takes_along_what_it_has_in_no_row)
{
	static struct truth t;

	begin_true(&t);
	t.spent[0] += 5000000;
	CHECK(account_spend(t.payers[0], 5000000) && account_spend(t.payers[2], 3000000));
	/* It will be charged to bob, since that is what its row will say. */
	t.owner[0] = 1;
	lease_true(&t, 0);
	CHECK(account_left_nsec(t.payers[0]) == t.budget[1] - 5000000);
	CHECK(account_left_nsec(t.payers[1]) == t.budget[1] - 5000000);
	CHECK(account_left_nsec(t.payers[2]) == t.budget[0] - 3000000);
	CHECK(account_left_nsec(t.payers[4]) == t.budget[0] - 3000000);
	write_true(&t, 0);
	CHECK(account_left_nsec(t.payers[0]) == t.budget[1] - 5000000);
	take_true(&t, SIZE_MAX);
	lease_true(&t, 0);
	CHECK(account_left_nsec(t.payers[0]) == t.budget[1] - 5000000);
	(void)accounts_free(t.all);
}

TEST(an_orchestrator_that_has_begun_anew_is_asked_for_each_payer_again)
{
	struct fixture x;
	struct charge c;

	set_up(&x);
	connect_it(&x);
	(void)ledger_admit(x.ledger, "user:ada", &(struct account *){NULL}, &(struct err){0});
	lease(&x, "user:ada", 1000000, 0);
	x.wanted[0] = '\0';
	c = begin(&x, "user:ada");
	turn(&x, 3);
	CHECK(!x.wanted[0]); /* the lease is fresh */
	charge_end(&c, &(struct usage){0}, "done");
	x.ours = link_free(x.ours);
	x.theirs = link_free(x.theirs);
	ledger_serve(x.ledger, NULL);
	connect_it(&x);
	c = begin(&x, "user:ada"); /* what it had is good meanwhile */
	turn(&x, 3);
	CHECK(!strcmp(x.wanted, "user:ada"));
	charge_end(&c, &(struct usage){0}, "done");
	tear_down(&x);
}

/* A disk that takes nothing, or does again. */
static void set_full(bool full)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

TEST(what_a_call_used_whose_row_could_not_be_written_is_charged_before_the_next_one)
{
	struct account *a;
	struct fixture x;
	struct charge c;
	struct err e = {0};

	set_up(&x);
	connect_it(&x);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN);
	lease(&x, "user:ada", 1000, 0);
	c = begin(&x, "user:ada");
	CHECK(!charge_add(&c, 1000000)); /* all of it */
	set_full(true);
	charge_end(&c, &(struct usage){0}, "quota");
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN && a->owed_nsec == 1000000);
	set_full(false);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == -EAGAIN && a->owed_nsec == 0);
	wait_rows(&x, 1);
	CHECK(number_of(&x, 0, "device_nsec") == 1000000 && number_of(&x, 0, "call") == 1);
	CHECK(!strcmp(text_of(&x, 0, "payer"), "user:ada"));
	CHECK(!strcmp(text_of(&x, 0, "outcome"), "lost"));
	/* More has come back since, and nothing is counted twice. */
	lease(&x, "user:ada", 1000, 1);
	CHECK(ledger_admit(x.ledger, "user:ada", &a, &e) == 0);
	CHECK(account_left_nsec(a) == 1000000 && a->running_nsec == 0);
	tear_down(&x);
}

TEST(rows_come_again_until_they_are_taken)
{
	struct fixture x;
	struct charge c;

	set_up(&x);
	connect_it(&x);
	(void)ledger_admit(x.ledger, "user:ada", &(struct account *){NULL}, &(struct err){0});
	lease(&x, "user:ada", 1000000, 0);
	for (int i = 0; i < 300; i++) { /* more than a message holds */
		c = begin(&x, "user:ada");
		CHECK(charge_add(&c, 1000));
		charge_end(&c, &(struct usage){0}, "done");
	}
	wait_rows(&x, 300);
	x.ours = link_free(x.ours);
	x.theirs = link_free(x.theirs);
	ledger_serve(x.ledger, NULL);
	json_array_clear(x.rows);
	connect_it(&x);
	wait_rows(&x, 300);
	for (size_t i = 0; i < 300; i++)
		CHECK(number_of(&x, i, "n") == (int64_t)i + 1);
	CHECK(ledger_waiting(x.ledger) == 300);
	tear_down(&x);
}

TEST(no_row_is_sent_before_it_is_on_the_disk)
{
	struct fixture x;
	struct charge c;

	set_up(&x);
	connect_it(&x);
	(void)ledger_admit(x.ledger, "user:ada", &(struct account *){NULL}, &(struct err){0});
	lease(&x, "user:ada", 1000000, 0);
	disk_fails = true;
	syncs = 0;
	for (int i = 0; i < 2; i++) {
		c = begin(&x, "user:ada");
		charge_end(&c, &(struct usage){0}, "done");
		while (syncs <= i)
			turn(&x, 1);
	}
	turn(&x, 3);
	CHECK(json_array_size(x.rows) == 0);
	disk_fails = false;
	c = begin(&x, "user:ada");
	charge_end(&c, &(struct usage){0}, "done");
	wait_rows(&x, 3);
	tear_down(&x);
}

/* A sync holds the loop up, and with it all that is being written. */
TEST(many_calls_share_a_sync)
{
	struct fixture x;
	struct charge c;
	uint64_t from;
	size_t n = 0;

	set_up(&x);
	connect_it(&x);
	(void)ledger_admit(x.ledger, "user:ada", &(struct account *){NULL}, &(struct err){0});
	lease(&x, "user:ada", 1000000, 0);
	from = clock_mono_usec();
	for (syncs = 0; syncs < 3; n++) {
		char payer[32];

		c = begin(&x, "user:ada");
		charge_end(&c, &(struct usage){0}, "done");
		/* A new payer is asked for, and what came is taken: neither is a reason. */
		(void)snprintf(payer, sizeof(payer), "user:%zu", n % 100);
		(void)ledger_admit(x.ledger, payer, &(struct account *){NULL}, &(struct err){0});
		turn(&x, 1);
		if (json_array_size(x.rows) > 0 && ledger_waiting(x.ledger) == n + 1)
			take(&x, (int64_t)json_array_size(x.rows));
	}
	CHECK(n > 3 && clock_mono_usec() - from >= 2 * 200 * USEC_PER_MSEC);
	wait_rows(&x, n);
	tear_down(&x);
}

/* In a child that ends without a word, as by SIGKILL. */
static void die_in_a_long_call(struct fixture *x, uint64_t nsec)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		struct charge c;

		open_it(x);
		connect_it(x);
		(void)ledger_admit(
			x->ledger, "user:ada", &(struct account *){NULL}, &(struct err){0});
		lease(x, "user:ada", 1000000000, 0);
		c = begin(x, "user:ada");
		for (uint64_t done = 0; done < nsec; done += 15000000)
			CHECK(charge_add(&c, 15000000));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(a_kill_in_a_call_charges_what_was_done_but_for_the_last_moment_and_no_more)
{
	const uint64_t done = 4530000000; /* 302 steps */
	struct fixture x;
	size_t last;

	set_up(&x);
	close_it(&x);
	x.ours = x.theirs = NULL;
	die_in_a_long_call(&x, done);
	open_it(&x);
	connect_it(&x);
	for (int i = 0; i < 40; i++)
		turn(&x, 1);
	last = json_array_size(x.rows) - 1;
	CHECK(json_array_size(x.rows) > 1 && !strcmp(text_of(&x, last, "outcome"), "lost"));
	for (size_t i = 0; i <= last; i++)
		CHECK(number_of(&x, i, "call") == 1);
	CHECK((uint64_t)number_of(&x, last, "device_nsec") <= done);
	CHECK((uint64_t)number_of(&x, last, "device_nsec") + 65000000 >= done);
	CHECK(number_of(&x, last, "device_nsec") == number_of(&x, last - 1, "device_nsec"));
	/* Settled once. */
	close_it(&x);
	x.ours = x.theirs = NULL;
	open_it(&x);
	CHECK(ledger_waiting(x.ledger) == last + 1);
	tear_down(&x);
}

TEST_MAIN()
