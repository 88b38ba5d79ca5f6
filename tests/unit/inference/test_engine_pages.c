/* Texts in pages: whatever happens to a text, the model's numbers are the same bits. */
#include <errno.h>

#include "inference/engine/inside.h"
#include "inference/schedule/inside.h"
#include "tests/unit/inference/asked.h"

#define TOKENS 24
#define MANY 16

static const char *const prompt =
	CHAT("Write a long story about a king, his three daughters, the wind in the trees, a small "
	     "boat on the sea, an old fox who could not sleep, and the rain that came every day");

/* The shipped writer with a step that tells what it computed. */
static const struct family *plain;
static struct family watched;
static const struct watch *probe; /* whose logits are compared */
static float *known;              /* TOKENS x vocab: alone, in one piece */
static size_t compared, rows;

static int step_watched(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const uint32_t *wanted, size_t n_wanted, float *logits)
{
	int r = plain->step(net, ids, places, m, wanted, n_wanted, logits);

	rows += m;
	for (size_t i = 0; probe && probe->request && i < n_wanted; i++) {
		const struct request *q = probe->request;

		if (places[wanted[i]].pages != q->pages)
			continue;
		CHECK(!memcmp(known + (q->ids.n - q->prompt_n) * net->vocab,
			logits + i * net->vocab, net->vocab * sizeof(float)));
		compared++;
	}
	return r;
}

/* Greedy, without the engine, the prompt in pieces; compares from the second time on. */
static void read_alone(size_t piece)
{
	struct tokens ids = {.max = 1000};
	size_t vocab = writer->net->vocab;
	bool first = !known;
	struct alone a;

	if (first)
		known = calloc(TOKENS * vocab, sizeof(float));
	CHECK(known &&
		tokenizer_encode(writer->tokenizer, prompt, strlen(prompt), true, &ids, NULL) == 0);
	alone_begin(&a, writer);
	for (size_t i = 0; i < ids.n; i += piece)
		alone_read(&a, ids.ids + i, piece < ids.n - i ? piece : ids.n - i);
	for (size_t i = 0; i < TOKENS; i++) {
		uint32_t id = alone_best(&a);

		if (first)
			memcpy(known + i * vocab, a.logits, vocab * sizeof(float));
		CHECK(!memcmp(known + i * vocab, a.logits, vocab * sizeof(float)));
		alone_read(&a, &id, 1);
	}
	alone_end(&a);
	tokens_done(&ids);
}

static const struct sampling greedy = {.top_p = 1, .max_tokens = TOKENS};

static void ask_probe(struct engine *e, struct watch *w, uint32_t group)
{
	*w = (struct watch){0};
	CHECK(ask(e, w, prompt, greedy, NULL) == 0);
	request_set_group(w->request, group);
	probe = w;
	compared = 0;
}

static void finish_probed(struct engine *e, struct watch *w)
{
	while (engine_step(e))
		;
	CHECK(w->done && w->o.r == 0 && compared == w->o.usage.tokens_out);
	CHECK(compared > 10); /* it has more to say than a word */
	probe = NULL;
}

TEST(logits_are_the_same_bits_alone_in_pieces_and_among_sixteen)
{
	struct watch w, others[MANY - 1] = {0};
	struct engine *e;

	read_alone(1);
	read_alone(7);
	read_alone(64);
	CHECK(engine_new(&e) == 0);
	ask_probe(e, &w, 0);
	finish_probed(e, &w);
	for (int i = 0; i < MANY - 1; i++) {
		CHECK(ask(e, &others[i], CHAT("Tell me a story about rain"), greedy, NULL) == 0);
		request_set_group(others[i].request, (uint32_t)i + 1);
		if (i == 7)
			ask_probe(e, &w, MANY);
		(void)engine_step(e);
	}
	finish_probed(e, &w);
	engine_free(e);
}

TEST(logits_are_the_same_bits_after_a_beginning_that_was_found)
{
	struct engine *e;
	struct watch w;

	CHECK(engine_new(&e) == 0);
	for (int i = 0; i < 3; i++) {
		ask_probe(e, &w, 1);
		finish_probed(e, &w);
		CHECK(i == 0 ? w.o.usage.tokens_cached == 0
			     : w.o.usage.tokens_cached > 0 &&
					w.o.usage.tokens_cached % KV_PAGE == 0);
	}
	engine_free(e);
}

static uint64_t page_bytes(void)
{
	const struct net *net = writer->net;

	return (uint64_t)net->layers * net->kv_width * KV_PAGE * 2 * sizeof(float);
}

