/* What a tier lets an account keep on the device, from the lease to the caller's link. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/link.h"
#include "inference/engine/inside.h"
#include "inference/ledger/journal.h"
#include "inference/peers/inside.h"
#include "inference/peers/waits.h"
#include "proto/messages.h"
#include "tests/support/test.h"

#define CALLS 3

struct fixture {
	struct loop *loop;
	struct device *device;
	struct engine *engine;
	struct shelf *shelf;
	struct service *service;
	struct ledger *ledger;
	char dir[40]; /* of the journal */
	struct link *worker;
	char error[CALLS][512];
	bool done[CALLS];
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct fixture *x = data;
	json_t *v = json_loadb((const char *)f->value, f->length, 0, NULL);

	(void)l;
	(void)files;
	(void)e;
	if (f->type == INFER_ERROR)
		(void)snprintf(x->error[f->seq], sizeof(x->error[0]), "%s: %s",
			json_string_value(json_object_get(v, "code")),
			json_string_value(json_object_get(v, "message")));
	if (f->type == INFER_RESULT)
		x->done[f->seq] = true;
	json_decref(v);
	return 0;
}

static void on_closed(struct link *l, const struct err *e, void *data)
{
	(void)l;
	(void)e;
	(void)data;
	CHECK(false);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_INFER, PROTO_DOWN, type);
}

static void on_lease(void *data)
{
	(void)data;
}

static void set_up(struct fixture *x)
{
	static const struct ledger_ops ops = {on_lease};
	static const struct link_ops link_ops = {on_frame, on_closed, value_max, NULL};
	static const struct link_limits limits = {.queue_max = 1 << 20};
	const char *dirs[] = {"models"};
	struct err e = {0};
	int fds[2];

	*x = (struct fixture){.dir = "/tmp/vitrine-service-XXXXXX"};
	CHECK(loop_new(&x->loop) == 0 && engine_new(&x->engine) == 0 && mkdtemp(x->dir));
	CHECK(device_open("cpu", NULL, &x->device, &e) == 0);
	CHECK(shelf_open(dirs, 1, x->device, 64 << 20, &x->shelf, &e) == 0);
	CHECK(service_new(x->loop, x->engine, x->shelf, &x->service) == 0);
	CHECK(ledger_new(x->loop, x->dir, "cpu", &ops, x, &x->ledger, &e) == 0);
	service_set_ledger(x->service, x->ledger);
	CHECK(link_pair(fds) == 0);
	CHECK(worker_add(x->service, "r1", "one", false, fds[0]) == 0);
	CHECK(link_new(x->loop, fds[1], &link_ops, &limits, x, &x->worker) == 0);
}

static void tear_down(struct fixture *x)
{
	x->worker = link_free(x->worker);
	x->service = service_free(x->service);
	x->ledger = ledger_free(x->ledger);
	x->engine = engine_free(x->engine);
	x->shelf = shelf_free(x->shelf);
	x->loop = loop_free(x->loop);
	device_close(x->device);
	CHECK(fs_remove_tree(x->dir) == 0);
}

static void lease(struct fixture *x, int64_t memory_mib)
{
	struct models_lease m = {.payer = "space:one",
		.account = "owner:ann",
		.usec = 1000000000,
		.valid_ms = 600000,
		.memory_mib = memory_mib};
	struct frame f = {.type = MODELS_LEASE};
	CLEANUP(buf_done) struct buf value;
	struct err e = {0};

	buf_init(&value, 1024);
	CHECK(models_lease_write(&m, &value) == 0);
	f.value = value.data;
	f.length = value.len;
	CHECK(ledger_on_lease(x->ledger, &f, &e) == 0);
}

static void call(struct fixture *x, uint32_t seq, int tokens)
{
	char value[512];
	struct frame f = {.type = INFER_CALL, .seq = seq, .value = (const uint8_t *)value};

	(void)snprintf(value, sizeof(value),
		"{\"model\":\"vitrine/tiny-writer\",\"task\":\"text-generation\","
		"\"inputs\":\"Once there was a fox\",\"options\":{\"max_tokens\":%d,"
		"\"temperature\":1,\"logit_bias\":{\"2\":-100}}}",
		tokens);
	f.length = strlen(value);
	CHECK(link_send(x->worker, &f) == 0);
}

