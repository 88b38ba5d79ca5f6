/* Adapters beside each other on one base, held against a model into which one was merged. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "inference/formats/weights.h"
#include "inference/models/adapter.h"
#include "tests/unit/inference/asked.h"

#define BASE "models/tiny-writer"
#define RANK 3
#define ALPHA 6

static struct device *device;
static char folder[128], merged[128];
static const char *const names[N_ADAPTED] = {"self_attn.q_proj", "self_attn.k_proj",
	"self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"};

/* --- files --- */

static void write_file(const char *dir, const char *name, const void *bytes, size_t n)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void copy_file(const char *dir, const char *name)
{
	CLEANUP(buf_done) struct buf text;
	char path[256];

	buf_init(&text, 64 << 20);
	(void)snprintf(path, sizeof(path), BASE "/%s", name);
	if (fs_read(AT_FDCWD, path, &text, NULL) == 0)
		write_file(dir, name, buf_str(&text), text.len);
}

/* A safetensors file in the making, all F32. */
struct file {
	struct buf header, data;
};

static void file_begin(struct file *f)
{
	buf_init(&f->header, 1 << 20);
	buf_init(&f->data, 64 << 20);
	CHECK(buf_add_str(&f->header, "{") == 0);
}

static void file_add(struct file *f, const char *name, const struct tensor *like, const float *x)
{
	size_t from = f->data.len;

	CHECK(buf_add(&f->data, (const char *)x, like->count * sizeof(*x)) == 0);
	CHECK(buf_addf(&f->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", from ? "," : "",
		      name) == 0);
	for (size_t i = 0; i < like->n_dims; i++)
		CHECK(buf_addf(&f->header, "%s%llu", i ? "," : "",
			      (unsigned long long)like->dims[i]) == 0);
	CHECK(buf_addf(&f->header, "],\"data_offsets\":[%zu,%zu]}", from, f->data.len) == 0);
}

static void file_end(struct file *f, const char *dir, const char *name)
{
	struct buf all;
	uint64_t n;

	CHECK(buf_add_str(&f->header, "}") == 0);
	while (f->header.len % 8 != 0)
		CHECK(buf_add_str(&f->header, " ") == 0);
	n = f->header.len;
	buf_init(&all, 80 << 20);
	CHECK(buf_add(&all, (const char *)&n, sizeof(n)) == 0 &&
		buf_add(&all, buf_str(&f->header), f->header.len) == 0 &&
		buf_add(&all, buf_str(&f->data), f->data.len) == 0);
	write_file(dir, name, buf_str(&all), all.len);
	buf_done(&all);
	buf_done(&f->header);
	buf_done(&f->data);
}

/* --- an adapter of every matrix, and the model with it merged in --- */

static float drawn(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (float)(*state >> 40) * 0x1p-24f - 0.5f;
}

static void draw_pair(
	uint32_t layer, unsigned which, uint32_t rows, uint32_t columns, float *a, float *b)
{
	uint64_t state = layer * 100 + which + 1;

	for (uint32_t i = 0; i < RANK * columns; i++)
		a[i] = drawn(&state) * 0.2f;
	for (uint32_t i = 0; i < RANK * rows; i++)
		b[i] = drawn(&state) * 0.2f;
}

static void write_adapter(const char *dir, uint32_t layers, uint32_t more)
{
	static const char config[] = "{\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":6,"
				     "\"bias\":\"none\",\"target_modules\":[\"q_proj\"]}";
	struct file f;

	(void)mkdir(dir, 0700);
	write_file(dir, "adapter_config.json", config, sizeof(config) - 1);
	file_begin(&f);
	for (uint32_t layer = 0; layer < layers; layer++)
		for (unsigned which = 0; which < N_ADAPTED; which++) {
			uint32_t rows, columns;

			(void)writer->net->family->adapts(writer->net, which, &rows, &columns);
			float *a = calloc(RANK * columns, sizeof(*a));
			float *b = calloc(RANK * (rows + more), sizeof(*b));
			struct tensor low = {.n_dims = 2, .dims = {RANK, columns}};
			struct tensor high = {.n_dims = 2, .dims = {rows + more, RANK}};
			char name[128];

			low.count = RANK * columns;
			high.count = RANK * (rows + more);
			draw_pair(layer, which, rows, columns, a, b);
			(void)snprintf(name, sizeof(name),
				"base_model.model.model.layers.%u.%s.lora_A.weight", layer,
				names[which]);
			file_add(&f, name, &low, a);
			(void)snprintf(name, sizeof(name),
				"base_model.model.model.layers.%u.%s.lora_B.weight", layer,
				names[which]);
			file_add(&f, name, &high, b);
			free(a);
			free(b);
		}
	file_end(&f, dir, "adapter_model.safetensors");
}