TEST(the_youngest_is_put_back_when_pages_run_out_and_says_the_same_bits)
{
	struct watch w, older[3] = {0};
	struct engine *e;
	bool put_back = false;

	CHECK(engine_new(&e) == 0);
	engine_limit_kv(e, 7 * page_bytes(), 7 * page_bytes());
	/* Each begins with one page and ends with more; the probe, the youngest, needs two. */
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(ask(e, &older[i], CHAT("Write a story"),
			      (struct sampling){
				      .temperature = 0.8, .top_p = 1, .seed = i, .max_tokens = 60},
			      NULL) == 0);
		request_set_group(older[i].request, i + 1);
	}
	ask_probe(e, &w, 9);
	for (bool ran = false; engine_step(e); ran = ran || (w.request && w.request->running)) {
		put_back = put_back || (ran && w.request && !w.request->running);
		CHECK(engine_kv_bytes(e) <= 7 * page_bytes());
	}
	probe = NULL;
	CHECK(put_back);
	CHECK(w.done && w.o.r == 0 && compared == w.o.usage.tokens_out);
	for (int i = 0; i < 3; i++)
		CHECK(older[i].done && older[i].o.r == 0);
	engine_free(e);
}

/* The second is so far ahead that its turn comes only by what the first gets of the same step. */
static void put_ahead(struct engine *e, const struct request *first, const struct request *second)
{
	struct pool_share *x = first->party->payer->pool, *y = second->party->payer->pool;
	double unit = schedule_scale(e->schedule, engine_now_nsec()) / POOL_WHOLE;

	first->lane->row_nsec = 15e6;
	y->share.used = (share_level(&x->share) + 35e6 * unit) * y->share.weight;
}

TEST(who_goes_is_said_once_a_step_and_has_a_page_even_where_a_turn_comes_in_between)
{
	static const struct pool_terms terms[] = {
		{.name = "x", .percent = 50, .lend = true, .borrow = true},
		{.name = "y", .percent = 50, .lend = true, .borrow = true},
	};
	struct watch first = {0}, second;
	struct engine *e;
	int turns = 0;

	CHECK(engine_new(&e) == 0);
	engine_set_pools(e, terms, 2);
	CHECK(ask(e, &first, CHAT("Write a story"),
		      (struct sampling){.temperature = 0.8, .top_p = 1, .max_tokens = 400},
		      NULL) == 0);
	request_set_group(first.request, 1);
	request_set_payer(first.request, "x", "ada", 1);
	ask_probe(e, &second, 2);
	request_set_payer(second.request, "y", "bob", 1);
	while (first.request && second.request) {
		const struct request *q = second.request;
		uint32_t at = q->position;

		if (q->running && q->ids.n > q->prompt_n)
			put_ahead(e, first.request, q);
		CHECK(engine_step(e));
		q = second.request;
		turns += q && q->ids.n > q->prompt_n && q->position == at + 1;
		CHECK(!q || !q->running || (uint64_t)q->n_pages * KV_PAGE >= q->position);
	}
	CHECK(turns > KV_PAGE / 2 && second.done); /* a page's end was among them */
	CHECK(second.o.r == 0 && compared == second.o.usage.tokens_out);
	probe = NULL;
	engine_free(e);
}

TEST(a_group_stays_within_its_pages_while_others_get_in)
{
	struct watch crowd[8] = {0}, other;
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	engine_limit_kv(e, 64 * page_bytes(), 4 * page_bytes());
	for (int i = 0; i < 8; i++) {
		CHECK(ask(e, &crowd[i], prompt, greedy, NULL) == 0);
		request_set_group(crowd[i].request, 1);
	}
	for (int i = 0; i < 6; i++)
		CHECK(engine_step(e));
	CHECK(engine_kv_bytes(e) <= 4 * page_bytes());
	ask_probe(e, &other, 2);
	CHECK(engine_step(e) && other.request && other.request->running);
	finish_probed(e, &other);
	for (int i = 0; i < 8; i++)
		CHECK(crowd[i].done && crowd[i].o.r == 0 && !strcmp(crowd[i].text, other.text));
	engine_free(e);
}

TEST(a_cancelled_texts_pages_are_free_before_the_next_step)
{
	struct watch a, b;
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	engine_limit_kv(e, 3 * page_bytes(), 3 * page_bytes());
	ask_probe(e, &a, 1);
	CHECK(engine_step(e) && a.request->running);
	ask_probe(e, &b, 2);
	CHECK(engine_step(e) && !b.request->running); /* two pages each */
	request_cancel(a.request);
	CHECK(engine_step(e) && b.request->running);
	finish_probed(e, &b);
	engine_free(e);
}

