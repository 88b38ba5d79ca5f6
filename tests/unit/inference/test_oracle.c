/* The small models of the shared oracle folder: ids exactly, logits to 1e-5 of their size. */
#include "tests/unit/inference/known.h"

#define ORACLE "../shared/oracle"

/* Root mean square of the logits: what "relative" is relative to. */
static double size_of(const json_t *prompt, const struct model *m)
{
	return json_number_value(json_object_get(prompt, "logit_norm")) / sqrt(m->net->vocab);
}

static void check_logits(const json_t *prompt, const struct alone *a)
{
	const json_t *every = json_object_get(prompt, "every_97th"), *top, *v;
	double size = size_of(prompt, a->model), worst = 0, norm = 0, sum = 0;
	size_t i;

	json_array_foreach(every, i, v) worst =
		fmax(worst, fabs(json_number_value(v) - (double)a->logits[i * 97]));
	json_array_foreach(json_object_get(prompt, "top"), i, top)
	{
		size_t id = (size_t)json_integer_value(json_array_get(top, 0));

		worst = fmax(worst,
			fabs(json_number_value(json_array_get(top, 1)) - (double)a->logits[id]));
	}
	for (i = 0; i < a->model->net->vocab; i++) {
		norm += (double)a->logits[i] * (double)a->logits[i];
		sum += (double)a->logits[i];
	}
	printf("  worst logit %.2g relative\n", worst / size);
	CHECK(worst <= 1e-5 * size);
	CHECK(fabs(sqrt(norm) / json_number_value(json_object_get(prompt, "logit_norm")) - 1) <
		1e-5);
	CHECK(fabs(sum - json_number_value(json_object_get(prompt, "logit_sum"))) <
		1e-5 * size * a->model->net->vocab);
}

static void check_greedy(const json_t *prompt, struct alone *a)
{
	const json_t *greedy = json_object_get(prompt, "greedy"), *v;
	double size = size_of(prompt, a->model);
	size_t i;

	json_array_foreach(greedy, i, v)
	{
		uint32_t id = (uint32_t)json_integer_value(v);
		double gap = json_number_value(json_array_get(json_object_get(prompt, "gaps"), i));

		if (gap < 1e-3 * size) /* nearer than any engine could tell */
			break;
		CHECK(alone_best(a) == id);
		alone_read(a, &id, 1);
	}
}

/* from: "hf", or "" for the GGUF file beside it. */
static void check_decoder(const char *name, const char *from, const char *kernels)
{
	char path[256];
	struct device *d;
	struct model *m;
	json_t *ref;
	const json_t *prompt;
	size_t i;

	if (device_open("cpu", kernels, &d, NULL) < 0)
		return;
	snprintf(path, sizeof(path), ORACLE "/%s/%s", name, from);
	m = known_model(d, path);
	snprintf(path, sizeof(path), ORACLE "/%s/ref.json", name);
	ref = known_json(path);
	CHECK(ref);
	json_array_foreach(json_object_get(ref, "tokenizer"), i, prompt)
		known_ids(m, json_object_get(prompt, "text"), json_object_get(prompt, "ids"), true);
	json_array_foreach(json_object_get(ref, "prompts"), i, prompt)
	{
		struct tokens ids = {.max = 1000};
		const json_t *text = json_object_get(prompt, "text");
		struct alone a;

		known_ids(m, text, json_object_get(prompt, "ids"), true);
		CHECK(tokenizer_encode(m->tokenizer, json_string_value(text),
			      json_string_length(text), true, &ids, NULL) == 0);
		alone_begin(&a, m);
		alone_read(&a, ids.ids, ids.n);
		check_logits(prompt, &a);
		check_greedy(prompt, &a);
		alone_end(&a);
		tokens_done(&ids);
	}
	json_decref(ref);
	model_free(m);
	device_close(d);
}

TEST(llama_with_full_heads)
{
	check_decoder("llama-mha", "hf", "scalar");
	check_decoder("llama-mha", "hf", "avx2");
	check_decoder("llama-mha", "hf", "avx512");
}

TEST(llama_with_grouped_heads_biases_and_a_telling_eps)
{
	check_decoder("llama-eps", "hf", "scalar");
	check_decoder("llama-eps", "hf", "avx2");
	check_decoder("llama-eps", "hf", "avx512");
}

TEST(a_gguf_file_is_the_same_model_as_its_folder)
{
	check_decoder("llama-mha", "", "scalar");
	check_decoder("llama-mha", "", NULL);
	check_decoder("llama-eps", "", "scalar");
	check_decoder("llama-eps", "", NULL);
}

TEST(bert_classes)
{
	struct device *d;
	struct model *m;
	json_t *ref = known_json(ORACLE "/bert.json");
	const json_t *c, *v;
	size_t i, j;

	CHECK(device_open("cpu", NULL, &d, NULL) == 0);
	m = known_model(d, ORACLE "/bert-class/hf");
	CHECK(m->net->n_labels == 3 && !strcmp(m->net->labels[1], "neutral"));
	json_array_foreach(ref, i, c)
	{
		const json_t *text = json_object_get(c, "text");
		struct tokens ids = {.max = 1000};
		double worst = 0, size = 0;
		float logits[3];

		known_ids(m, text, json_object_get(c, "ids"), true);
		CHECK(tokenizer_encode(m->tokenizer, json_string_value(text),
			      json_string_length(text), true, &ids, NULL) == 0);
		const uint32_t starts[] = {0, (uint32_t)ids.n};
		const uint32_t first = 0;
		const struct batch batch = {
			.ids = ids.ids, .starts = starts, .n = 1, .wanted = &first, .n_wanted = 1};

		CHECK(m->net->family->encode(m->net, &batch, logits) == 0);
		json_array_foreach(json_object_get(c, "class_logits"), j, v)
		{
			worst = fmax(worst, fabs(json_number_value(v) - (double)logits[j]));
			size = fmax(size, fabs(json_number_value(v)));
		}
		printf("  worst logit %.2g relative\n", worst / size);
		CHECK(worst <= 1e-5 * size);
		tokens_done(&ids);
	}
	CHECK(i == 25);
	json_decref(ref);
	model_free(m);
	device_close(d);
}

int main(void)
{
	if (access(ORACLE "/bert.json", R_OK) < 0) {
		printf("SKIPPED: there is no " ORACLE " here\n");
		return 77;
	}
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	return 0;
}
