#include "gateway/host.h"

#include <errno.h>

#include "proto/constants.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define HEARD_MAX 64

struct heard {
	uint8_t type, op;
	uint32_t channel, seq;
	char value[2048];
	size_t n;
};

struct fixture {
	struct loop *loop;
	struct host *host;
	bool away; /* the orchestrator */
	struct heard edge[HEARD_MAX], worker[HEARD_MAX];
	size_t n_edge, n_worker;
	void *told; /* the worker that heard last */
};

static struct fixture *now_testing;

static void keep(struct heard *h, const struct frame *f)
{
	*h = (struct heard){.type = f->type, .op = f->op, .channel = f->channel, .seq = f->seq};
	CHECK(f->length < sizeof(h->value));
	memcpy(h->value, f->value, f->length);
	h->n = f->length;
}

static void answer(void *worker, const struct frame *f)
{
	struct fixture *t = now_testing;

	CHECK(t->n_worker < HEARD_MAX);
	keep(&t->worker[t->n_worker++], f);
	t->told = worker;
}

static int edge(const struct frame *f, void *data)
{
	struct fixture *t = data;

	if (t->away)
		return -ENOTCONN;
	CHECK(t->n_edge < HEARD_MAX);
	keep(&t->edge[t->n_edge++], f);
	return 0;
}

static void set_up(struct fixture *t)
{
	struct host_config config;

	*t = (struct fixture){0};
	now_testing = t;
	CHECK(loop_new(&t->loop) == 0);
	config = (struct host_config){.loop = t->loop, .answer = answer, .edge = edge, .data = t};
	CHECK(host_new(&config, &t->host) == 0);
	host_edge_up(t->host);
}

static void tear_down(struct fixture *t)
{
	(void)host_free(t->host);
	(void)loop_free(t->loop);
}

static const struct host_stamp ada = {
	.worker = "w1", .space = "s1", .session = "x", .user = "ada", .visitor = "v1"};

#define CALL(t, worker, stamp, call, text)                                                         \
	take((t), (worker), (stamp), (call), (text), sizeof(text) - 1)

static int take(struct fixture *t, void *worker, const struct host_stamp *stamp, uint32_t seq,
	const char *value, size_t n)
{
	const struct frame f = {.type = APP_HOST_CALL,
		.channel = 7,
		.seq = seq,
		.value = (const uint8_t *)value,
		.length = n};
	struct err e = {0};

	return host_take(t->host, worker, stamp, &f, &e);
}

static int result(struct fixture *t, uint32_t seq, uint8_t op, const char *value, size_t n)
{
	const struct frame f = {.type = EDGE_HOST_RESULT,
		.op = op,
		.seq = seq,
		.value = (const uint8_t *)value,
		.length = n};
	struct err e = {0};

	return host_edge_result(t->host, &f, &e);
}

TEST(the_orchestrator_hears_whose_call_it_is_by_the_gateways_own_tables)
{
	struct fixture t;
	struct edge_host_call m;
	struct err e = {0};
	const char *rest;
	int w;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 3, "store\0set\0{\"user\":\"eve\"}\0raw") == 0);
	CHECK(t.n_edge == 1 && t.edge[0].type == EDGE_HOST_CALL);
	rest = t.edge[0].value + strlen(t.edge[0].value) + 1;
	CHECK(edge_host_call_read(
		      &m, (const uint8_t *)t.edge[0].value, strlen(t.edge[0].value), &e) == 0);
	CHECK(!strcmp(m.user, "ada") && !strcmp(m.space, "s1") && !strcmp(m.visitor, "v1"));
	CHECK(!strcmp(m.id, "w1-3") && !strcmp(m.op, "set"));
	edge_host_call_done(&m);
	CHECK(!strcmp(rest, "{\"user\":\"eve\"}") && !memcmp(rest + 15, "raw", 3));
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "{}\0x", 4) == 0);
	CHECK(t.n_worker == 1 && t.told == &w && t.worker[0].type == APP_HOST_RESULT);
	CHECK(t.worker[0].op == HOST_DONE && t.worker[0].seq == 3 && t.worker[0].channel == 7);
	CHECK(t.worker[0].n == 4 && !memcmp(t.worker[0].value, "{}\0x", 4));
	tear_down(&t);
}

TEST(a_call_that_is_sent_again_is_the_same_call)
{
	struct fixture t;
	int w, other;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 3, "store\0get\0{}") == 0);
	CHECK(CALL(&t, &w, &ada, 3, "store\0get\0{}") == 0 && t.n_edge == 1);
	CHECK(CALL(&t, &other, &ada, 3, "store\0get\0{}") == 0 && t.n_edge == 2);
	tear_down(&t);
}

