/*
 * The real vitrine-inference between an orchestrator that keeps exact accounts, a gateway that
 * seals grants, and workers that take all they can get: what is charged is what the device did, to
 * whom it belongs, and nobody gets more than there is.
 */
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/random.h"
#include "proto/grant.h"
#include "proto/messages.h"
#include "tests/peer/bank.h"
#include "tests/peer/infer.h"
#include "tests/support/test.h"

#define WRITER "vitrine/tiny-writer"
#define SEC 1000000000ull
#define PART_NSEC 50000000ull /* of a call between two of its rows, in inference/ledger */
#define N_WORKERS 4
#define N_CALLERS 100

static char usage_dir[40] = "/tmp/vitrine-quota-XXXXXX";
static struct peer agent, gateway, workers[N_WORKERS];
static struct grant_key key;

/* --- those who call --- */

static struct caller {
	struct peer *worker;
	uint32_t seq, session, event;
	char replica[8], payer[40]; /* payer "": its Space's owner */
	bool runs, goes_on;
	char code[32], words[300]; /* of how its last call ended; "": well */
	unsigned int done, tokens;
} callers[N_CALLERS];
static size_t n_callers;

static void seal(const char *replica, uint32_t session, uint32_t n, const struct grant_terms *terms,
	char ret[GRANT_MAX + 1])
{
	const struct grant_place place = {.replica = replica, .session = session, .n = n};

	CHECK(grant_seal(&key, &place, terms, ret));
}

static struct grant_terms terms_of(const char *payer, uint32_t budget_msec)
{
	struct grant_terms t = {.budget_msec = budget_msec,
		.deadline_usec = clock_mono_usec() + 600 * USEC_PER_SEC};

	(void)snprintf(t.payer, sizeof(t.payer), "%s", payer);
	return t;
}

static void send_call(struct peer *w, uint32_t seq, uint32_t session, uint32_t event,
	const char *grant, unsigned int tokens)
{
	const struct frame head = {
		.type = INFER_CALL, .seq = seq, .channel = session, .node = event};
	char value[800];
	int n = snprintf(value, sizeof(value),
		"{\"model\":\"" WRITER "\",\"task\":\"text-generation\",%s%s%s"
		"\"inputs\":\"Once upon a time\",\"options\":{\"temperature\":2,"
		"\"max_tokens\":%u}}",
		grant ? "\"grant\":\"" : "", grant ? grant : "", grant ? "\"," : "", tokens);

	CHECK(n > 0 && (size_t)n < sizeof(value));
	send_frame(w, &head, value, (size_t)n, -1);
}

static void begin(struct caller *c, unsigned int tokens)
{
	char grant[GRANT_MAX + 1];
	const struct grant_terms terms = terms_of(c->payer, 600000);

	seal(c->replica, c->session, c->event, &terms, grant);
	send_call(c->worker, c->seq, c->session, c->event, c->payer[0] ? grant : NULL, tokens);
	c->runs = true;
	c->tokens = 0;
}

static void on_worker(struct peer *w, int type)
{
	struct caller *c = NULL;

	CHECK(type >= 0);
	for (size_t i = 0; i < n_callers && !c; i++)
		if (callers[i].worker == w && callers[i].seq == w->f.seq && callers[i].runs)
			c = &callers[i];
	if (!c)
		return; /* it was left alone */
	if (type == INFER_TOKEN) {
		c->tokens++;
		return;
	}
	c->runs = false;
	c->done += type == INFER_RESULT;
	(void)snprintf(c->code, sizeof(c->code), "%s", text_of(w, "code"));
	(void)snprintf(c->words, sizeof(c->words), "%s", text_of(w, "message"));
	if (c->goes_on && type == INFER_RESULT)
		begin(c, 400);
}

/* One round of all that has come; waits where nothing has. */
static void pump(void)
{
	struct peer *all[N_WORKERS + 3] = {&bank.link, &agent, &gateway};
	struct pollfd fds[N_WORKERS + 3];
	size_t n = 3;

	for (size_t i = 0; i < N_WORKERS; i++)
		if (workers[i].fd > 0)
			all[n++] = &workers[i];
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = all[i]->fd, .events = POLLIN};
	CHECK(poll(fds, n, PATIENCE_MS) > 0);
	for (size_t i = 0; i < n; i++)
		while (has_message(all[i])) {
			int type = next_frame(all[i]);

			if (type == 0)
				continue;
			if (all[i] == &bank.link)
				bank_take(type);
			else if (i >= 3)
				on_worker(all[i], type);
			if (type < 0 || bank.dies)
				break;
		}
}

static bool any_runs(void)
{
	for (size_t i = 0; i < n_callers; i++)
		if (callers[i].runs)
			return true;
	return false;
}

