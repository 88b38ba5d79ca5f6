/* How a text's tokens are chosen, on the shipped writer. */
#include <errno.h>

#include "inference/engine/inside.h"
#include "tests/unit/inference/asked.h"

static const char *const prompt = CHAT("Write a story about a fox");

static void run(struct engine *e, struct watch *w, const struct prompt *p)
{
	*w = (struct watch){0};
	CHECK(engine_write(e, writer, p, &ops, w, &w->request, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w->done && w->o.r == 0);
}

static struct prompt prompt_of(struct sampling how)
{
	return (struct prompt){.text = {prompt, strlen(prompt)}, .framed = true, .sampling = how};
}

/* --- logprobs --- */

static struct likely told[64 * 3];
static size_t n_told;

static void on_told(const struct outcome *o, void *data)
{
	on_end(o, data);
	n_told = o->n_logprobs;
	CHECK(o->top_logprobs == 2 && n_told <= 64);
	memcpy(told, o->logprobs, n_told * 3 * sizeof(*told));
}

TEST(logprobs_tell_each_token_and_the_likeliest_beside_it)
{
	static const struct request_ops telling = {on_text, on_told};
	struct prompt p = prompt_of((struct sampling){.top_p = 1, .max_tokens = 40});
	struct watch w = {0};
	struct engine *e;
	char text[4096] = "";
	size_t at = 0;

	p.logprobs = true;
	p.top_logprobs = 2;
	CHECK(engine_new(&e) == 0);
	CHECK(engine_write(e, writer, &p, &telling, &w, &w.request, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && n_told > 5);
	for (size_t i = 0; i < n_told; i++) {
		const struct likely *of = told + i * 3;
		size_t n;
		const char *bytes = tokenizer_text(writer->tokenizer, of[0].id, &n);

		CHECK(of[0].id == of[1].id); /* it is greedy */
		CHECK(of[0].logprob == of[1].logprob && of[1].logprob >= of[2].logprob);
		CHECK(of[0].logprob <= 0 && of[2].logprob > -1000);
		memcpy(text + at, bytes, n);
		at += n;
	}
	CHECK(at == w.n && !memcmp(text, w.text, at));
	engine_free(e);
}

TEST(a_bias_bans_and_a_penalty_varies)
{
	struct prompt p = prompt_of((struct sampling){.top_p = 1, .max_tokens = 40});
	struct watch plain, other;
	struct engine *e;
	struct tokens ids = {.max = 100};
	struct bias ban;

	CHECK(engine_new(&e) == 0);
	run(e, &plain, &p);
	CHECK(tokenizer_encode(writer->tokenizer, plain.text, plain.n, false, &ids, NULL) == 0);
	ban = (struct bias){ids.ids[0], -100};
	p.biases = &ban;
	p.n_biases = 1;
	run(e, &other, &p);
	CHECK(other.text[0] != plain.text[0]);
	p.n_biases = 0;
	p.sampling.repetition = 3;
	run(e, &other, &p);
	CHECK(strcmp(plain.text, other.text) != 0);
	tokens_done(&ids);
	engine_free(e);
}

TEST(what_cannot_be_chosen_by_is_refused_with_words)
{
	struct prompt p = prompt_of((struct sampling){.top_p = 1, .max_tokens = 400});
	struct bias none = {writer->net->vocab, 1};
	struct watch w = {0};
	struct err why = {0};
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	p.biases = &none;
	p.n_biases = 1;
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, &why) == -EINVAL);
	CHECK(strstr(why.text, "logit_bias: there is no token"));
	p.n_biases = 0;
	p.logprobs = true;
	p.top_logprobs = 21;
	why = (struct err){0};
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, &why) == -EINVAL);
	CHECK(strstr(why.text, "top_logprobs: 21, the limit is 20"));
	p.top_logprobs = 20;
	why = (struct err){0};
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, &why) == -EMSGSIZE);
	CHECK(strstr(why.text, "the limit is 8192 in all"));
	CHECK(engine_requests(e) == 0);
	engine_free(e);
}

/* --- a model that goes wrong --- */

static const struct family *plain_family;
static const struct request *spoilt;

static int step_spoilt(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const uint32_t *wanted, size_t n_wanted, float *logits)
{
	int r = plain_family->step(net, ids, places, m, wanted, n_wanted, logits);

	for (size_t i = 0; spoilt && i < n_wanted; i++)
		if (places[wanted[i]].pages == spoilt->pages)
			logits[i * net->vocab + 7] = NAN;
	return r;
}

TEST(logits_that_are_no_numbers_fail_their_request_and_no_other)
{
	struct family spoiling = *writer->net->family;
	const struct sampling how = {.top_p = 1, .max_tokens = 20};
	struct watch bad = {0}, good = {0}, alone = {0};
	struct engine *e;

	plain_family = writer->net->family;
	spoiling.step = step_spoilt;
	writer->net->family = &spoiling;
	CHECK(engine_new(&e) == 0);
	CHECK(ask(e, &alone, prompt, how, NULL) == 0);
	while (engine_step(e))
		;
	CHECK(ask(e, &bad, prompt, how, NULL) == 0 && ask(e, &good, prompt, how, NULL) == 0);
	spoilt = bad.request;
	while (!bad.done)
		CHECK(engine_step(e));
	spoilt = NULL;
	while (engine_step(e))
		;
	CHECK(bad.o.r == -EDOM && strstr(bad.o.error.text, "not a number"));
	CHECK(good.done && good.o.r == 0 && !strcmp(good.text, alone.text));
	engine_free(e);
	writer->net->family = plain_family;
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
