/* The CUDA device against the CPU's plainest kernels, operator by operator; skipped where no GPU
 * is. VITRINE_CUDA_REQUIRED: that is a failure then. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "inference/devices/device.h"
#include "tests/support/test.h"

#define ROWS_MAX 70
#define WIDTH_MAX 700
#define POSITIONS 150

static struct device *cpu, *gpu;

static float next(void)
{
	static uint32_t state = 4711;

	state = state * 1664525 + 1013904223;
	return (float)(state >> 8) / (1 << 24) * 2 - 1;
}

static float *random_floats(size_t n)
{
	float *x = malloc(n * sizeof(*x));

	for (size_t i = 0; i < n; i++)
		x[i] = next();
	return x;
}

static void open_devices(void)
{
	struct err e = {0};

	if (gpu)
		return;
	if (device_open("cuda", NULL, &gpu, &e) < 0) {
		/* This much can be seen without a GPU. */
		CHECK(e.code != -ENOSYS);
		fprintf(stderr, "skipped: %s\n", e.text);
		exit(getenv("VITRINE_CUDA_REQUIRED") ? 1 : 77);
	}
	CHECK(device_open("cpu", "scalar", &cpu, NULL) == 0);
}

/* A weight of the values, on both. bf16: they are cut to it. */
struct both {
	struct weight *cpu, *gpu;
};

static struct both weight_of(size_t rows, size_t columns, bool half)
{
	size_t n = (rows ? rows : 1) * columns;
	float *x = random_floats(n);
	uint16_t *h = malloc(n * sizeof(*h));
	struct tensor t = {.name = "w",
		.type = half ? TENSOR_BF16 : TENSOR_F32,
		.n_dims = rows ? 2 : 1,
		.dims = {rows ? rows : columns, rows ? columns : 0},
		.count = n,
		.bytes = half ? (const uint8_t *)h : (const uint8_t *)x};
	struct both w;

	for (size_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, &x[i], 4);
		h[i] = (uint16_t)(bits >> 16);
	}
	w = (struct both){cpu->ops->weight_new(cpu, &t), gpu->ops->weight_new(gpu, &t)};
	CHECK(w.cpu && w.gpu);
	free(x);
	free(h);
	return w;
}

static void weight_done(struct both *w)
{
	cpu->ops->weight_free(cpu, w->cpu);
	gpu->ops->weight_free(gpu, w->gpu);
}

/* The floats of x on the GPU: through embed of a plain vector, the only way in there is. */
static float *send(const float *x, size_t n)
{
	struct tensor t = {.name = "x",
		.type = TENSOR_F32,
		.n_dims = 1,
		.dims = {n},
		.count = n,
		.bytes = (const uint8_t *)x};
	struct weight *w = gpu->ops->weight_new(gpu, &t);
	uint32_t zero = 0;
	float *y = gpu->ops->alloc(gpu, n);

	CHECK(w && y);
	gpu->ops->embed(gpu, w, &zero, 1, false, y);
	gpu->ops->weight_free(gpu, w);
	return y;
}

static void check_same(
	const char *what, const float *want, const float *on_gpu, size_t n, double by)
{
	float *got = malloc(n * sizeof(*got));
	double size = 0, worst = 0;

	gpu->ops->fetch(gpu, on_gpu, n, got);
	for (size_t i = 0; i < n; i++)
		size += (double)want[i] * (double)want[i];
	size = sqrt(size / (double)n);
	for (size_t i = 0; i < n; i++)
		worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
	printf("  %s: %.2g relative\n", what, worst / size);
	CHECK(worst <= by * size);
	free(got);
}