static uint64_t earlier_nsec; /* charged by lives of inference before this one */

/* Until all is in the ledger, and says what the device was busy, to the microsecond. */
static void until_settled(void)
{
	double busy, sum;

	for (int i = 0; i < 5; i++) {
		free(bank.link.metrics);
		bank.link.metrics = NULL;
		while (!bank.link.metrics)
			pump();
		busy = metric("vitrine_inference_device_busy_seconds_total ");
		sum = (double)(charged_nsec() - earlier_nsec) / 1e9;
		if (metric("vitrine_inference_usage_rows_waiting ") == 0 && fabs(busy - sum) < 2e-6)
			return;
	}
	fprintf(stderr, "busy %f s, charged %f s\n", busy, sum);
	CHECK(!"the ledger sums to what the device did");
}

static void greet(void)
{
	char digits[2 * GRANT_KEY_LEN + 1], value[256];

	dial(&gateway);
	hex_write(key.bytes, GRANT_KEY_LEN, digits);
	(void)snprintf(value, sizeof(value), "{\"id\":%u,\"key\":\"%s\",\"until_usec\":%llu}",
		key.id, digits, (unsigned long long)key.until_usec);
	send_message(&gateway, MODELS_KEY, 0, value, -1);
}

/* Workers w0 to w3 of as many Spaces. */
static void attach_workers(void)
{
	char replica[8];

	for (unsigned int i = 0; i < N_WORKERS; i++) {
		(void)snprintf(replica, sizeof(replica), "w%u", i);
		attach(&agent, &workers[i], replica);
	}
}

static void add_callers(size_t n, const char *payer)
{
	n_callers = n;
	for (uint32_t i = 0; i < n; i++) {
		struct caller *c = &callers[i];

		*c = (struct caller){.worker = &workers[i % N_WORKERS],
			.seq = 1 + i,
			.session = 1 + i,
			.event = 1};
		(void)snprintf(c->replica, sizeof(c->replica), "w%u", i % N_WORKERS);
		(void)snprintf(c->payer, sizeof(c->payer), "%s", payer);
	}
}

static void end_event(const struct caller *c)
{
	const struct frame head = {.type = MODELS_REVOKE};
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 64);
	CHECK(buf_add(&b, c->replica, strlen(c->replica) + 1) == 0);
	CHECK(buf_add_u32(&b, c->session) == 0 && buf_add_u32(&b, c->event) == 0);
	send_frame(&gateway, &head, b.data, b.len, -1);
}

/* --- quota races --- */

static void until_all_have_ended(void)
{
	while (any_runs())
		pump();
}

/* Each calls again and again until it hears that there is no more. */
static void race(const char *payer, const char *account)
{
	uint64_t before = bank.accounts[account_of(account)].used_nsec, used;
	double step;

	set_left(account, SEC);
	add_callers(N_CALLERS, payer);
	for (size_t i = 0; i < n_callers; i++) {
		callers[i].goes_on = true;
		begin(&callers[i], 400);
	}
	until_all_have_ended();
	until_settled();
	used = bank.accounts[account_of(account)].used_nsec - before;
	step = longest_step_sec();
	printf("  of 1 s %.6f s were used; no step took more than %g s\n", (double)used / 1e9,
		step);
	CHECK(used >= SEC && (double)(used - SEC) / 1e9 <= step);
	for (size_t i = 0; i < n_callers; i++) {
		CHECK(!strcmp(callers[i].code, "quota"));
		CHECK(strstr(callers[i].words, AGAIN));
	}
	/* Who comes later is refused before anything is done. */
	add_callers(1, payer);
	begin(&callers[0], 400);
	until_all_have_ended();
	CHECK(!strcmp(callers[0].code, "quota") && strstr(callers[0].words, "used up"));
	set_left(account, 1000 * SEC);
}

TEST(a_visitor_with_a_second_left_gets_that_second_and_one_step_in_four_spaces_together)
{
	race("user:eve", "user:eve");
}

TEST(four_spaces_of_one_owner_with_a_second_left_get_that_second_and_one_step_together)
{
	race("", "owner:ada");
}

/* --- forged grants --- */

static unsigned int refused;

/* A call of session 900 on w0, until it has ended. "": it was let through. */
static const char *try_grant(struct peer *w, uint32_t event, const char *grant)
{
	n_callers = 1;
	callers[0] = (struct caller){
		.worker = w, .seq = 9000, .session = 900, .event = event, .runs = true};
	send_call(w, 9000, 900, event, grant, 3);
	until_all_have_ended();
	/* One that ran when its event ended was none that was refused. */
	refused += callers[0].code[0] && strcmp(callers[0].code, "cancelled") != 0;
	return callers[0].words;
}