/* W + alpha / rank B A, where the name is one of the adapted. */
static void merge(const char *name, float *w)
{
	for (uint32_t layer = 0; layer < writer->net->layers; layer++)
		for (unsigned which = 0; which < N_ADAPTED; which++) {
			uint32_t rows, columns;
			char mine[128];

			(void)snprintf(mine, sizeof(mine), "model.layers.%u.%s.weight", layer,
				names[which]);
			if (strcmp(mine, name) != 0)
				continue;
			(void)writer->net->family->adapts(writer->net, which, &rows, &columns);
			float *a = calloc(RANK * columns, sizeof(*a));
			float *b = calloc(RANK * rows, sizeof(*b));

			draw_pair(layer, which, rows, columns, a, b);
			for (uint32_t r = 0; r < rows; r++)
				for (uint32_t c = 0; c < columns; c++)
					for (uint32_t k = 0; k < RANK; k++)
						w[r * columns + c] += (float)ALPHA / RANK *
								      b[r * RANK + k] *
								      a[k * columns + c];
			free(a);
			free(b);
		}
}

static void write_merged(void)
{
	CLEANUP(weights_freep) struct weights *all = NULL;
	int base = open(BASE, O_RDONLY | O_DIRECTORY);
	struct file f;

	CHECK(base >= 0 && weights_open(base, &all, NULL) == 0);
	file_begin(&f);
	for (size_t i = 0; i < weights_count(all); i++) {
		const struct tensor *t = weights_at(all, i);
		float *x = calloc(t->count, sizeof(*x));

		tensor_read(t, 0, t->count, x);
		merge(t->name, x);
		file_add(&f, t->name, t, x);
		free(x);
	}
	file_end(&f, merged, "model.safetensors");
	close(base);
}

static void make_folders(void)
{
	static const char *const files[] = {"config.json", "tokenizer.json",
		"tokenizer_config.json", "generation_config.json", "chat_template.jinja"};
	char path[160];

	(void)snprintf(folder, sizeof(folder), "/tmp/vitrine-adapter-XXXXXX");
	(void)snprintf(merged, sizeof(merged), "/tmp/vitrine-merged-XXXXXX");
	CHECK(mkdtemp(folder) && mkdtemp(merged));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		copy_file(folder, files[i]);
		copy_file(merged, files[i]);
	}
	copy_file(folder, "model.safetensors");
	write_merged();
	(void)snprintf(path, sizeof(path), "%s/adapters", folder);
	CHECK(mkdir(path, 0700) == 0);
	(void)snprintf(path, sizeof(path), "%s/adapters/voice", folder);
	write_adapter(path, writer->net->layers, 0);
}

/* --- tests --- */

static const char *const prompt = CHAT("Write a story about a cat and a small boat on the sea");

static int ask_adapted(struct engine *e, struct model *m, struct watch *w, const char *adapter)
{
	const struct prompt p = {.text = {prompt, strlen(prompt)},
		.framed = true,
		.adapter = adapter,
		.sampling = {.top_p = 1, .max_tokens = 30}};

	return engine_write(e, m, &p, &ops, w, &w->request, NULL);
}

static struct watch run(struct model *m, const char *adapter)
{
	struct watch w = {0};
	struct engine *e;

	CHECK(engine_new(&e) == 0 && ask_adapted(e, m, &w, adapter) == 0);
	while (engine_step(e))
		;
	CHECK(w.done && w.o.r == 0);
	engine_free(e);
	return w;
}

static void logits_of(struct model *m, const char *adapter, float *ret)
{
	struct tokens ids = {.max = 200};
	struct place places[NET_STEP_ROWS_MAX];
	struct alone a;
	uint32_t last;

	CHECK(tokenizer_encode(m->tokenizer, prompt, strlen(prompt), true, &ids, NULL) == 0);
	alone_begin(&a, m);
	for (uint32_t i = 0; i < ids.n; i++)
		places[i] = (struct place){
			a.kv, a.pages, i, adapter ? adapter_find(m->net, adapter) : NULL};
	last = (uint32_t)ids.n - 1;
	CHECK(m->net->family->step(m->net, ids.ids, places, ids.n, &last, 1, ret) == 0);
	alone_end(&a);
	tokens_done(&ids);
}