TEST(products_of_any_shape)
{
	static const size_t shapes[][3] = {
		{1, 16, 16}, {1, 300, 77}, {7, 33, 700}, {8, 64, 64}, {9, 17, 130}, {70, 500, 333}};

	open_devices();
	for (int half = 0; half < 2; half++)
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
			size_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
			struct both w = weight_of(n, k, half), bias = weight_of(0, n, false);
			float *x = random_floats(m * k), *y = malloc(m * n * sizeof(*y));
			float *x_gpu = send(x, m * k), *y_gpu = gpu->ops->alloc(gpu, m * n);

			cpu->ops->linear(cpu, w.cpu, bias.cpu, x, m, y);
			gpu->ops->linear(gpu, w.gpu, bias.gpu, x_gpu, m, y_gpu);
			check_same(half ? "bf16" : "f32", y, y_gpu, m * n, 5e-5);
			gpu->ops->free(gpu, x_gpu);
			gpu->ops->free(gpu, y_gpu);
			weight_done(&w);
			weight_done(&bias);
			free(x);
			free(y);
		}
}

TEST(a_row_alone_is_the_row_in_a_batch)
{
	size_t m = 70, n = 200, k = 300;
	struct both w;
	float *x = random_floats(m * k), *all = malloc(m * n * sizeof(*all)), one[200];
	float *x_gpu, *y_gpu;

	open_devices();
	w = weight_of(n, k, true);
	x_gpu = send(x, m * k);
	y_gpu = gpu->ops->alloc(gpu, m * n);
	gpu->ops->linear(gpu, w.gpu, NULL, x_gpu, m, y_gpu);
	gpu->ops->fetch(gpu, y_gpu, m * n, all);
	for (size_t i = 0; i < m; i += 13) {
		gpu->ops->linear(gpu, w.gpu, NULL, x_gpu + i * k, 1, y_gpu);
		gpu->ops->fetch(gpu, y_gpu, n, one);
		CHECK(memcmp(one, all + i * n, sizeof(one)) == 0);
	}
	gpu->ops->free(gpu, x_gpu);
	gpu->ops->free(gpu, y_gpu);
	weight_done(&w);
	free(x);
	free(all);
}

TEST(rows_by_id_and_norms)
{
	static const uint32_t ids[] = {3, 0, 99, 41, 3};
	size_t m = 5, n = 130;
	float *y = malloc(m * n * sizeof(*y)), *z = malloc(m * n * sizeof(*z)), *y_gpu, *z_gpu;

	open_devices();
	struct both table = weight_of(100, n, true), exact = weight_of(100, n, false);
	struct both gain = weight_of(0, n, false), shift = weight_of(0, n, false);

	y_gpu = gpu->ops->alloc(gpu, m * n);
	z_gpu = gpu->ops->alloc(gpu, m * n);
	cpu->ops->embed(cpu, table.cpu, ids, m, false, y);
	cpu->ops->embed(cpu, exact.cpu, ids, m, true, y);
	gpu->ops->embed(gpu, table.gpu, ids, m, false, y_gpu);
	gpu->ops->embed(gpu, exact.gpu, ids, m, true, y_gpu);
	check_same("embed", y, y_gpu, m * n, 5e-5);
	cpu->ops->rmsnorm(cpu, y, gain.cpu, 1e-5f, m, n, z);
	gpu->ops->rmsnorm(gpu, y_gpu, gain.gpu, 1e-5f, m, n, z_gpu);
	check_same("rmsnorm", z, z_gpu, m * n, 5e-5);
	cpu->ops->layernorm(cpu, y, gain.cpu, shift.cpu, 1e-5f, m, n, z);
	gpu->ops->layernorm(gpu, y_gpu, gain.gpu, shift.gpu, 1e-5f, m, n, z_gpu);
	check_same("layernorm", z, z_gpu, m * n, 5e-5);
	cpu->ops->gelu(cpu, z, m * n);
	gpu->ops->gelu(gpu, z_gpu, m * n);
	check_same("gelu", z, z_gpu, m * n, 5e-5);
	cpu->ops->silu_mul(cpu, z, y, m * n);
	gpu->ops->silu_mul(gpu, z_gpu, y_gpu, m * n);
	check_same("silu_mul", z, z_gpu, m * n, 5e-5);
	gpu->ops->free(gpu, y_gpu);
	gpu->ops->free(gpu, z_gpu);
	weight_done(&table);
	weight_done(&exact);
	weight_done(&gain);
	weight_done(&shift);
	free(y);
	free(z);
}

