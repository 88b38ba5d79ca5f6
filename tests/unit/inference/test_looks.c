/* Calls about pictures, from infer.CALL to their value, with the models of
 * tests/oracle/pictures.py. */
#include <errno.h>

#include "inference/peers/call.h"
#include "tests/unit/inference/known.h"

#define SIDE 12
#define BYTES (SIDE * SIDE * 3)

static const char *const dir = "tests/oracle/known-pictures";
static struct device *device;
static struct engine *engine;
static struct shelf *shelf;

struct asked {
	struct job job;
	struct request *request;
	json_t *value;
	int r;
	char words[ERR_MAX];
	const char *code;
};

static void on_end(const struct outcome *o, void *data)
{
	struct asked *a = data;

	a->r = o->r;
	snprintf(a->words, sizeof(a->words), "%s", o->error.text);
	a->value = o->r < 0 ? NULL : a->job.task->value(&a->job, o);
}

static void on_text(const char *text, size_t n, void *data)
{
	(void)text, (void)n, (void)data;
}

static void open_all(void)
{
	struct err e = {0};

	if (shelf)
		return;
	CHECK(device_open("cpu", NULL, &device, &e) == 0 && engine_new(&engine) == 0);
	CHECK(shelf_open(&dir, 1, device, UINT64_MAX, &shelf, &e) == 0);
	for (size_t i = 0; i < shelf_count(shelf); i++)
		if (shelf_at(shelf, i)->error.code)
			fprintf(stderr, "%s\n", shelf_at(shelf, i)->error.text);
}

static void ask(struct asked *a, const char *model, const char *task, const char *inputs,
	const char *options, const void *raw, size_t n_raw)
{
	static const struct request_ops ops = {on_text, on_end};
	struct infer_call c = {.model = model,
		.task = task,
		.inputs = json_loads(inputs, JSON_DECODE_ANY, NULL),
		.options = options ? json_loads(options, 0, NULL) : NULL};
	const struct raw pixels = {raw, n_raw};
	struct err e = {0};

	open_all();
	CHECK(c.inputs && (c.options || !options));
	*a = (struct asked){.r = 1};
	a->r = call_start(&c, &pixels, engine, shelf, &ops, a, &a->job, &a->request, &a->code, &e);
	if (a->r < 0)
		snprintf(a->words, sizeof(a->words), "%s", e.text);
	while (a->r == 0 && engine_step(engine))
		;
	job_done(&a->job);
	json_decref(c.inputs);
	json_decref(c.options);
}

/* The bytes of picture() in test_pictures.c. */
static const uint8_t *picture(int64_t number)
{
	static uint8_t rgb[BYTES];

	for (int64_t i = 0; i < BYTES; i++)
		rgb[i] = (uint8_t)((i * i * 7 + i * 31 * (number + 1) + number * 97) % 256);
	return rgb;
}

static double score_of(const json_t *value, const char *label)
{
	const json_t *row;
	size_t i;

	json_array_foreach(value, i, row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "label")), label))
			return json_number_value(json_object_get(row, "score"));
	}
	CHECK(!"the label is there");
	return 0;
}

static double sorted(const json_t *value)
{
	double sum = 0, last = 1;
	const json_t *row;
	size_t i;

	json_array_foreach(value, i, row)
	{
		double score = json_number_value(json_object_get(row, "score"));

		CHECK(score <= last);
		last = score;
		sum += score;
	}
	return sum;
}

#define HERE "{\"width\": 12, \"height\": 12}"

TEST(a_picture_gets_the_labels_that_transformers_gives_it)
{
	json_t *known = known_json("tests/oracle/known-pictures/vit/known.json");

	for (int64_t k = 0; k < 3; k++) {
		const json_t *logits =
			json_array_get(json_object_get(known, "pictures"), (size_t)k);
		double sum = 0;
		struct asked a;

		ask(&a, "vitrine/vit", "image-classification", HERE, NULL, picture(k), BYTES);
		CHECK(a.r == 0 && json_array_size(a.value) == 5);
		CHECK(fabs(sorted(a.value) - 1) < 1e-6);
		for (size_t i = 0; i < 5; i++)
			sum += exp(json_number_value(json_array_get(logits, i)));
		for (size_t i = 0; i < 5; i++) {
			char label[16];

			snprintf(label, sizeof(label), "LABEL_%zu", i);
			CHECK(fabs(score_of(a.value, label) -
				      exp(json_number_value(json_array_get(logits, i))) / sum) <
				1e-5);
		}
		json_decref(a.value);
	}
	json_decref(known);
}