static void check_refused(struct peer *w, uint32_t event, const char *grant, const char *words)
{
	const char *got = try_grant(w, event, grant);

	if (!strstr(got, words))
		fprintf(stderr, "'%s' is not: %s\n", got, words);
	CHECK(callers[0].code[0] && strstr(got, words));
}

static void check_tampered(const char *grant)
{
	char forged[GRANT_MAX + 1];

	/* Each part of it: key, nonce, version, budget, expectation, deadline, payer, tag. */
	for (size_t i = 0; i < strlen(grant); i += 3) {
		(void)snprintf(forged, sizeof(forged), "%s", grant);
		forged[i] = forged[i] == '0' ? '1' : '0';
		if (i >= 8) /* or it names a key that may come yet, and is held for it */
			check_refused(&workers[0], 1, forged, "grant");
	}
	(void)snprintf(forged, sizeof(forged), "%.*s", (int)strlen(grant) - 2, grant);
	check_refused(&workers[0], 1, forged, "grant");
}

TEST(no_grant_is_good_but_the_right_one_and_nothing_is_charged_for_the_others)
{
	struct grant_terms good = terms_of("user:bob", 600000), old = good, little;
	char text[GRANT_MAX + 1], other[GRANT_MAX + 1];
	struct grant_key strange = {.id = key.id, .bytes = {1}, .until_usec = key.until_usec};
	const struct grant_place place = {.replica = "w0", .session = 900, .n = 1};
	struct caller ended = {.replica = "w0", .session = 900, .event = 5};
	uint64_t charged;
	double counted;

	until_settled();
	charged = charged_nsec();
	counted = metric("vitrine_inference_calls_total{result=\"refused\"} ");
	refused = 0;
	seal("w0", 900, 1, &good, text);
	check_tampered(text);
	check_refused(&workers[1], 1, text, "it is not this event's on this link");
	check_refused(&workers[0], 2, text, "it is not this event's on this link");
	seal("w1", 900, 1, &good, other); /* of another Space's worker */
	check_refused(&workers[0], 1, other, "it is not this event's on this link");
	CHECK(grant_seal(&strange, &place, &good, other)); /* with a key of one's own */
	check_refused(&workers[0], 1, other, "it is not this event's on this link");
	old.deadline_usec = clock_mono_usec() - 1;
	seal("w0", 900, 1, &old, other);
	check_refused(&workers[0], 1, other, "the time in which this event may use models is over");
	seal("w0", 900, 5, &good, other);
	end_event(&ended);
	do /* it comes over another link */
		(void)try_grant(&workers[0], 5, other);
	while (!callers[0].code[0]);
	check_refused(&workers[0], 5, other, "the event that this call belongs to has ended");
	until_settled();
	for (size_t i = 0; i < bank.n_rows; i++)
		CHECK(bank.rows[i].session != 900 || bank.rows[i].event == 5);
	if (charged_nsec() != charged)
		printf("  a call was through before its event had ended\n");
	printf("  %u were refused\n", refused);
	CHECK(metric("vitrine_inference_calls_total{result=\"refused\"} ") == counted + refused);

	/* One that comes again opens what is left of the same budget. */
	little = terms_of("user:bob", 20);
	seal("w0", 900, 7, &little, text);
	while (!strstr(try_grant(&workers[0], 7, text), "all that one may use"))
		CHECK(!callers[0].code[0] || strstr(callers[0].words, "used"));
	charged = bank.accounts[account_of("user:bob")].used_nsec;
	check_refused(&workers[0], 7, text, "all that one may use");
	until_settled();
	charged = 0;
	for (size_t i = 0; i < bank.n_rows; i++)
		if (bank.rows[i].session == 900 && bank.rows[i].event == 7)
			charged += bank.rows[i].nsec;
	CHECK(charged >= 20000000 && (double)(charged - 20000000) / 1e9 <= longest_step_sec());
}

/* --- a mixed load, with ends of all kinds --- */

static const char *const mixed[] = {"user:bob", "user:eva", ""};

static void next_event(struct caller *c)
{
	c->event++;
	begin(c, 5 + (unsigned int)rand() % 60);
}

static void detach(struct caller *c)
{
	for (size_t i = 0; i < n_callers; i++)
		if (callers[i].worker == c->worker)
			callers[i].runs = false;
	peer_done(c->worker);
	attach(&agent, c->worker, c->replica);
}