TEST(attention_over_scattered_pages)
{
	const struct heads h = {.heads = 6, .kv_heads = 2, .dim = 64};
	static const uint32_t pages[] = {4, 1, 7, 0, 6};
	size_t q_width = h.heads * h.dim, width = h.kv_heads * h.dim, m = POSITIONS;
	float *q = random_floats(m * q_width), *k = random_floats(m * width);
	float *v = random_floats(m * width), *y = malloc(m * q_width * sizeof(*y));
	double frequency[32];
	struct place on_cpu[POSITIONS], on_gpu[POSITIONS];

	open_devices();
	struct kv *kv = cpu->ops->kv_new(cpu, 3, (uint32_t)width, 8);
	struct kv *kv_gpu = gpu->ops->kv_new(gpu, 3, (uint32_t)width, 8);
	float *q_gpu = send(q, m * q_width), *k_gpu = send(k, m * width);
	float *v_gpu = send(v, m * width), *y_gpu = gpu->ops->alloc(gpu, m * q_width);

	CHECK(kv && kv_gpu);
	for (uint32_t i = 0; i < 32; i++)
		frequency[i] = pow(10000, -2.0 * i / 64);
	for (uint32_t i = 0; i < m; i++) {
		on_cpu[i] = (struct place){.kv = kv, .pages = pages, .position = i};
		on_gpu[i] = (struct place){.kv = kv_gpu, .pages = pages, .position = i};
	}
	cpu->ops->rope(cpu, k, m, h.kv_heads, h.dim, on_cpu, frequency, false);
	gpu->ops->rope(gpu, k_gpu, m, h.kv_heads, h.dim, on_gpu, frequency, false);
	check_same("rope", k, k_gpu, m * width, 5e-5);
	cpu->ops->kv_put(cpu, 1, on_cpu, m, k, v, (uint32_t)width);
	gpu->ops->kv_put(gpu, 1, on_gpu, m, k_gpu, v_gpu, (uint32_t)width);
	cpu->ops->attend_causal(cpu, 1, on_cpu, m, &h, q, y);
	gpu->ops->attend_causal(gpu, 1, on_gpu, m, &h, q_gpu, y_gpu);
	check_same("attend_causal", y, y_gpu, m * q_width, 5e-5);
	cpu->ops->kv_free(cpu, kv);
	gpu->ops->kv_free(gpu, kv_gpu);
	gpu->ops->free(gpu, q_gpu);
	gpu->ops->free(gpu, k_gpu);
	gpu->ops->free(gpu, v_gpu);
	gpu->ops->free(gpu, y_gpu);
	free(q);
	free(k);
	free(v);
	free(y);
}

TEST(attention_within_sequences)
{
	static const uint32_t starts[] = {0, 5, 6, 70};
	const struct heads h = {.heads = 3, .kv_heads = 3, .dim = 32};
	size_t m = 70, n = m * h.heads * h.dim;
	float *q = random_floats(n), *k = random_floats(n), *v = random_floats(n);
	float *y = malloc(n * sizeof(*y));

	open_devices();
	float *q_gpu = send(q, n), *k_gpu = send(k, n), *v_gpu = send(v, n);
	float *y_gpu = gpu->ops->alloc(gpu, n);

	cpu->ops->attend_full(cpu, starts, 3, &h, q, k, v, y);
	gpu->ops->attend_full(gpu, starts, 3, &h, q_gpu, k_gpu, v_gpu, y_gpu);
	check_same("attend_full", y, y_gpu, n, 5e-5);
	gpu->ops->free(gpu, q_gpu);
	gpu->ops->free(gpu, k_gpu);
	gpu->ops->free(gpu, v_gpu);
	gpu->ops->free(gpu, y_gpu);
	free(q);
	free(k);
	free(v);
	free(y);
}

TEST_MAIN()
