#include <errno.h>

#include "base/json.h"
#include "gateway/host.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define HEARD_MAX 64

struct heard {
	uint8_t type, op;
	uint32_t seq;
	char value[4096];
	size_t n;
};

struct fixture {
	struct loop *loop;
	struct host *host;
	bool away; /* vitrine-fetch */
	struct heard fetch[HEARD_MAX], worker[HEARD_MAX];
	size_t n_fetch, n_worker, untaken;
	char note[512];
};

static struct fixture *now_testing;

static void keep(struct heard *h, const struct frame *f)
{
	*h = (struct heard){.type = f->type, .op = f->op, .seq = f->seq};
	CHECK(f->length < sizeof(h->value));
	if (f->length)
		memcpy(h->value, f->value, f->length);
	h->n = f->length;
}

static void answer(void *worker, const struct frame *f)
{
	(void)worker;
	CHECK(now_testing->n_worker < HEARD_MAX);
	keep(&now_testing->worker[now_testing->n_worker++], f);
}

static int fetch(const struct frame *f, void *data)
{
	struct fixture *t = data;

	if (t->away)
		return -ENOTCONN;
	CHECK(t->n_fetch < HEARD_MAX);
	keep(&t->fetch[t->n_fetch++], f);
	return 0;
}

static void note(void *worker, const char *line)
{
	(void)worker;
	(void)snprintf(now_testing->note, sizeof(now_testing->note), "%s", line);
}

static size_t untaken(void *worker)
{
	(void)worker;
	return now_testing->untaken;
}

static void set_up(struct fixture *t)
{
	struct host_config config;

	*t = (struct fixture){0};
	now_testing = t;
	CHECK(loop_new(&t->loop) == 0);
	config = (struct host_config){.loop = t->loop,
		.answer = answer,
		.fetch = fetch,
		.note = note,
		.untaken = untaken,
		.data = t};
	CHECK(host_new(&config, &t->host) == 0);
	host_fetch_up(t->host);
}

static void tear_down(struct fixture *t)
{
	(void)host_free(t->host);
	(void)loop_free(t->loop);
}

static int ada_worker;
static const struct host_stamp ada = {.worker = "w1",
	.space = "s1",
	.session = "x",
	.http = "api.example.org *.example.net:8443"};

static void call(struct fixture *t, uint32_t seq, uint8_t op, const void *value, size_t n)
{
	const struct frame f = {.type = APP_HOST_CALL,
		.op = op,
		.channel = 3,
		.seq = seq,
		.value = value,
		.length = n};
	struct err e = {0};

	CHECK(host_take(t->host, &ada_worker, &ada, &f, &e) == 0);
}

#define CALL(t, seq, text) call((t), (seq), 0, (text), sizeof(text) - 1)
#define GET "http\0GET\0{\"url\":\"https://api.example.org/\"}"
#define POST "http\0POST\0{\"url\":\"https://api.example.org/\"}\0a body"

static void result(struct fixture *t, uint8_t type, uint32_t seq, const void *value, size_t n)
{
	const struct frame f = {.type = type, .seq = seq, .value = value, .length = n};
	struct err e = {0};

	CHECK(host_fetch_result(t->host, &f, &e) == 0);
}

#define ANSWER                                                                                     \
	"{\"status\":200,\"headers\":[],\"url\":\"https://api.example.org/\",\"redirects\":0,"     \
	"\"host\":\"api.example.org\",\"ms\":12}\0hello"
#define REFUSED                                                                                    \
	"{\"code\":\"refused\",\"rule\":\"app\",\"message\":\"not listed\",\"host\":\"x.test\","   \
	"\"ms\":0}"

/* What the worker was told of a failed call. */
static void check_failed(const struct fixture *t, size_t i, const char *code)
{
	CHECK(i < t->n_worker && t->worker[i].op == HOST_FAILED);
	CHECK(!strcmp(t->worker[i].value, code));
	CHECK(t->worker[i].value[strlen(code) + 1] != '\0');
}

TEST(a_request_goes_out_with_the_space_and_the_apps_hosts_whatever_the_worker_says)
{
	CLEANUP(json_unrefp) json_t *m = NULL;
	struct fixture t;
	struct err e = {0};

	set_up(&t);
	CALL(&t, 1,
		"http\0POST\0{\"url\":\"https://api.example.org/"
		"\",\"space\":\"s2\",\"allow\":[\"*\"],"
		"\"headers\":[[\"X\",\"y\"]],\"timeout_ms\":500}\0a body");
	CHECK(t.n_fetch == 1 && t.fetch[0].type == FETCH_REQUEST);
	CHECK(json_parse(t.fetch[0].value, strlen(t.fetch[0].value), 4096, &m, &e) == 0);
	CHECK(!strcmp(json_string_value(json_object_get(m, "space")), "s1"));
	CHECK(!strcmp(json_string_value(json_object_get(m, "method")), "POST"));
	CHECK(json_array_size(json_object_get(m, "allow")) == 2);
	CHECK(!strcmp(json_string_value(json_array_get(json_object_get(m, "allow"), 1)),
		"*.example.net:8443"));
	CHECK(json_array_size(json_object_get(m, "headers")) == 1);
	CHECK(json_integer_value(json_object_get(m, "timeout_ms")) == 500);
	CHECK(!strcmp(t.fetch[0].value + strlen(t.fetch[0].value) + 1, "a body"));
	tear_down(&t);
}

