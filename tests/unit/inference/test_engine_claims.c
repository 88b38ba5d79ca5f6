/* Texts of several payers where memory is short: who is let in, who gives way, and that all end. */
#include <errno.h>

#include "inference/engine/inside.h"
#include "tests/unit/inference/asked.h"

#define TOKENS 40
#define PROMPT CHAT("Write a story about a fox who could not sleep")

static uint64_t page_bytes(void)
{
	const struct net *net = writer->net;

	return (uint64_t)net->layers * net->kv_width * KV_PAGE * 2 * sizeof(float);
}

static struct engine *with_pages(uint64_t all)
{
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	engine_limit_kv(e, all * page_bytes(), all * page_bytes());
	return e;
}

static void begin(struct engine *e, struct watch *w, const char *text, const char *payer,
	uint32_t group, uint32_t tokens)
{
	struct bias no_end[MODEL_STOPS_MAX];
	struct prompt p = {.text = {text, strlen(text)},
		.framed = true,
		.sampling = {.top_p = 1, .max_tokens = tokens},
		.biases = no_end,
		.n_biases = writer->n_stops};

	for (size_t i = 0; i < writer->n_stops; i++)
		no_end[i] = (struct bias){writer->stops[i], -100};
	*w = (struct watch){0};
	CHECK(engine_write(e, writer, &p, &ops, w, &w->request, NULL) == 0);
	request_set_group(w->request, group);
	request_set_payer(w->request, "", payer, 1);
}

static void finish(struct engine *e)
{
	for (int i = 0; engine_step(e); i++)
		CHECK(i < 100000);
}

static bool runs(const struct watch *w)
{
	return w->request && w->request->running;
}

TEST(long_texts_of_one_account_give_way_to_a_short_one_of_another)
{
	struct engine *e = with_pages(24);
	struct watch longs[2], alone, quick;
	char *text = long_text(250);
	struct wait wait;

	begin(e, &alone, text, "user:flood", 9, TOKENS);
	finish(e);
	for (uint32_t i = 0; i < 2; i++)
		begin(e, &longs[i], text, "user:flood", i + 1, 260);
	for (int i = 0;
		i < 1000 && memory_held(e->schedule, longs[0].request->party) < 23 * page_bytes();
		i++)
		CHECK(engine_step(e));
	CHECK(runs(&longs[0]) && runs(&longs[1]));
	begin(e, &quick, PROMPT, "user:other", 3, TOKENS);
	for (int i = 0; i < 60 && quick.request; i++) {
		if (runs(&quick) && runs(&longs[0]) != runs(&longs[1]))
			break;
		/* That reading again takes long is no matter, however busy the machine is. */
		quick.request->lane->row_nsec = 1000;
		CHECK(engine_step(e));
	}
	CHECK(runs(&quick) && runs(&longs[0]) != runs(&longs[1]));
	engine_rank(e);
	CHECK(request_wait(longs[runs(&longs[0])].request, &wait));
	CHECK(wait.lack != LACK_NOTHING && wait.lack_bytes >= page_bytes() && wait.others > 0);
	finish(e);
	CHECK(quick.done && quick.o.r == 0);
	for (int i = 0; i < 2; i++) {
		CHECK(longs[i].done && longs[i].o.r == 0);
		CHECK(!strcmp(longs[i].text, longs[0].text));
		CHECK(!strncmp(longs[i].text, alone.text, strlen(alone.text)));
	}
	free(text);
	engine_free(e);
}

TEST(a_large_one_that_is_next_is_not_passed_by_those_who_hold_more)
{
	struct engine *e = with_pages(12);
	struct watch small[6], large, late;
	uint64_t had = 0;
	char *text = long_text(215); /* seven pages: not so much can be had of one who has twelve */

	for (uint32_t i = 0; i < 6; i++)
		begin(e, &small[i], PROMPT, "user:a", 1, 60 + i);
	while (memory_held(e->schedule, small[0].request->party) < 10 * page_bytes())
		CHECK(engine_step(e));
	begin(e, &large, text, "user:large", 2, TOKENS);
	CHECK(engine_step(e) && !runs(&large) && large.request->lacks == LACK_ALL);
	begin(e, &late, PROMPT, "user:a", 1, TOKENS);
	while (!runs(&large) && !runs(&late)) {
		had = memory_held(e->schedule, late.request->party);
		CHECK(engine_step(e));
	}
	/* Not before its payer had so little that it would be no more with it. */
	CHECK(runs(&large) || had <= 7 * page_bytes());
	finish(e);
	CHECK(large.done && large.o.r == 0 && late.done && late.o.r == 0);
	free(text);
	engine_free(e);
}

#define MANY 24