TEST(a_text_that_no_budget_holds_is_refused_and_a_long_answer_ends_at_it)
{
	struct engine *e;
	struct err why = {0};
	struct watch w = {0};

	CHECK(engine_new(&e) == 0);
	engine_limit_kv(e, 64 * page_bytes(), page_bytes());
	CHECK(ask(e, &w, prompt, greedy, &why) == -EMSGSIZE);
	CHECK(strstr(why.text, "what may be kept is 32"));
	engine_limit_kv(e, 64 * page_bytes(), 3 * page_bytes());
	CHECK(ask(e, &w, prompt, (struct sampling){.top_p = 1, .max_tokens = 500}, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && w.o.r == 0);
	CHECK(w.o.usage.tokens_in + w.o.usage.tokens_out <= 3 * KV_PAGE);
	engine_free(e);
}

static size_t rows_of(struct engine *e, const char *text, uint32_t group, struct usage *ret)
{
	struct watch w = {0};

	rows = 0;
	CHECK(ask(e, &w, text, (struct sampling){.top_p = 1, .max_tokens = 3}, NULL) == 0);
	request_set_group(w.request, group);
	while (engine_step(e))
		;
	CHECK(w.done);
	*ret = w.o.usage;
	return rows;
}

/* catalogue 61 */
TEST(what_another_group_asked_before_leaves_no_trace)
{
	struct usage first, own, foreign;
	struct engine *e;
	size_t all;

	CHECK(engine_new(&e) == 0);
	all = rows_of(e, prompt, 1, &first);
	CHECK(all == first.tokens_in + first.tokens_out - 1);
	CHECK(rows_of(e, prompt, 2, &foreign) == all && foreign.tokens_cached == 0);
	CHECK(rows_of(e, prompt, 1, &own) == all - own.tokens_cached);
	CHECK(own.tokens_cached == (own.tokens_in - 1) / KV_PAGE * KV_PAGE);
	engine_free(e);
}

TEST(of_a_long_prompt_seen_before_less_than_a_page_is_read_again)
{
	struct engine *e;
	struct usage u;
	char *text = long_text(500);

	CHECK(engine_new(&e) == 0);
	(void)rows_of(e, text, 1, &u);
	CHECK(u.tokens_in > 450);
	CHECK(rows_of(e, text, 1, &u) <= KV_PAGE + 3);
	free(text);
	engine_free(e);
}

/* --- a text that cannot enter --- */

static struct watch *taken_along; /* its request is cancelled by who fails */
static unsigned kv_fails;
static struct kv *(*plain_kv_new)(
	struct device *d, uint32_t layers, uint32_t width, uint32_t pages);

static struct kv *kv_new_failing(struct device *d, uint32_t layers, uint32_t width, uint32_t pages)
{
	if (kv_fails > 0) {
		kv_fails--;
		return NULL;
	}
	return plain_kv_new(d, layers, width, pages);
}

static void on_failed(const struct outcome *o, void *data)
{
	on_end(o, data);
	CHECK(o->r == -ENOMEM);
	request_cancel(taken_along->request);
	taken_along->request = NULL;
}

/* As a link does that is closed when it hears of the failure, with all of its calls. */
TEST(who_fails_to_enter_may_end_the_next_in_line_and_the_rest_is_written)
{
	static const struct request_ops failing = {on_text, on_failed};
	struct prompt p = {.text = {prompt, strlen(prompt)}, .framed = true, .sampling = greedy};
	struct device *d = writer->net->device;
	const struct device_ops *was = d->ops;
	struct device_ops ops_now = *was;
	struct watch first = {0}, second = {0}, third = {0};
	struct engine *e;

	plain_kv_new = was->kv_new;
	ops_now.kv_new = kv_new_failing;
	d->ops = &ops_now;
	kv_fails = 1;
	probe = NULL;
	CHECK(engine_new(&e) == 0);
	CHECK(engine_write(e, writer, &p, &failing, &first, &first.request, NULL) == 0);
	CHECK(ask(e, &second, prompt, greedy, NULL) == 0);
	CHECK(ask(e, &third, prompt, greedy, NULL) == 0);
	taken_along = &second;
	while (engine_step(e))
		;
	CHECK(first.done && !second.done && !second.pieces);
	CHECK(third.done && third.o.r == 0 && third.n > 0 && engine_requests(e) == 0);
	engine_free(e);
	d->ops = was;
}

/* As a GPU's, which takes a pool's memory at once. */
TEST(a_model_that_nobody_writes_with_gives_its_pool_to_one_that_has_no_room_for_any)
{
	struct device *d = writer->net->device;
	struct model *other = known_model(d, "models/tiny-writer");
	struct prompt p = {.text = {prompt, strlen(prompt)}, .framed = true, .sampling = greedy};
	const struct device_ops *was = d->ops;
	struct device_ops ops_now = *was;
	struct watch w = {0};
	struct engine *e;

	plain_kv_new = was->kv_new;
	ops_now.kv_new = kv_new_failing;
	d->ops = &ops_now;
	probe = NULL;
	CHECK(engine_new(&e) == 0);
	CHECK(engine_write(e, other, &p, &ops, &w, &w.request, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && w.o.r == 0 && engine_kv_bytes(e) > 0); /* some is kept */
	w = (struct watch){0};
	kv_fails = 1;
	CHECK(ask(e, &w, prompt, greedy, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && w.o.r == 0 && w.n > 0 && kv_fails == 0);
	engine_forget(e, other);
	engine_free(e);
	d->ops = was;
	(void)model_free(other);
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
	plain = writer->net->family;
	read_alone(NET_STEP_ROWS_MAX);
	watched = *plain;
	watched.step = step_watched;
	writer->net->family = &watched;
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	free(known);
	model_free(writer);
	device_close(device);
	return 0;
}