TEST(the_callers_texts_are_scored_as_transformers_does)
{
	static const char options[] =
		"{\"candidate_labels\": [\"w5 w9 w7\", \"w50 w4 w11 w2 w8\"], "
		"\"hypothesis_template\": \"{}\"}";
	json_t *known = known_json("tests/oracle/known-pictures/clip/known.json");
	const json_t *texts = json_object_get(known, "texts");

	for (size_t k = 0; k < 3; k++) {
		double logit[2], want;
		struct asked a;

		ask(&a, "vitrine/clip", "zero-shot-image-classification", HERE, options,
			picture((int64_t)k), BYTES);
		CHECK(a.r == 0 && json_array_size(a.value) == 2);
		for (size_t i = 0; i < 2; i++)
			logit[i] = json_number_value(json_array_get(
				json_object_get(json_array_get(texts, i), "logits"), k));
		want = 1 / (1 + exp(logit[1] - logit[0]));
		CHECK(fabs(score_of(a.value, "w5 w9 w7") - want) < 1e-5);
		(void)sorted(a.value);
		json_decref(a.value);
	}
	json_decref(known);
}

static struct shelf *shipped;

static size_t read_hex(const char *hex, uint8_t *rgb)
{
	size_t n = 0;

	for (unsigned int v; sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		memset(rgb + 3 * n, (int)v, 3);
	return n;
}

TEST(the_shipped_model_reads_drawings_as_transformers_does)
{
	static const char *const models = "models";
	static uint8_t rgb[28 * 28 * 3];
	json_t *known = known_json("models/tiny-digits/reference.json");
	const json_t *one, *score;
	struct shelf *others;
	size_t i, j, right = 0;
	struct err e = {0};

	open_all();
	CHECK(known && shelf_open(&models, 1, device, UINT64_MAX, &shipped, &e) == 0);
	others = shelf;
	shelf = shipped;
	json_array_foreach(json_object_get(known, "cases"), i, one)
	{
		struct asked a;
		char label[24];

		CHECK(read_hex(json_string_value(json_object_get(one, "pixels")), rgb) == 28 * 28);
		ask(&a, "vitrine/tiny-digits", "image-classification",
			"{\"width\": 28, \"height\": 28}", NULL, rgb, sizeof(rgb));
		CHECK(a.r == 0);
		json_array_foreach(json_object_get(one, "scores"), j, score)
		{
			snprintf(label, sizeof(label), "%zu", j);
			CHECK(fabs(score_of(a.value, label) - json_number_value(score)) < 2e-5);
		}
		snprintf(label, sizeof(label), "%d",
			(int)json_integer_value(json_object_get(one, "digit")));
		right += !strcmp(label,
			json_string_value(json_object_get(json_array_get(a.value, 0), "label")));
		json_decref(a.value);
	}
	printf("  %zu of %zu right\n", right, i);
	CHECK(i == 10 && right >= 8);
	json_decref(known);
	shelf = others;
}

TEST(a_pictures_features_have_the_length_one)
{
	struct asked a;
	const json_t *v;
	double sum = 0;
	size_t i;

	ask(&a, "vitrine/clip", "image-feature-extraction", HERE, NULL, picture(0), BYTES);
	CHECK(a.r == 0 && json_array_size(a.value) == 20);
	json_array_foreach(a.value, i, v) sum += json_number_value(v) * json_number_value(v);
	CHECK(fabs(sum - 1) < 1e-5);
	json_decref(a.value);
}

TEST(a_call_that_does_not_fit_its_model_is_refused_by_name)
{
	const struct wrong {
		const char *model, *task, *inputs, *options;
		size_t n;
		const char *words;
	} wrong[] = {
		{"vit", "image-classification", "{\"width\": 13, \"height\": 12}", NULL, BYTES,
			"13 × 12 pixels, vitrine/vit wants 12 × 12"},
		{"vit", "image-classification", HERE, NULL, BYTES - 1, "has 431 bytes"},
		{"vit", "image-classification", HERE, NULL, 0, "no pixels follow"},
		{"vit", "image-classification", "\"a cat\"", NULL, BYTES, "inputs"},
		{"vit", "text-classification", "\"a cat\"", NULL, 0, "does not"},
		{"clip", "image-classification", HERE, NULL, BYTES,
			"zero-shot-image-classification"},
		{"vit", "image-feature-extraction", HERE, NULL, BYTES, "only labels"},
		{"vit", "zero-shot-image-classification", HERE, "{\"candidate_labels\": [\"x\"]}",
			BYTES, "reads no texts"},
		{"clip", "zero-shot-image-classification", HERE, NULL, BYTES,
			"options.candidate_labels: must be 1 to 64"},
		{"clip", "zero-shot-image-classification", HERE, "{\"candidate_labels\": [1]}",
			BYTES, "options.candidate_labels[0]"},
		{"clip", "zero-shot-image-classification", HERE,
			"{\"candidate_labels\": [\"x\"], \"hypothesis_template\": \"none\"}", BYTES,
			"options.hypothesis_template"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct wrong *w = &wrong[i];
		char model[40];
		struct asked a;

		snprintf(model, sizeof(model), "vitrine/%s", w->model);
		ask(&a, model, w->task, w->inputs, w->options, w->n ? picture(0) : NULL, w->n);
		if (a.r >= 0 || !strstr(a.words, w->words))
			fprintf(stderr, "%zu: %d %s\n", i, a.r, a.words);
		CHECK(a.r < 0 && !strcmp(a.code, "bad_input") && strstr(a.words, w->words));
	}
}

TEST(a_model_says_what_pictures_it_wants)
{
	const struct infer_call c = {.model = "vitrine/clip", .task = CALL_DESCRIBE};
	const char *code;
	json_t *value, *want;
	struct err e = {0};

	open_all();
	CHECK(call_describe(&c, shelf, &value, &code, &e) == 0);
	want = json_pack("{s:s, s:{s:i, s:i, s:i, s:i}}", "task", "zero-shot-image-classification",
		"picture", "width", 12, "height", 12, "shortest", 14, "filter", 3);
	CHECK(json_equal(value, want));
	json_decref(value);
	json_decref(want);
}

TEST(raw_bytes_begin_behind_the_nul)
{
	struct raw raw;

	CHECK(call_split((const uint8_t *)"{}", 2, &raw) == 2 && !raw.bytes);
	CHECK(call_split((const uint8_t *)"{}\0ab\0", 6, &raw) == 2);
	CHECK(raw.n == 3 && !memcmp(raw.bytes, "ab\0", 3));
	CHECK(call_split((const uint8_t *)"", 0, &raw) == 0 && !raw.bytes);
}

static int sight_of(const char *text, struct err *e)
{
	json_t *config = json_loads(text, 0, NULL);
	struct sight s;
	int r;

	CHECK(config);
	r = sight_read(config, 8, 8, &s, e);
	json_decref(config);
	return r;
}

TEST(preprocessor_config_is_checked_field_by_field)
{
#define NUMBERS "\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}"
	const struct {
		const char *text;
		int r;
		const char *words;
	} all[] = {
		{"{\"size\": 8, " NUMBERS, 0, ""},
		{"{\"size\": {\"height\": 8, \"width\": 8}, " NUMBERS, 0, ""},
		{"{\"size\": {\"shortest_edge\": 9}, \"do_center_crop\": true, "
		 "\"crop_size\": 8, " NUMBERS,
			0, ""},
		{"{\"size\": 9, \"crop_size\": 8, \"image_processor_type\": "
		 "\"CLIPImageProcessor\", " NUMBERS,
			0, ""},
		{"{" NUMBERS, -EBADMSG, "size"},
		{"{\"size\": 9, " NUMBERS, -EBADMSG, "9 × 9, those of config.json 8 × 8"},
		{"{\"size\": {\"shortest_edge\": 8}, " NUMBERS, -ENOTSUP, "do_center_crop"},
		{"{\"size\": {\"shortest_edge\": 7}, \"do_center_crop\": true, "
		 "\"crop_size\": 8, " NUMBERS,
			-ENOTSUP, "crop_size"},
		{"{\"size\": 8, \"resample\": 0, " NUMBERS, -ENOTSUP, "resample"},
		{"{\"size\": 8, \"resample\": 9, " NUMBERS, -EBADMSG, "resample"},
		{"{\"size\": 8, \"do_resize\": false, " NUMBERS, -ENOTSUP, "do_resize"},
		{"{\"size\": 8, \"image_mean\": [0.5, 0.5, 0.5]}", -EBADMSG, "image_std"},
		{"{\"size\": 8, \"image_mean\": [0, 0, 0], \"image_std\": [1, 0, 1]}", -EBADMSG,
			"image_std"},
		{"{\"size\": 8, \"do_normalize\": false}", 0, ""},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct err e = {0};
		int r = sight_of(all[i].text, &e);

		if (r != all[i].r || !strstr(e.text, all[i].words))
			fprintf(stderr, "%s: %d %s\n", all[i].text, r, e.text);
		CHECK(r == all[i].r && strstr(e.text, all[i].words));
	}
}

int main(void)
{
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	if (shelf) {
		shelf_free(shipped);
		engine_free(engine);
		shelf_free(shelf);
		device_close(device);
	}
	return 0;
}
