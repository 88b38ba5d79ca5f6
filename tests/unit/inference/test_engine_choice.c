/* How a text's tokens are chosen, on the shipped writer. */
#include <errno.h>

#include "inference/engine/inside.h"
#include "tests/unit/inference/asked.h"

static const char *const prompt = CHAT("Write a story about a fox");

static void run_prompt(struct engine *e, struct watch *w, const struct prompt *p)
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
	run_prompt(e, &plain, &p);
	CHECK(tokenizer_encode(writer->tokenizer, plain.text, plain.n, false, &ids, NULL) == 0);
	ban = (struct bias){ids.ids[0], -100};
	p.biases = &ban;
	p.n_biases = 1;
	run_prompt(e, &other, &p);
	CHECK(other.text[0] != plain.text[0]);
	p.n_biases = 0;
	p.sampling.repetition = 3;
	run_prompt(e, &other, &p);
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

/* --- grammars --- */

/* A model whose every number is drawn: what it likes says nothing. */
static uint64_t drawn;

static int step_drawn(struct net *net, const uint32_t *ids, const struct place *places, size_t m,
	const uint32_t *wanted, size_t n_wanted, float *logits)
{
	int r = plain_family->step(net, ids, places, m, wanted, n_wanted, logits);

	for (size_t i = 0; i < n_wanted * net->vocab; i++) {
		drawn = drawn * 6364136223846793005u + 1442695040888963407u;
		logits[i] = (float)(drawn >> 40) * 0x1p-21f;
	}
	return r;
}

static bool is_person(const json_t *v)
{
	const json_t *age = json_object_get(v, "age"), *tags = json_object_get(v, "tags"), *tag;
	const char *mood = json_string_value(json_object_get(v, "mood"));
	size_t n = json_array_size(tags), i;

	json_array_foreach(tags, i, tag) if (!json_is_string(tag)) return false;
	return json_is_string(json_object_get(v, "name")) && json_is_integer(age) && mood &&
	       (!strcmp(mood, "good") || !strcmp(mood, "bad")) && json_is_array(tags) && n >= 1 &&
	       n <= 3 && json_object_size(v) == 4;
}

static bool is_tree(const json_t *v)
{
	const json_t *of = json_object_get(v, "of"), *leaf;
	size_t i;

	if (json_is_null(v))
		return true;
	json_array_foreach(of, i, leaf) if (!is_tree(leaf)) return false;
	return json_is_array(of) && json_object_size(v) == 1;
}

static bool is_any(const json_t *v)
{
	return json_is_object(v);
}

TEST(whatever_the_model_says_the_answer_is_valid_and_in_time)
{
	static const struct {
		const char *schema; /* NULL: any object */
		bool (*valid)(const json_t *v);
		uint32_t max_tokens;
	} cases[] = {
		{"{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
		 "\"age\":{\"type\":\"integer\"},\"mood\":{\"enum\":[\"good\",\"bad\"]},"
		 "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,"
		 "\"maxItems\":3}},\"required\":[\"name\",\"age\",\"mood\",\"tags\"],"
		 "\"additionalProperties\":false}",
			is_person, 60},
		{"{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"anyOf\":[{\"type\":\"null\"},"
		 "{\"type\":\"object\",\"properties\":{\"of\":{\"type\":\"array\",\"items\":"
		 "{\"$ref\":\"#/$defs/tree\"}}},\"required\":[\"of\"],"
		 "\"additionalProperties\":false}]}}}",
			is_tree, 50},
		{NULL, is_any, 40},
	};
	struct family drawing = *writer->net->family;
	struct engine *e;

	plain_family = writer->net->family;
	drawing.step = step_drawn;
	writer->net->family = &drawing;
	CHECK(engine_new(&e) == 0);
	for (int run = 0; run < 60; run++) {
		size_t at = (size_t)run % 3;
		struct prompt p = prompt_of((struct sampling){.top_p = 1,
			.seed = (uint64_t)run,
			.temperature = run % 2 ? 1 : 0,
			.max_tokens = cases[at].max_tokens});
		json_t *schema = cases[at].schema ? json_loads(cases[at].schema, 0, NULL) : NULL,
		       *v;
		struct watch w = {0};

		CHECK((schema ? grammar_from_schema(schema, &p.grammar, NULL)
			      : grammar_from_json(&p.grammar, NULL)) == 0);
		drawn = (uint64_t)run;
		run_prompt(e, &w, &p);
		v = json_loadb(w.text, w.n, JSON_DECODE_ANY, NULL);
		if (!v || !cases[at].valid(v))
			fprintf(stderr, "%s\n", w.text);
		CHECK(v && cases[at].valid(v));
		json_decref(v);
		json_decref(schema);
	}
	engine_free(e);
	writer->net->family = plain_family;
}

TEST(an_answer_of_a_grammar_stops_where_nothing_can_follow)
{
	struct prompt p = prompt_of((struct sampling){.top_p = 1, .max_tokens = 30});
	struct err why = {0};
	struct watch w;
	struct engine *e;

	CHECK(engine_new(&e) == 0);
	CHECK(grammar_from_text("root ::= \"yes\" | \"no\"", 21, &p.grammar, NULL) == 0);
	run_prompt(e, &w, &p);
	CHECK((!strcmp(w.text, "yes") || !strcmp(w.text, "no")) &&
		!strcmp(w.o.finish_reason, "stop"));
	CHECK(grammar_from_text("root ::= \"a\"{40}", 16, &p.grammar, NULL) == 0);
	w = (struct watch){0};
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, &why) == -EMSGSIZE);
	CHECK(strstr(why.text, "max_tokens: 30 tokens are left, what is asked for may need 40"));
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
