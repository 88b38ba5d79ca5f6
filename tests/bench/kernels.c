/*
 * The kernels alone: products of weights larger than any cache, by type, build and number of rows.
 *
 *   bench_kernels [--threads N] [--build NAME] [--rows R] [--columns C] [--seconds S] [TYPE...]
 *
 * One line per type and number of rows of x: GB/s of weights read and billions of multiplications
 * and additions per second, the best of the runs. The first line is what the memory gives.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/devices/pool.h"
#include "inference/kernels/kernels.h"

#define MATRICES_BYTES (256u << 20) /* all that one round reads */
#define ROWS_MAX 128

struct setup {
	struct pool *pool;
	const struct kernels *k;
	size_t rows, columns;
	double seconds;
};

struct job {
	const struct kernels *k;
	enum tensor_type type;
	const uint8_t *packed;
	struct product p;
};

/* Of one thread its own processor time: what else runs on the machine then counts little. */
static clockid_t clock_used = CLOCK_THREAD_CPUTIME_ID;

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(clock_used, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void multiply(void *data, size_t first, size_t last, unsigned worker)
{
	const struct job *j = data;

	(void)worker;
	j->k->matmul[j->type](j->packed, &j->p, first, last);
}

static void *take(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!p) {
		(void)fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static volatile uint64_t sink;

static void read_some(void *data, size_t first, size_t last, unsigned worker)
{
	const uint64_t *from = (const uint64_t *)data + first * 512;
	uint64_t sums[16] = {0};

	(void)worker;
	for (size_t i = 0; i < (last - first) * 512; i += 16)
		for (size_t j = 0; j < 16; j++)
			sums[j] ^= from[i + j];
	for (size_t j = 0; j < 16; j++)
		sink ^= sums[j];
}

static void bench_memory(const struct setup *s)
{
	uint64_t *memory = take(MATRICES_BYTES);
	double best = 1e9, start = now();

	memset(memory, 1, MATRICES_BYTES);
	do {
		double from = now(), took;

		pool_run(s->pool, MATRICES_BYTES / 4096, 64, read_some, memory);
		took = now() - from;
		best = took < best ? took : best;
	} while (now() - start < s->seconds);
	printf("memory: %.1f GB/s with %u threads\n", MATRICES_BYTES / best * 1e-9,
		pool_threads(s->pool));
	free(memory);
}

/* Random bytes whose scales are small numbers. */
static uint8_t *random_weights(enum tensor_type type, size_t bytes)
{
	uint8_t *packed = take(bytes);
	size_t step = packed_step_bytes(type);
	uint32_t state = 1;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 1664525 + 1013904223;
		packed[i] = (uint8_t)(state >> 24);
		if (packed_step_columns(type) <= 2 || i % step < 64)
			packed[i] = i % 2 ? 0x1c : packed[i]; /* also of wider numbers */
	}
	return packed;
}

static void bench_rows(const struct setup *s, struct job *j, size_t matrices, size_t bytes)
{
	double best = 1e9, start = now(), each;
	const uint8_t *weights = j->packed;
	size_t round = 0;

	do {
		double from = now(), took;

		j->packed = weights + round++ % matrices * bytes;
		pool_run(s->pool, s->rows / GROUP_ROWS, 4, multiply, j);
		took = now() - from;
		best = took < best ? took : best;
	} while (now() - start < s->seconds || round < 3);
	each = (now() - start) / (double)round;
	j->packed = weights;
	printf("%-5s rows %3zu: %6.1f GB/s %7.1f GMAC/s (mean %.1f, %.1f)\n",
		tensor_type_name(j->type), j->p.m, (double)bytes / best * 1e-9,
		(double)(s->rows * s->columns * j->p.m) / best * 1e-9, (double)bytes / each * 1e-9,
		(double)(s->rows * s->columns * j->p.m) / each * 1e-9);
	(void)fflush(stdout);
}

static void bench_type(const struct setup *s, enum tensor_type type)
{
	static const size_t rows[] = {1, 8, 128};
	size_t bytes = packed_bytes(type, s->rows, s->columns);
	size_t matrices = MATRICES_BYTES / bytes + 1;
	float *x = take(ROWS_MAX * s->columns * 4), *y = take(ROWS_MAX * s->rows * 4);
	struct eights *q = take(ROWS_MAX * EIGHTS_OF(s->columns) * sizeof(*q));
	uint32_t *pairs = take(ROWS_MAX * PAIRS_OF(s->columns) * sizeof(*pairs));
	uint8_t *weights = random_weights(type, matrices * bytes);

	for (size_t i = 0; i < ROWS_MAX * s->columns; i++)
		x[i] = (float)(i * 7919 % 1000) / 500 - 1;
	for (size_t i = 0; i < ROWS_MAX; i++) {
		s->k->quantise(x + i * s->columns, s->columns, q + i * EIGHTS_OF(s->columns));
		s->k->pair(x + i * s->columns, s->columns, pairs + i * PAIRS_OF(s->columns));
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job j = {s->k, type, weights,
			{x, q, pairs, s->columns, NULL, y, s->rows, rows[i], s->rows, s->columns}};

		bench_rows(s, &j, matrices, bytes);
	}
	free(weights);
	free(q);
	free(pairs);
	free(y);
	free(x);
}

static const struct option options[] = {
	{"threads", required_argument, NULL, 't'},
	{"build", required_argument, NULL, 'b'},
	{"rows", required_argument, NULL, 'r'},
	{"columns", required_argument, NULL, 'c'},
	{"seconds", required_argument, NULL, 's'},
	{0},
};

int main(int argc, char **argv)
{
	struct setup s = {.rows = 5632, .columns = 2048, .seconds = 1};
	const char *build = "fast";
	unsigned long threads = 1;
	struct err e = {0};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 't':
			threads = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			build = optarg;
			break;
		case 'r':
			s.rows = strtoul(optarg, NULL, 10) / GROUP_ROWS * GROUP_ROWS;
			break;
		case 'c':
			s.columns = strtoul(optarg, NULL, 10) / 256 * 256;
			break;
		case 's':
			s.seconds = strtod(optarg, NULL);
			break;
		default:
			return 2;
		}
	if (kernels_pick(build, &s.k, &e) < 0 || s.rows == 0 || s.columns == 0) {
		(void)fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	s.pool = pool_new((unsigned)threads);
	if (!s.pool)
		return 1;
	if (pool_threads(s.pool) > 1)
		clock_used = CLOCK_MONOTONIC;
	printf("%s\n", s.k->name);
	bench_memory(&s);
	for (enum tensor_type type = 0; type < TENSOR_TYPES; type++) {
		bool wanted = optind == argc;

		for (int i = optind; i < argc; i++)
			wanted |= !strcasecmp(argv[i], tensor_type_name(type));
		if (wanted)
			bench_type(&s, type);
	}
	(void)pool_free(s.pool);
	return 0;
}