TEST(calls_wait_for_an_orchestrator_that_is_away_and_are_sent_again_to_the_next)
{
	struct fixture t;
	int w;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 1, "store\0get\0{}") == 0 && t.n_edge == 1);
	host_edge_down(t.host);
	t.away = true;
	CHECK(CALL(&t, &w, &ada, 2, "store\0get\0{}") == 0 && t.n_edge == 1);
	t.away = false;
	host_edge_up(t.host);
	CHECK(t.n_edge == 3 && t.edge[1].seq == t.edge[0].seq);
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "1", 1) == 0 && t.n_worker == 1);
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "1", 1) == 0 && t.n_worker == 1);
	tear_down(&t);
}

TEST(of_one_space_few_calls_are_at_the_orchestrator_and_others_pass_them)
{
	struct host_stamp bob = ada;
	struct fixture t;
	int w, other;

	set_up(&t);
	for (uint32_t i = 1; i <= HOST_EDGE_UNDER_WAY_SPACE + 2; i++)
		CHECK(CALL(&t, &w, &ada, i, "store\0get\0{}") == 0);
	CHECK(t.n_edge == HOST_EDGE_UNDER_WAY_SPACE);
	(void)snprintf(bob.space, sizeof(bob.space), "s2");
	CHECK(CALL(&t, &other, &bob, 1, "store\0get\0{}") == 0);
	CHECK(t.n_edge == HOST_EDGE_UNDER_WAY_SPACE + 1);
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "1", 1) == 0);
	CHECK(t.n_edge == HOST_EDGE_UNDER_WAY_SPACE + 2);
	tear_down(&t);
}

TEST(what_was_sent_and_stopped_still_counts_until_it_is_answered)
{
	struct fixture t;
	int w;

	set_up(&t);
	for (uint32_t i = 1; i <= 3 * HOST_EDGE_UNDER_WAY_SPACE; i++) {
		CHECK(CALL(&t, &w, &ada, i, "store\0get\0{}") == 0);
		host_stop(t.host, &w, i);
	}
	CHECK(t.n_edge == HOST_EDGE_UNDER_WAY_SPACE);
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "1", 1) == 0 && t.n_worker == 0);
	CHECK(CALL(&t, &w, &ada, 1, "store\0get\0{}") == 0);
	CHECK(t.n_edge == HOST_EDGE_UNDER_WAY_SPACE + 1);
	tear_down(&t);
}

TEST(a_worker_that_has_gone_is_answered_nothing)
{
	struct fixture t;
	int w;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 1, "store\0get\0{}") == 0);
	host_forget(t.host, &w);
	CHECK(result(&t, t.edge[0].seq, HOST_DONE, "1", 1) == 0 && t.n_worker == 0);
	tear_down(&t);
}

TEST(what_cannot_be_taken_is_refused_in_words)
{
	struct fixture t;
	int w;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 1, "nonsense\0get\0{}") == 0);
	CHECK(t.worker[0].op == HOST_FAILED && !strcmp(t.worker[0].value, "unknown"));
	for (uint32_t i = 2; i <= HOST_WORKER_CALLS + 2; i++)
		CHECK(CALL(&t, &w, &ada, i, "store\0get\0{}") == 0);
	CHECK(t.n_worker == 2 && !strcmp(t.worker[1].value, "busy"));
	CHECK(strstr(t.worker[1].value + 5, "at once"));
	tear_down(&t);
}

TEST(a_call_of_another_shape_ends_the_link)
{
	struct fixture t;
	int w;

	set_up(&t);
	CHECK(CALL(&t, &w, &ada, 0, "store\0get\0{}") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "store\0get") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "\0get\0{}") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "a2345678901234567890123456789012345\0get\0{}") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "store\0g\xff\0{}") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "store\0g t\0{}") == -EPROTO);
	CHECK(CALL(&t, &w, &ada, 1, "st\nore\0get\0{}") == -EPROTO && t.n_edge == 0);
	CHECK(result(&t, 1, HOST_FAILED, "no words", 8) == 0); /* nobody waits */
	CHECK(CALL(&t, &w, &ada, 1, "store\0get\0{}") == 0);
	CHECK(result(&t, t.edge[0].seq, HOST_FAILED, "no words", 8) == -EPROTO);
	tear_down(&t);
}

TEST_MAIN()
