/* The CPU as a device: plain memory, one thread, the kernels of this processor. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/devices/cpu_pages.h"
#include "inference/devices/device.h"
#include "inference/kernels/kernels.h"

#define ALIGNMENT 64

struct cpu {
	struct device device;
	const struct kernels *k;
	float *scores; /* owned; of one head while it attends */
	size_t scores_cap;
	const float **pages; /* owned; of the sequence that attends */
	size_t pages_cap;
	float *keys; /* owned; keys in blocks, of one sequence in attend_full */
	size_t keys_cap;
};

struct weight {
	size_t rows, columns;
	const float *f32;     /* panels; one of the two is set */
	const uint16_t *bf16; /* panels, as stored */
	float *vector;        /* one-dimensional weights: plain */
	void *memory;         /* owned */
};

static struct cpu *cpu_of(struct device *d)
{
	return (struct cpu *)d;
}

static void *aligned(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n ? n : 1, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
		return NULL;
	return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static float *cpu_alloc(struct device *d, size_t n)
{
	(void)d;
	return aligned(n, sizeof(float));
}

static void cpu_free(struct device *d, float *x)
{
	(void)d;
	free(x);
}

static void cpu_fetch(struct device *d, const float *x, size_t n, float *ret)
{
	(void)d;
	memcpy(ret, x, n * sizeof(*x));
}

static void cpu_put(struct device *d, const float *from, size_t n, float *x)
{
	(void)d;
	memcpy(x, from, n * sizeof(*x));
}

/* --- weights --- */

static void pack_f32(const struct tensor *t, struct weight *w, float *panels)
{
	for (size_t row = 0; row < w->rows; row++)
		for (size_t c = 0; c < w->columns; c++)
			panels[row / PANEL_ROWS * PANEL_ROWS * w->columns + c * PANEL_ROWS +
				row % PANEL_ROWS] = tensor_at(t, row * w->columns + c);
}

static void pack_bf16(const struct tensor *t, struct weight *w, uint16_t *panels)
{
	for (size_t row = 0; row < w->rows; row++)
		for (size_t c = 0; c < w->columns; c++)
			memcpy(&panels[row / PANEL_ROWS * PANEL_ROWS * w->columns + c * PANEL_ROWS +
				       row % PANEL_ROWS],
				t->bytes + (row * w->columns + c) * 2, 2);
}

static struct weight *cpu_weight_new(struct device *d, const struct tensor *t)
{
	struct weight *w = calloc(1, sizeof(*w));
	bool matrix = t->n_dims == 2;
	bool half = matrix && t->type == TENSOR_BF16;
	size_t padded;

	(void)d;
	if (!w)
		return NULL;
	w->rows = matrix ? t->dims[0] : 1;
	w->columns = matrix ? t->dims[1] : t->count;
	padded = matrix ? (w->rows + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS : 1;
	if (padded == 0 || w->columns > SIZE_MAX / 4 / padded)
		goto fail;
	w->memory = aligned(padded * w->columns, half ? 2 : 4);
	if (!w->memory)
		goto fail;
	memset(w->memory, 0, padded * w->columns * (half ? 2 : 4));
	if (!matrix) {
		w->vector = w->memory;
		tensor_read(t, 0, t->count, w->vector);
	} else if (half) {
		w->bf16 = w->memory;
		pack_bf16(t, w, w->memory);
	} else {
		w->f32 = w->memory;
		pack_f32(t, w, w->memory);
	}
	return w;
fail:
	free(w);
	return NULL;
}

static void cpu_weight_free(struct device *d, struct weight *w)
{
	(void)d;
	if (w)
		free(w->memory);
	free(w);
}

static float weight_at(const struct weight *w, size_t row, size_t c)
{
	size_t at = row / PANEL_ROWS * PANEL_ROWS * w->columns + c * PANEL_ROWS + row % PANEL_ROWS;
	uint32_t bits;
	float f;

	if (w->f32)
		return w->f32[at];
	bits = (uint32_t)w->bf16[at] << 16;
	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* --- key-value cache --- */

static struct kv *cpu_kv_new(struct device *d, uint32_t layers, uint32_t width, uint32_t pages)
{
	(void)d;
	return cpu_pages_new(layers, width, pages);
}

static void cpu_kv_free(struct device *d, struct kv *kv)
{
	(void)d;
	cpu_pages_free(kv);
}

static void cpu_kv_drop(struct device *d, struct kv *kv, uint32_t page)
{
	(void)d;
	cpu_pages_drop(kv, page);
}

/* --- operators --- */

static void cpu_embed(
	struct device *d, const struct weight *w, const uint32_t *ids, size_t m, bool add, float *y)
{
	(void)d;
	for (size_t i = 0; i < m; i++, y += w->columns) {
		assert(ids[i] < w->rows);
		for (size_t c = 0; c < w->columns; c++)
			y[c] = weight_at(w, ids[i], c) + (add ? y[c] : 0);
	}
}

static void cpu_linear(struct device *d, const struct weight *w, const struct weight *bias,
	const float *x, size_t m, float *y)
{
	struct product p = {.x = x,
		.ldx = w->columns,
		.bias = bias ? bias->vector : NULL,
		.y = y,
		.ldy = w->rows,
		.m = m,
		.n = w->rows,
		.k = w->columns};

	if (w->f32)
		cpu_of(d)->k->matmul_f32(w->f32, &p);
	else
		cpu_of(d)->k->matmul_bf16(w->bf16, &p);
}

static void cpu_add(struct device *d, const float *x, float *y, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		y[i] += x[i];
}

static void cpu_gather(
	struct device *d, const float *x, size_t width, const uint32_t *rows, size_t m, float *y)
{
	(void)d;
	for (size_t i = 0; i < m; i++)
		memcpy(y + i * width, x + rows[i] * width, width * sizeof(*y));
}

static void cpu_rmsnorm(struct device *d, const float *x, const struct weight *w, float eps,
	size_t m, size_t n, float *y)
{
	for (size_t i = 0; i < m; i++)
		cpu_of(d)->k->rmsnorm(x + i * n, w->vector, eps, y + i * n, n);
}

static void cpu_layernorm(struct device *d, const float *x, const struct weight *w,
	const struct weight *b, float eps, size_t m, size_t n, float *y)
{
	for (size_t i = 0; i < m; i++)
		cpu_of(d)->k->layernorm(x + i * n, w->vector, b->vector, eps, y + i * n, n);
}

static void cpu_rope(struct device *d, float *x, size_t m, uint32_t heads, uint32_t dim,
	const struct place *places, const double *frequency, bool interleaved)
{
	size_t step = interleaved ? 2 : 1, other = interleaved ? 1 : dim / 2;

	(void)d;
	for (size_t row = 0; row < m; row++) {
		for (uint32_t i = 0; i < dim / 2; i++) {
			double angle = places[row].position * frequency[i];
			float c = (float)cos(angle), s = (float)sin(angle);

			for (uint32_t h = 0; h < heads; h++) {
				float *at = x + (row * heads + h) * dim + i * step;
				float a = at[0], b = at[other];

				at[0] = a * c - b * s;
				at[other] = b * c + a * s;
			}
		}
	}
}

static void cpu_kv_put(struct device *d, uint32_t layer, const struct place *places, size_t m,
	const float *k, const float *v, uint32_t width)
{
	(void)d;
	for (size_t i = 0; i < m; i++)
		cpu_pages_put(layer, &places[i], k + i * width, v + i * width);
}

/* Room for n floats of scratch; without it the process cannot go on computing anything. */
static float *reserve(float **at, size_t *cap, size_t n)
{
	if (n <= *cap)
		return *at;
	free(*at);
	*at = aligned(n * 2, sizeof(float));
	if (!*at)
		abort();
	memset(*at, 0, n * 2 * sizeof(float));
	*cap = n * 2;
	return *at;
}

/* The pages of a row's sequence, as far as it reaches. */
static const float *const *find_pages(struct cpu *c, uint32_t layer, const struct place *p)
{
	size_t n = p->position / KV_PAGE + 1;

	if (n > c->pages_cap) {
		free(c->pages);
		c->pages = aligned(n * 2, sizeof(*c->pages));
		if (!c->pages)
			abort();
		c->pages_cap = n * 2;
	}
	for (size_t i = 0; i < n; i++)
		c->pages[i] = cpu_page_at(p->kv, layer, p->pages[i]);
	return c->pages;
}

static void cpu_attend_causal(struct device *d, uint32_t layer, const struct place *places,
	size_t m, const struct heads *h, const float *q, float *y)
{
	struct cpu *c = cpu_of(d);
	size_t group = h->heads / h->kv_heads, width = (size_t)h->kv_heads * h->dim;

	for (size_t i = 0; i < m; i++) {
		struct attention a = {.pages = find_pages(c, layer, &places[i]),
			.page = KV_PAGE,
			.k_stride = width * KEY_BLOCK,
			.v_stride = width,
			.heads = group,
			.dim = h->dim,
			.n = places[i].position + 1};

		a.scores = reserve(&c->scores, &c->scores_cap, a.n + KEY_BLOCK);
		for (size_t head = 0; head < h->kv_heads; head++) {
			size_t at = (i * h->heads + head * group) * h->dim;

			a.q = q + at;
			a.y = y + at;
			a.k_at = head * h->dim * KEY_BLOCK;
			a.v_at = cpu_page_values(places[i].kv) + head * h->dim;
			c->k->attend(&a);
		}
	}
}

static void attend_sequence(struct cpu *c, const struct heads *h, size_t n, bool causal,
	const float *q, const float *k, const float *v, float *y)
{
	size_t width = (size_t)h->heads * h->dim;
	float *keys = reserve(&c->keys, &c->keys_cap, (n + KEY_BLOCK) * width);
	struct attention a = {.k_stride = width * KEY_BLOCK,
		.v_stride = width,
		.heads = 1,
		.dim = h->dim,
		.n = n,
		.scores = reserve(&c->scores, &c->scores_cap, n + KEY_BLOCK)};

	for (size_t i = 0; i < n; i++)
		cpu_put_keys(keys, i, k + i * width, width);
	for (size_t row = 0; row < n; row++)
		for (size_t head = 0; head < h->heads; head++) {
			a.q = q + row * width + head * h->dim;
			a.y = y + row * width + head * h->dim;
			a.k = keys + head * h->dim * KEY_BLOCK;
			a.v = v + head * h->dim;
			a.n = causal ? row + 1 : n;
			c->k->attend(&a);
		}
}

static void attend_sequences(struct device *d, const uint32_t *starts, size_t n,
	const struct heads *h, bool causal, const float *q, const float *k, const float *v,
	float *y)
{
	size_t width = (size_t)h->heads * h->dim;

	assert(h->heads == h->kv_heads);
	for (size_t s = 0; s < n; s++) {
		size_t at = starts[s] * width;

		attend_sequence(cpu_of(d), h, starts[s + 1] - starts[s], causal, q + at, k + at,
			v + at, y + at);
	}
}

static void cpu_attend_full(struct device *d, const uint32_t *starts, size_t n,
	const struct heads *h, const float *q, const float *k, const float *v, float *y)
{
	attend_sequences(d, starts, n, h, false, q, k, v, y);
}

static void cpu_attend_left(struct device *d, const uint32_t *starts, size_t n,
	const struct heads *h, const float *q, const float *k, const float *v, float *y)
{
	attend_sequences(d, starts, n, h, true, q, k, v, y);
}

static void cpu_silu_mul(struct device *d, float *gate, const float *up, size_t n)
{
	cpu_of(d)->k->silu_mul(gate, up, n);
}

static void cpu_gelu(struct device *d, float *x, size_t n)
{
	cpu_of(d)->k->gelu(x, n);
}

static void cpu_gelu_tanh(struct device *d, float *x, size_t n)
{
	cpu_of(d)->k->gelu_tanh(x, n);
}

static void cpu_quick_gelu(struct device *d, float *x, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] / (1 + expf(-1.702f * x[i]));
}

static void cpu_tanh(struct device *d, float *x, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		x[i] = tanhf(x[i]);
}

static struct device *cpu_close(struct device *d)
{
	free(cpu_of(d)->scores);
	free(cpu_of(d)->keys);
	free(cpu_of(d)->pages);
	free(d);
	return NULL;
}

static const struct device_ops cpu_ops = {
	.name = "cpu",
	.alloc = cpu_alloc,
	.free = cpu_free,
	.fetch = cpu_fetch,
	.put = cpu_put,
	.weight_new = cpu_weight_new,
	.weight_free = cpu_weight_free,
	.kv_new = cpu_kv_new,
	.kv_free = cpu_kv_free,
	.kv_drop = cpu_kv_drop,
	.embed = cpu_embed,
	.linear = cpu_linear,
	.add = cpu_add,
	.gather = cpu_gather,
	.rmsnorm = cpu_rmsnorm,
	.layernorm = cpu_layernorm,
	.rope = cpu_rope,
	.kv_put = cpu_kv_put,
	.attend_causal = cpu_attend_causal,
	.attend_full = cpu_attend_full,
	.attend_left = cpu_attend_left,
	.silu_mul = cpu_silu_mul,
	.gelu = cpu_gelu,
	.gelu_tanh = cpu_gelu_tanh,
	.quick_gelu = cpu_quick_gelu,
	.tanh = cpu_tanh,
	.close = cpu_close,
};

int device_cpu_open(const char *kernels, struct device **ret, struct err *e)
{
	struct cpu *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->device.ops = &cpu_ops;
	r = kernels_pick(kernels, &c->k, e);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = &c->device;
	return 0;
}