static bool is_over(const struct fixture *x, uint32_t seq)
{
	return x->done[seq] || x->error[seq][0];
}

TEST(the_lease_says_what_may_be_kept_and_the_caller_hears_what_never_fits)
{
	struct fixture x;

	set_up(&x);
	lease(&x, 1); /* 12 pages of tiny-writer, for 384 tokens */
	call(&x, 0, 400);
	while (!is_over(&x, 0))
		CHECK(loop_dispatch(x.loop, 100) >= 0);
	CHECK(!strncmp(x.error[0], "too_long: max_tokens: a text of ", 32));
	CHECK(strstr(x.error[0], "writes up to 400 more") && strstr(x.error[0], "may keep 1 MiB"));
	CHECK(strstr(x.error[0], "384 tokens together"));
	lease(&x, 2);
	call(&x, 1, 400);
	while (!is_over(&x, 1))
		CHECK(loop_dispatch(x.loop, 100) >= 0);
	CHECK(x.done[1]);
	tear_down(&x);
}

/* Sums the last row of each call; those of the platform in *ret_again. */
static int64_t sum_rows(const struct fixture *x, int64_t *ret_again)
{
	CLEANUP(json_unrefp) json_t *calls = json_object();
	CLEANUP(journal_closep) struct journal *j = NULL;
	struct journal_cursor at = {0};
	struct err e = {0};
	const char *call;
	json_t *row;
	int64_t sum = 0;

	CHECK(journal_open(x->dir, &j, &e) == 0);
	while (at.next <= journal_last(j)) {
		CLEANUP(buf_done) struct buf text;
		char name[24];

		buf_init(&text, JOURNAL_ROW_MAX + 64);
		CHECK(journal_read(j, &at, &text) == 1);
		row = json_loadb(buf_str(&text), text.len, 0, NULL);
		CHECK(row);
		(void)snprintf(name, sizeof(name), "%lld",
			(long long)json_integer_value(json_object_get(row, "call")));
		CHECK(json_object_set_new(calls, name, row) == 0);
	}
	*ret_again = 0;
	json_object_foreach(calls, call, row)
	{
		int64_t nsec = json_integer_value(json_object_get(row, "device_nsec"));
		bool platform =
			!strcmp(json_string_value(json_object_get(row, "account")), GRANT_PLATFORM);

		CHECK(platform ==
			!strcmp(json_string_value(json_object_get(row, "outcome")), "again"));
		*ret_again += platform ? nsec : 0;
		sum += nsec;
	}
	return sum;
}

TEST(what_would_exceed_it_waits_with_the_reason_and_ends_well)
{
	struct fixture x;
	char words[256], reason[256] = "";
	struct wait wait;
	uint64_t most = 0;
	int64_t sum, again;

	set_up(&x);
	engine_limit_kv(x.engine, 1 << 20, 1 << 20); /* nothing of who waits is kept beside it */
	lease(&x, 1);
	for (uint32_t i = 0; i < CALLS; i++)
		call(&x, i, 300);
	while (!is_over(&x, 0) || !is_over(&x, 1) || !is_over(&x, 2)) {
		CHECK(loop_dispatch(x.loop, 100) >= 0);
		engine_rank(x.engine);
		for (struct worker *w = x.service->workers; w; w = w->next)
			for (struct call *c = w->calls; c; c = c->next) {
				uint64_t held;

				if (!c->request)
					continue;
				held = memory_held(x.engine->schedule, c->request->party);
				most = held > most ? held : most;
				if (call_waits(c, &wait, words, sizeof(words)) &&
					strstr(words, "that you may keep"))
					(void)snprintf(reason, sizeof(reason), "%s", words);
			}
	}
	CHECK(x.done[0] && x.done[1] && x.done[2]);
	CHECK(most > 0 && most <= 1 << 20);
	CHECK(!strncmp(reason, "waits for ", 10));
	CHECK(strstr(reason, " MiB of the 1 MiB that you may keep on the device, held by "));
	sum = sum_rows(&x, &again);
	CHECK(again > 0 && sum / 1000 == (int64_t)engine_busy_usec(x.engine));
	tear_down(&x);
}

int main(void)
{
	if (access("models/tiny-writer/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
