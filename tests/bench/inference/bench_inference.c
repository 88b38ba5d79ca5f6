/*
 * How fast the engine is with one model: bench_inference FOLDER [cuda | KERNELS]
 *
 * Reads lines and answers each with tokens per second, as llama_peer.py does: "prompt N" (a prompt
 * of N tokens and the first token after it), "write N" (one text of N tokens), "batch S N" (S texts
 * at once), "embed N" (an encoder's hidden states of N tokens, averaged). "bandwidth" answers with
 * the bytes per second that one thread reads from memory. The model's tokenizer makes one token of
 * each byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/devices/device.h"
#include "inference/engine/engine.h"
#include "inference/engine/model.h"

#define TEXT_MAX 2048
#define BATCH_MAX 16
#define SWEEP_BYTES (1ull << 30)

struct bench {
	struct device *device;
	struct engine *engine;
	struct model *model;
	size_t running;
	uint64_t tokens_in, tokens_out;
	bool failed;
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void ignore_text(const char *text, size_t n, void *data)
{
	(void)text;
	(void)n;
	(void)data;
}

static void count_end(const struct outcome *o, void *data)
{
	struct bench *b = data;

	b->running--;
	b->tokens_in += o->usage.tokens_in;
	b->tokens_out += o->usage.tokens_out;
	if (o->r < 0) {
		(void)fprintf(stderr, "bench_inference: %s\n", o->error.text);
		b->failed = true;
	}
}

/* Every run has a text of its own, so that none finds its beginning in a cache. */
static int begin(struct bench *b, uint32_t tokens_in, uint32_t tokens_out)
{
	static const struct request_ops ops = {ignore_text, count_end};
	static unsigned runs;
	char text[TEXT_MAX];
	struct prompt p = {.text = {text, tokens_in},
		.sampling = {.temperature = 0, .top_p = 1, .max_tokens = tokens_out}};
	struct request *q;
	struct err e = {0};

	if (tokens_in == 0 || tokens_in > TEXT_MAX)
		return -EINVAL;
	runs++;
	for (uint32_t i = 0; i < tokens_in; i++)
		text[i] = (char)('a' + (runs >> (3 * (i % 8)) & 7) + (i * 5) % 18);
	if (engine_write(b->engine, b->model, &p, &ops, b, &q, &e) < 0) {
		(void)fprintf(stderr, "bench_inference: %s\n", e.text);
		return -EINVAL;
	}
	b->running++;
	return 0;
}

/* Tokens per second of texts many texts at once; counts what comes in or what goes out. */
static double run(struct bench *b, uint32_t texts, uint32_t in, uint32_t out, bool count_in)
{
	double start = now();

	b->tokens_in = b->tokens_out = 0;
	for (uint32_t i = 0; i < texts; i++)
		if (begin(b, in, out) < 0)
			return -1;
	while (b->running > 0)
		(void)engine_step(b->engine);
	return b->failed ? -1 : (double)(count_in ? b->tokens_in : b->tokens_out) / (now() - start);
}

/* --- encoders --- */

#define EMBEDS 8 /* at a turn */

static int add_up(const struct rows *rows, void *to)
{
	float *sum = to;

	for (size_t i = 0; i < rows->n * rows->width; i++)
		sum[i % 16] += rows->x[i];
	return 0;
}

/* [CLS], letters and [SEP] of make_encoder.py's vocabulary, all of which are wanted. */
static int add_sequence(struct sequences *in, uint32_t n)
{
	in->headless = true;
	in->n = 1;
	in->ids.max = in->wanted.max = TEXT_MAX;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = i == 0 ? 2 : i + 1 == n ? 3 : 5 + (i - 1) % 26;

		if (tokens_add(&in->ids, id) < 0 || tokens_add(&in->wanted, i) < 0)
			return -EINVAL;
	}
	in->starts[1] = in->wants[1] = n;
	return 0;
}

static double embed(struct bench *b, uint32_t n)
{
	static const struct request_ops ops = {ignore_text, count_end};
	double start = now();
	float sum[16] = {0};

	for (int i = 0; i < EMBEDS; i++) {
		CLEANUP(sequences_done) struct sequences in = {0};
		const struct reader reader = {add_up, sum};
		struct request *q;
		struct err e = {0};

		if (add_sequence(&in, n) < 0 ||
			engine_encode(b->engine, b->model, &in, &reader, &ops, b, &q, &e) < 0) {
			(void)fprintf(stderr, "bench_inference: %s\n", e.text);
			return -1;
		}
		b->running++;
		while (b->running > 0)
			(void)engine_step(b->engine);
	}
	return b->failed ? -1 : EMBEDS * n / (now() - start);
}

/* Sums of a buffer that no cache holds, four streams at once; the best of three sweeps. */
static double bandwidth(void)
{
	size_t n = SWEEP_BYTES / sizeof(uint64_t);
	uint64_t *x = malloc(SWEEP_BYTES), sum = 0;
	double best = 0;

	if (!x)
		return -1;
	memset(x, 1, SWEEP_BYTES);
	for (int turn = 0; turn < 3; turn++) {
		double start = now(), rate;
		uint64_t s[32] = {0};

		for (size_t i = 0; i < n; i += 32) {
			__builtin_prefetch(x + i + 128);
			__builtin_prefetch(x + i + 136);
			__builtin_prefetch(x + i + 144);
			__builtin_prefetch(x + i + 152);
			for (size_t j = 0; j < 32; j++)
				s[j] += x[i + j];
		}
		for (size_t j = 0; j < 32; j++)
			sum += s[j];
		rate = SWEEP_BYTES / (now() - start);
		best = rate > best ? rate : best;
	}
	free(x);
	return sum ? best : -1;
}

static double answer(struct bench *b, const char *line)
{
	uint32_t n, m;

	if (sscanf(line, "prompt %u", &n) == 1)
		return run(b, 1, n, 1, true);
	if (sscanf(line, "write %u", &n) == 1)
		return run(b, 1, 1, n, false);
	if (sscanf(line, "threads %u", &n) == 1 && n > 0) {
		device_spread(b->device, n);
		return n;
	}
	if (sscanf(line, "embed %u", &n) == 1)
		return embed(b, n);
	if (sscanf(line, "batch %u %u", &m, &n) == 2 && m <= BATCH_MAX)
		return run(b, m, 1, n, false);
	return !strcmp(line, "bandwidth\n") ? bandwidth() : -1;
}

/* name: "cuda", or a build of the CPU's kernels, or NULL. */
static int open_device(const char *name, struct device **ret, struct err *e)
{
	return name && !strcmp(name, "cuda") ? device_open(name, NULL, ret, e)
					     : device_open("cpu", name ? name : "fast", ret, e);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	struct err e = {0};
	char line[128];

	if (argc < 2 || argc > 3) {
		(void)fprintf(stderr, "usage: bench_inference FOLDER [cuda | KERNELS]\n");
		return 2;
	}
	if (open_device(argc > 2 ? argv[2] : NULL, &b.device, &e) < 0 ||
		engine_new(&b.engine) < 0) {
		(void)fprintf(stderr, "bench_inference: %s\n", e.text);
		return 1;
	}
	b.model = model_open(AT_FDCWD, argv[1], "bench/model", b.device);
	if (!b.model || !b.model->net) {
		(void)fprintf(stderr, "bench_inference: %s\n",
			b.model ? b.model->error.text : "out of memory");
		return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		(void)printf("%.3f\n", answer(&b, line));
		(void)fflush(stdout);
	}
	(void)engine_free(b.engine);
	(void)model_free(b.model);
	(void)device_close(b.device);
	return 0;
}