TEST(its_answer_goes_back_as_it_is_and_the_log_gets_a_line)
{
	struct fixture t;

	set_up(&t);
	CALL(&t, 7, GET);
	result(&t, FETCH_ANSWER, t.fetch[0].seq + 1, ANSWER, sizeof(ANSWER) - 1); /* nobody's */
	CHECK(t.n_worker == 0);
	result(&t, FETCH_ANSWER, t.fetch[0].seq, ANSWER, sizeof(ANSWER) - 1);
	CHECK(t.n_worker == 1 && t.worker[0].op == HOST_DONE && t.worker[0].seq == 7);
	CHECK(t.worker[0].n == sizeof(ANSWER) - 1 &&
		!memcmp(t.worker[0].value, ANSWER, sizeof(ANSWER) - 1));
	CHECK(!strcmp(t.note, "http GET api.example.org 200 12 ms"));
	CALL(&t, 8, GET);
	result(&t, FETCH_FAILED, t.fetch[1].seq, REFUSED, sizeof(REFUSED) - 1);
	check_failed(&t, 1, "refused");
	CHECK(!strcmp(t.note, "http GET x.test refused (app) 0 ms"));
	CALL(&t, 9, GET);
	t.untaken = 32u << 20;
	result(&t, FETCH_ANSWER, t.fetch[2].seq, ANSWER, sizeof(ANSWER) - 1);
	check_failed(&t, 2, "busy");
	tear_down(&t);
}

TEST(what_is_no_request_is_refused_before_anybody_is_asked)
{
	struct fixture t;

	set_up(&t);
	CALL(&t, 1, "http\0get\0{\"url\":\"https://x\"}");
	CALL(&t, 2, "http\0GET\0{}");
	CALL(&t, 3, "http\0GET\0no json");
	CALL(&t, 4, "http\0GET\0{\"url\":\"https://x\",\"timeout_ms\":99999999}");
	CALL(&t, 5, "http\0GET\0");
	CALL(&t, 6, "http\0ABCDEFGHIJKLMNOPQ\0{\"url\":\"https://x\"}");
	for (size_t i = 0; i < 6; i++)
		check_failed(&t, i, "bad_request");
	CHECK(t.n_fetch == 0);
	CALL(&t, 7, "http\0ABCDEFGHIJKLMNOP\0{\"url\":\"https://x\"}");
	CHECK(t.n_fetch == 1);
	tear_down(&t);
}

TEST(who_waits_no_longer_has_it_cancelled)
{
	struct fixture t;

	set_up(&t);
	CALL(&t, 1, GET);
	host_stop(t.host, &ada_worker, 1);
	CHECK(t.n_fetch == 2 && t.fetch[1].type == FETCH_CANCEL &&
		t.fetch[1].seq == t.fetch[0].seq);
	CALL(&t, 2, GET);
	host_forget(t.host, &ada_worker);
	CHECK(t.n_fetch == 4 && t.fetch[3].type == FETCH_CANCEL);
	CHECK(t.n_worker == 0);
	tear_down(&t);
}

TEST(while_fetch_is_away_what_it_had_fails_and_the_rest_waits_until_it_is_given_up)
{
	struct fixture t;

	set_up(&t);
	CALL(&t, 1, GET);
	t.away = true;
	host_fetch_down(t.host);
	check_failed(&t, 0, "unavailable");
	CALL(&t, 2, GET);
	CHECK(t.n_worker == 1 && t.n_fetch == 1);
	t.away = false;
	host_fetch_up(t.host);
	CHECK(t.n_fetch == 2);
	t.away = true;
	host_fetch_down(t.host);
	CALL(&t, 3, GET);
	host_fetch_gone(t.host);
	CHECK(t.n_worker == 3);
	CALL(&t, 4, GET);
	check_failed(&t, 3, "unavailable");
	tear_down(&t);
}

TEST(what_was_sent_takes_no_room_while_its_answer_is_awaited)
{
	struct fixture t;

	set_up(&t);
	CALL(&t, 1, POST);
	CALL(&t, 2, POST);
	CHECK(t.n_fetch == 2 && t.host->bytes == 0);
	host_stop(t.host, &ada_worker, 1);
	result(&t, FETCH_ANSWER, t.fetch[1].seq, ANSWER, sizeof(ANSWER) - 1);
	CHECK(t.n_worker == 1 && t.host->bytes == 0);
	t.away = true;
	host_fetch_down(t.host);
	CALL(&t, 3, POST);
	CHECK(t.host->bytes > 0);
	t.away = false;
	host_fetch_up(t.host);
	CHECK(t.n_fetch == 4 && t.fetch[3].type == FETCH_REQUEST && t.host->bytes == 0);
	tear_down(&t);
}

TEST(after_a_gateways_end_only_what_changes_nothing_is_asked_again)
{
	struct fixture t;

	set_up(&t);
	call(&t, 1, HOST_AGAIN, GET, sizeof(GET) - 1);
	CHECK(t.n_fetch == 1 && t.n_worker == 0);
	call(&t, 2, HOST_AGAIN, POST, sizeof(POST) - 1);
	check_failed(&t, 0, "interrupted");
	CHECK(t.n_fetch == 1);
	tear_down(&t);
}

TEST_MAIN()