/* Everybody's texts grow beyond what there is, and all come out as alone. */
TEST(every_text_ends_having_given_way_three_times_at_most)
{
	struct engine *e = with_pages(200);
	struct watch alone, of[MANY];
	uint32_t most = 0;
	char payer[16];

	begin(e, &alone, PROMPT, "user:x", 99, 150);
	finish(e);
	CHECK(alone.done && alone.o.usage.tokens_out > 60); /* three pages at least */
	engine_limit_kv(e, 8 * page_bytes(), 8 * page_bytes());
	for (uint32_t i = 0; i < MANY; i++) {
		(void)snprintf(payer, sizeof(payer), "user:%u", i % 5);
		begin(e, &of[i], PROMPT, payer, i % 7, 150);
	}
	for (int i = 0; engine_step(e); i++) {
		CHECK(i < 100000 && engine_kv_bytes(e) <= 8 * page_bytes());
		for (int k = 0; k < MANY; k++)
			if (of[k].request && of[k].request->gave_way > most)
				most = of[k].request->gave_way;
	}
	CHECK(most > 0 && most <= ENGINE_GIVE_WAYS_MAX);
	for (int i = 0; i < MANY; i++) {
		CHECK(of[i].done && of[i].o.r == 0);
		CHECK(!strcmp(of[i].text, alone.text));
	}
	CHECK(engine_requests(e) == 0);
	engine_free(e);
}

/* --- who pays for what is read again --- */

static uint64_t charged, again;

static bool pay(uint64_t nsec, void *data)
{
	(void)data;
	charged += nsec;
	return true;
}

static void pay_again(uint64_t nsec, void *data)
{
	(void)data;
	again += nsec;
}

TEST(what_is_read_again_is_not_its_own_and_with_it_all_sums_to_the_time_the_device_was_busy)
{
	static const struct request_ops paying = {on_text, on_end, pay, pay_again};
	struct engine *e = with_pages(6);
	struct watch of[8];
	uint64_t sum = 0;

	charged = again = 0;
	for (uint32_t i = 0; i < 8; i++) {
		begin(e, &of[i], PROMPT, i % 2 ? "user:a" : "user:b", i % 4, 120);
		of[i].request->ops = &paying;
	}
	finish(e);
	for (int i = 0; i < 8; i++) {
		CHECK(of[i].done && of[i].o.r == 0);
		sum += of[i].o.usage.device_nsec;
	}
	CHECK(again > 0 && charged == sum);
	CHECK((charged + again) / 1000 == engine_busy_usec(e));
	engine_free(e);
}

TEST(who_is_cancelled_while_they_wait_for_memory_is_waited_for_no_longer)
{
	struct engine *e = with_pages(12);
	struct watch first, large, late;
	char *text = long_text(280);

	begin(e, &first, text, "user:a", 1, 100);
	CHECK(engine_step(e) && runs(&first));
	begin(e, &large, text, "user:b", 2, TOKENS);
	CHECK(engine_step(e) && !runs(&large));
	begin(e, &late, PROMPT, "user:a", 3, TOKENS);
	CHECK(engine_step(e) && !runs(&late));
	request_cancel(large.request);
	CHECK(engine_step(e) && runs(&late));
	finish(e);
	free(text);
	engine_free(e);
}

/* --- what one account may keep --- */

TEST(texts_of_one_account_keep_no_more_than_its_tier_says_and_all_end)
{
	struct engine *e = with_pages(100);
	struct watch alone, of[6], other;
	uint64_t most = 0;
	struct wait wait;
	bool told = false;

	begin(e, &alone, PROMPT, "user:x", 99, 150);
	finish(e);
	for (uint32_t i = 0; i < 6; i++) {
		begin(e, &of[i], PROMPT, "user:a", i % 2, 150);
		CHECK(request_limit_memory(of[i].request, 8 * page_bytes(), NULL) == 0);
	}
	begin(e, &other, PROMPT, "user:b", 3, 150);
	while (engine_step(e))
		for (int i = 0; i < 6; i++) {
			uint64_t held;

			if (!of[i].request)
				continue;
			held = memory_held(e->schedule, of[i].request->party);
			most = held > most ? held : most;
			CHECK(!other.request || runs(&other));
			engine_rank(e);
			if (!request_wait(of[i].request, &wait) || wait.lack != LACK_OWN)
				continue;
			told = true;
			CHECK(wait.lack_max == 8 * page_bytes() && wait.lack_bytes > 0);
			CHECK(wait.others > 0); /* texts of its own */
		}
	CHECK(told && most == 8 * page_bytes());
	CHECK(other.done && !strcmp(other.text, alone.text));
	for (int i = 0; i < 6; i++)
		CHECK(of[i].done && of[i].o.r == 0 && !strcmp(of[i].text, alone.text));
	engine_free(e);
}

TEST(a_text_that_its_tier_never_has_room_for_is_refused_with_both_numbers)
{
	struct engine *e = with_pages(100);
	struct err why = {0};
	struct watch w;
	char want[64];

	begin(e, &w, PROMPT, "user:a", 1, 200);
	CHECK(request_limit_memory(w.request, 3 * page_bytes(), &why) == -EMSGSIZE);
	(void)snprintf(want, sizeof(want), "may keep %.4g MiB", 3.0 * page_bytes() / (1 << 20));
	CHECK(strstr(why.text, want) && strstr(why.text, "writes up to 200 more"));
	CHECK(strstr(why.text, "96 tokens together"));
	CHECK(request_limit_memory(w.request, 8 * page_bytes(), NULL) == 0);
	finish(e);
	CHECK(w.done && w.o.r == 0);
	engine_free(e);
}

int main(void)
{
	struct device *device;

	if (access("models/tiny-writer/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	CHECK(device_open("cpu", NULL, &device, NULL) == 0);
	writer = known_model(device, "models/tiny-writer");
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	model_free(writer);
	device_close(device);
	return 0;
}
