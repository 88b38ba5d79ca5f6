/* The shipped models against what transformers computed with them (models/reference.py). */
#include "tests/unit/inference/known.h"

#define SENTIMENT "models/tiny-sentiment"
#define WRITER "models/tiny-writer"

static void check_class_case(struct model *m, const json_t *c)
{
	const json_t *text = json_object_get(c, "text"), *v;
	struct tokens ids = {.max = 1000};
	float logits[NET_LABELS_MAX];
	size_t i;

	known_ids(m, text, json_object_get(c, "ids"), true);
	CHECK(tokenizer_encode(m->tokenizer, json_string_value(text), json_string_length(text),
		      true, &ids, NULL) == 0);
	const uint32_t starts[] = {0, (uint32_t)ids.n};
	const uint32_t first = 0;
	const struct batch batch = {
		.ids = ids.ids, .starts = starts, .n = 1, .wanted = &first, .n_wanted = 1};

	CHECK(m->net->family->encode(m->net, &batch, logits) == 0);
	json_array_foreach(json_object_get(c, "logits"), i, v)
	{
		printf("  off by %.2g\n", fabs(json_number_value(v) - (double)logits[i]));
		CHECK(fabs(json_number_value(v) - (double)logits[i]) < 2e-5);
	}
	tokens_done(&ids);
}

static void check_greedy(struct alone *a, const json_t *c)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(c, "greedy_ids"), i, v)
	{
		uint32_t id = (uint32_t)json_integer_value(v);

		CHECK(alone_best(a) == id);
		alone_read(a, &id, 1);
	}
}

static void check_chat_case(struct model *m, const json_t *c)
{
	const json_t *top = json_object_get(c, "first_top_ids"), *v;
	CLEANUP(buf_done) struct buf text;
	struct tokens ids = {.max = 1000};
	struct alone a;
	size_t i;

	buf_init(&text, 1 << 20);
	CHECK(chat_template_render(
		      m->template, json_object_get(c, "messages"), NULL, &text, NULL) == 0);
	CHECK(!strcmp(buf_str(&text), json_string_value(json_object_get(c, "rendered"))));
	known_ids(m, json_object_get(c, "rendered"), json_object_get(c, "ids"), false);
	CHECK(tokenizer_encode(m->tokenizer, buf_str(&text), text.len, false, &ids, NULL) == 0);
	alone_begin(&a, m);
	alone_read(&a, ids.ids, ids.n);
	json_array_foreach(top, i, v)
	{
		double want = json_number_value(
			json_array_get(json_object_get(c, "first_top_logits"), i));

		CHECK(fabs(want - (double)a.logits[json_integer_value(v)]) < 1e-4);
	}
	check_greedy(&a, c);
	alone_end(&a);
	tokens_done(&ids);
}

TEST(tiny_sentiment_as_transformers)
{
	struct device *d;
	struct model *m;
	json_t *ref = known_json(SENTIMENT "/reference.json");
	const json_t *c;
	size_t i;

	CHECK(ref && device_open("cpu", NULL, &d, NULL) == 0);
	m = known_model(d, SENTIMENT);
	json_array_foreach(json_object_get(ref, "cases"), i, c) check_class_case(m, c);
	CHECK(i > 0);
	json_decref(ref);
	model_free(m);
	device_close(d);
}

TEST(tiny_writer_as_transformers)
{
	struct device *d;
	struct model *m;
	json_t *ref = known_json(WRITER "/reference.json");
	const json_t *c;
	size_t i;

	CHECK(ref && device_open("cpu", NULL, &d, NULL) == 0);
	m = known_model(d, WRITER);
	CHECK(m->template && !strcmp(model_task(m), "chat"));
	json_array_foreach(json_object_get(ref, "tokenized"), i, c)
		known_ids(m, json_object_get(c, "text"), json_object_get(c, "ids"), false);
	json_array_foreach(json_object_get(ref, "cases"), i, c) check_chat_case(m, c);
	CHECK(i > 0);
	json_decref(ref);
	model_free(m);
	device_close(d);
}

int main(void)
{
	if (access(SENTIMENT "/reference.json", R_OK) < 0 ||
		access(WRITER "/reference.json", R_OK) < 0) {
		printf("SKIPPED: the models have no reference.json yet\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