/* Something happens to one of them. */
static void disturb(void)
{
	struct caller *c = &callers[(size_t)rand() % n_callers];

	switch (rand() % 12) {
	case 0:
		end_event(c);
		break;
	case 1:
		if (c->runs)
			send_message(c->worker, INFER_STOP, c->seq, "", -1);
		break;
	case 2:
		if (rand() % 4 == 0)
			detach(c);
		break;
	case 3:
		bank.dies = rand() % 3 == 0;
		break;
	default:
		break;
	}
}

/* It may have written rows and said nothing. */
static void bring_bank_back(void)
{
	peer_done(&bank.link);
	bank_begin();
}

static void check_rows_are_whose_they_are(void)
{
	for (size_t i = 0; i < bank.n_rows; i++) {
		const struct row *r = &bank.rows[i];
		const char *payer = r->session >= 2000 ? mixed[r->session % 3] : NULL;

		CHECK(strcmp(r->outcome, "running") != 0);
		if (payer && *payer)
			CHECK(!strcmp(r->payer, payer));
		else if (payer)
			CHECK(!strncmp(r->payer, "space:s-w", 9));
	}
}

static void add_mixed(size_t n)
{
	add_callers(n, "");
	for (uint32_t i = 0; i < n; i++) {
		callers[i].session = 2001 + i;
		(void)snprintf(callers[i].payer, sizeof(callers[i].payer), "%s",
			mixed[callers[i].session % 3]);
	}
}

TEST(calls_cancelled_links_cut_and_a_ledger_that_dies_leave_each_ms_charged_once)
{
	unsigned int ended = 0, deaths = 0;

	srand(5);
	add_mixed(12);
	while (ended < 400) {
		for (size_t i = 0; i < n_callers; i++)
			if (!callers[i].runs) {
				next_event(&callers[i]);
				ended++;
			}
		disturb();
		pump();
		if (bank.dies && ++deaths)
			bring_bank_back();
	}
	until_all_have_ended();
	until_settled();
	check_rows_are_whose_they_are();
	printf("  %zu calls, %u deaths of the ledger, %u rows that came again\n", bank.n_rows,
		deaths, bank.again);
	CHECK(bank.again > 0);
}

/* --- kill -9 --- */

static bool all_write(unsigned int tokens)
{
	for (size_t i = 0; i < n_callers; i++)
		if (callers[i].runs && callers[i].tokens < tokens)
			return false;
	return true;
}

static void meet(void)
{
	dial(&agent);
	bank_begin();
	greet();
	attach_workers();
}

static void part(void)
{
	for (size_t i = 0; i < N_WORKERS; i++)
		peer_done(&workers[i]);
	peer_done(&gateway);
	peer_done(&bank.link);
	peer_done(&agent);
}

TEST(kill_9_costs_a_moment_of_each_call_and_charges_none_twice)
{
	uint64_t charged, lost = 0;
	double busy;

	add_mixed(3);
	for (size_t i = 0; i < n_callers; i++) {
		callers[i].goes_on = true;
		next_event(&callers[i]);
	}
	while (!all_write(3))
		pump();
	free(bank.link.metrics);
	bank.link.metrics = NULL;
	while (!bank.link.metrics)
		pump();
	busy = metric("vitrine_inference_device_busy_seconds_total ");
	inference_kill_and_start();
	part();
	n_callers = 0;
	meet();
	/* It has charged what its journal says before anybody calls it. */
	charged = bank.n_rows;
	do {
		pump();
		lost = 0;
		for (size_t i = 0; i < bank.n_rows; i++)
			lost += !strcmp(bank.rows[i].outcome, "running");
	} while (lost > 0 || !bank.link.metrics || metric("vitrine_inference_usage_rows_waiting "));
	charged = charged_nsec();
	printf("  %.3f s were charged; 2 s ago or less the device had been busy for %.3f s\n",
		(double)charged / 1e9, busy);
	CHECK((double)(charged + 3 * PART_NSEC) / 1e9 >= busy);
	check_rows_are_whose_they_are();
	/* And it goes on. */
	add_mixed(6);
	for (size_t i = 0; i < n_callers; i++)
		next_event(&callers[i]);
	until_all_have_ended();
	for (size_t i = 0; i < n_callers; i++)
		CHECK(callers[i].done == 1);
	earlier_nsec = charged;
	until_settled();
	check_rows_are_whose_they_are();
}

int main(void)
{
	if (access("models/tiny-writer/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	CHECK(mkdtemp(usage_dir));
	key = (struct grant_key){.id = 7, .until_usec = clock_mono_usec() + 3600 * USEC_PER_SEC};
	random_bytes(key.bytes, sizeof(key.bytes));
	inference_start("1024", usage_dir);
	meet();
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	part();
	inference_stop();
	free(bank.rows);
	CHECK(fs_remove_tree(usage_dir) == 0);
	return 0;
}