TEST(an_adapter_gives_what_a_merged_model_gives)
{
	struct model *with = known_model(device, folder), *other = known_model(device, merged);
	size_t vocab = writer->net->vocab;
	float *plain = calloc(3 * vocab, sizeof(*plain)), *adapted = plain + vocab,
	      *want = plain + 2 * vocab;
	double off = 0, size = 0, moved = 0;

	logits_of(with, NULL, plain);
	logits_of(with, "voice", adapted);
	logits_of(other, NULL, want);
	for (size_t i = 0; i < vocab; i++) {
		off += pow((double)(adapted[i] - want[i]), 2);
		moved += pow((double)(plain[i] - want[i]), 2);
		size += pow((double)want[i], 2);
	}
	printf("  off by %.2g, the base by %.2g\n", sqrt(off / size), sqrt(moved / size));
	CHECK(sqrt(off / size) < 1e-5 && sqrt(moved / size) > 1e-2);
	logits_of(writer, NULL, want);
	CHECK(!memcmp(plain, want, vocab * sizeof(*want))); /* the base is as it was */
	free(plain);
	model_free(with);
	model_free(other);
}

TEST(texts_with_and_without_an_adapter_share_steps_and_keep_apart)
{
	struct model *m = known_model(device, folder);
	struct watch plain = run(m, NULL), adapted = run(m, "voice"), of[4] = {0};
	struct engine *e;

	CHECK(strcmp(plain.text, adapted.text) != 0);
	CHECK(engine_new(&e) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(ask_adapted(e, m, &of[i], i % 2 ? "voice" : NULL) == 0);
	while (engine_step(e))
		;
	for (int i = 0; i < 4; i++)
		CHECK(of[i].done && !strcmp(of[i].text, i % 2 ? adapted.text : plain.text));
	/* What was kept of one is not found by the other. */
	for (int i = 0; i < 2; i++) {
		of[0] = (struct watch){0};
		CHECK(ask_adapted(e, m, &of[0], i % 2 ? "voice" : NULL) == 0);
		while (engine_step(e))
			;
		CHECK(!strcmp(of[0].text, i % 2 ? adapted.text : plain.text));
	}
	engine_free(e);
	model_free(m);
}

TEST(an_adapter_that_is_not_there_or_does_not_fit_is_refused_by_name)
{
	const struct prompt p = {.text = {prompt, strlen(prompt)},
		.adapter = "voice",
		.sampling = {.top_p = 1, .max_tokens = 3}};
	struct watch w = {0};
	struct err why = {0};
	struct engine *e;
	struct model *m;
	char path[160];

	CHECK(engine_new(&e) == 0);
	CHECK(engine_write(e, writer, &p, &ops, &w, &w.request, &why) == -EINVAL);
	CHECK(strstr(why.text, "has no 'voice'"));
	engine_free(e);
	(void)snprintf(path, sizeof(path), "%s/adapters/wide", folder);
	write_adapter(path, 1, 1);
	m = model_open(AT_FDCWD, folder, "test/wide", device);
	CHECK(m && !m->net && strstr(m->error.text, "adapters/wide") &&
		strstr(m->error.text, "lora_B.weight' must be"));
	model_free(m);
	write_file(path, "adapter_config.json", "{\"peft_type\":\"IA3\",\"r\":1}", 25);
	m = model_open(AT_FDCWD, folder, "test/kind", device);
	CHECK(m && !m->net && strstr(m->error.text, "peft_type 'IA3' is not supported"));
	model_free(m);
	CHECK(fs_remove_tree(path) == 0);
}

int main(void)
{
	if (access(BASE "/model.safetensors", R_OK) < 0) {
		printf("SKIPPED: the shipped models are not there\n");
		return 77;
	}
	CHECK(device_open("cpu", NULL, &device, NULL) == 0);
	writer = known_model(device, BASE);
	make_folders();
	for (const struct test *t = __start_tests; t < __stop_tests; t++) {
		printf("%s\n", t->name);
		t->run();
	}
	CHECK(fs_remove_tree(folder) == 0 && fs_remove_tree(merged) == 0);
	model_free(writer);
	device_close(device);
	return 0;
}
