/* The CPU as a device: plain memory, the kernels of this processor, a pool of threads. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inference/devices/cpu_pages.h"
#include "inference/devices/device.h"
#include "inference/devices/pool.h"
#include "inference/kernels/kernels.h"

#define ALIGNMENT 64
/* Multiplications that are worth waking a thread for, and those of one chunk. */
#define CHUNK_PRODUCTS (1u << 17)
#define CHUNK_ELEMENTS (1u << 14) /* of an activation; whole vectors */

struct cpu {
	struct device device;
	const struct kernels *k;
	struct pool *pool;     /* owned */
	struct eights *eights; /* owned; rows that are multiplied with blocks of few bits */
	size_t eights_cap;
	uint32_t *pairs; /* owned; such rows in bfloat16 */
	size_t pairs_cap;
	float *scores; /* owned; of one head while it attends */
	size_t scores_cap;
	size_t attend_n;     /* scores of one thread */
	const float **pages; /* owned; of the sequences that attend, by thread */
	size_t pages_cap;
	float *keys; /* owned; keys in blocks, of one sequence in attend_full */
	size_t keys_cap;
};

struct weight {
	size_t rows, columns;
	enum tensor_type type; /* of packed */
	uint8_t *packed;       /* owned; NULL: one dimension */
	float *vector;         /* owned; one-dimensional weights: plain */
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

/* Alone: models are loaded in a thread beside the one whose steps the pool is for. */
static enum tensor_type kept_type(const struct device *d, enum tensor_type type)
{
	enum tensor_type fewer = d->outliers ? TENSOR_BF16 : TENSOR_Q8_0;

	return d->eights && packed_fits(type, fewer) ? fewer : type;
}

static struct weight *cpu_weight_new(struct device *d, const struct tensor *t)
{
	struct weight *w = calloc(1, sizeof(*w));
	size_t bytes;

	if (!w)
		return NULL;
	if (t->n_dims == 1) {
		w->columns = t->count;
		w->vector = aligned(t->count, sizeof(float));
		if (w->vector)
			tensor_read(t, 0, t->count, w->vector);
	} else {
		w->rows = t->dims[0];
		w->columns = t->dims[1];
		w->type = kept_type(d, t->type);
		bytes = packed_bytes(w->type, w->rows, w->columns);
		w->packed = bytes ? aligned(bytes, 1) : NULL;
		if (w->packed)
			packed_fill(
				t, w->type, 0, (w->rows + GROUP_ROWS - 1) / GROUP_ROWS, w->packed);
	}
	if (w->vector || w->packed)
		return w;
	free(w);
	return NULL;
}

static void cpu_weight_free(struct device *d, struct weight *w)
{
	(void)d;
	if (!w)
		return;
	free(w->packed);
	free(w->vector);
	free(w);
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

/* Room for n things of scratch, their content lost; without it the process cannot go on computing
 * anything. */
static void *reserve(void *scratch, size_t *cap, size_t n, size_t size)
{
	if (n <= *cap)
		return scratch;
	free(scratch);
	scratch = aligned(n * 2, size);
	if (!scratch)
		abort();
	memset(scratch, 0, n * 2 * size);
	*cap = n * 2;
	return scratch;
}

/* Scores of n positions, or n floats of anything else. */
static float *reserve_scores(struct cpu *c, size_t n)
{
	c->scores = reserve(c->scores, &c->scores_cap, n, sizeof(float));
	return c->scores;
}

static void cpu_embed(
	struct device *d, const struct weight *w, const uint32_t *ids, size_t m, bool add, float *y)
{
	struct cpu *c = cpu_of(d);
	float *row = add ? reserve_scores(c, w->columns) : NULL;

	for (size_t i = 0; i < m; i++, y += w->columns) {
		assert(ids[i] < w->rows);
		packed_read(w->type, w->packed, w->columns, ids[i], add ? row : y);
		for (size_t k = 0; add && k < w->columns; k++)
			y[k] += row[k];
	}
}

struct multiplication {
	const struct kernels *k;
	const struct weight *w;
	const float *x;
	struct eights *eights; /* NULL: plain weights */
	uint32_t *pairs;       /* NULL: they are multiplied with x as it is */
	struct product product;
};

static void quantise_some(void *data, size_t first, size_t last, unsigned worker)
{
	const struct multiplication *x = data;
	size_t k = x->w->columns;

	(void)worker;
	for (size_t i = first; i < last; i++)
		if (x->eights)
			x->k->quantise(x->x + i * k, k, x->eights + i * EIGHTS_OF(k));
		else
			x->k->pair(x->x + i * k, k, x->pairs + i * PAIRS_OF(k));
}

static void multiply_some(void *data, size_t first, size_t last, unsigned worker)
{
	const struct multiplication *x = data;

	(void)worker;
	x->k->matmul[x->w->type](x->w->packed, &x->product, first, last);
}

static void cpu_linear(struct device *d, const struct weight *w, const struct weight *bias,
	const float *x, size_t m, float *y)
{
	struct cpu *c = cpu_of(d);
	size_t groups = (w->rows + GROUP_ROWS - 1) / GROUP_ROWS, k = w->columns;
	struct multiplication a = {.k = c->k, .w = w, .x = x};

	if (m == 0)
		return;
	if (tensor_block(w->type) > 1) {
		c->eights =
			reserve(c->eights, &c->eights_cap, m * EIGHTS_OF(k), sizeof(struct eights));
		a.eights = c->eights;
	} else if (w->type == TENSOR_BF16 && c->k->rounds_bf16) {
		c->pairs = reserve(c->pairs, &c->pairs_cap, m * PAIRS_OF(k), sizeof(*c->pairs));
		a.pairs = c->pairs;
	}
	if (a.eights || a.pairs)
		pool_run(c->pool, m, CHUNK_PRODUCTS / 4 / k + 1, quantise_some, &a);
	a.product = (struct product){.x = x,
		.q = a.eights,
		.pairs = a.pairs,
		.ldx = k,
		.bias = bias ? bias->vector : NULL,
		.y = y,
		.ldy = w->rows,
		.m = m,
		.n = w->rows,
		.k = k};
	pool_run(c->pool, groups, CHUNK_PRODUCTS / GROUP_ROWS / m / k + 1, multiply_some, &a);
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

/* Scratch of each thread for n positions: scores, and the pages that hold them. */
static void reserve_attention(struct cpu *c, size_t n)
{
	size_t threads = pool_threads(c->pool);

	c->attend_n = (n + KEY_BLOCK + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	(void)reserve_scores(c, threads * c->attend_n);
	c->pages = reserve(c->pages, &c->pages_cap, threads * (n / KV_PAGE + 1), sizeof(*c->pages));
}

struct causal {
	struct cpu *c;
	uint32_t layer;
	const struct place *places;
	const struct heads *h;
	const float *q;
	float *y;
	size_t pages; /* of one thread's scratch */
};

/* An item is a row and a head of keys. */
static void attend_some(void *data, size_t first, size_t last, unsigned worker)
{
	const struct causal *x = data;
	const struct heads *h = x->h;
	size_t group = h->heads / h->kv_heads, width = (size_t)h->kv_heads * h->dim;
	const float **pages = x->c->pages + worker * x->pages;

	for (size_t i = first; i < last; i++) {
		const struct place *p = &x->places[i / h->kv_heads];
		size_t head = i % h->kv_heads, at = i * group * h->dim;
		struct attention a = {.q = x->q + at,
			.pages = pages,
			.page = KV_PAGE,
			.k_at = head * h->dim * KEY_BLOCK,
			.v_at = cpu_page_values(p->kv) + head * h->dim,
			.k_stride = width * KEY_BLOCK,
			.v_stride = width,
			.heads = group,
			.dim = h->dim,
			.n = p->position + 1,
			.scores = x->c->scores + worker * x->c->attend_n,
			.y = x->y + at};

		for (size_t j = 0; (i == first || head == 0) && j <= p->position / KV_PAGE; j++)
			pages[j] = cpu_page_at(p->kv, x->layer, p->pages[j]);
		x->c->k->attend(&a);
	}
}

static void cpu_attend_causal(struct device *d, uint32_t layer, const struct place *places,
	size_t m, const struct heads *h, const float *q, float *y)
{
	struct causal x = {cpu_of(d), layer, places, h, q, y, 0};
	size_t n = 1;

	for (size_t i = 0; i < m; i++)
		n = places[i].position + 1 > n ? places[i].position + 1 : n;
	reserve_attention(x.c, n);
	x.pages = n / KV_PAGE + 1;
	pool_run(x.c->pool, m * h->kv_heads,
		CHUNK_PRODUCTS / (2 * n * h->dim * (h->heads / h->kv_heads)) + 1, attend_some, &x);
}

struct sequence {
	struct cpu *c;
	const struct heads *h;
	size_t n;
	bool causal;
	const float *q, *v;
	float *y;
};

/* An item is a row. */
static void attend_rows(void *data, size_t first, size_t last, unsigned worker)
{
	const struct sequence *x = data;
	size_t dim = x->h->dim, width = x->h->heads * dim;
	struct attention a = {.k_stride = width * KEY_BLOCK,
		.v_stride = width,
		.heads = 1,
		.dim = dim,
		.scores = x->c->scores + worker * x->c->attend_n};

	for (size_t row = first; row < last; row++)
		for (size_t head = 0; head < x->h->heads; head++) {
			a.q = x->q + row * width + head * dim;
			a.y = x->y + row * width + head * dim;
			a.k = x->c->keys + head * dim * KEY_BLOCK;
			a.v = x->v + head * dim;
			a.n = x->causal ? row + 1 : x->n;
			x->c->k->attend(&a);
		}
}

static void attend_sequence(struct cpu *c, const struct heads *h, size_t n, bool causal,
	const float *q, const float *k, const float *v, float *y)
{
	size_t width = (size_t)h->heads * h->dim;
	struct sequence x = {c, h, n, causal, q, v, y};

	reserve_attention(c, n);
	c->keys = reserve(c->keys, &c->keys_cap, (n + KEY_BLOCK) * width, sizeof(float));
	for (size_t i = 0; i < n; i++)
		cpu_put_keys(c->keys, i, k + i * width, width);
	pool_run(c->pool, n, CHUNK_PRODUCTS / (2 * n * width) + 1, attend_rows, &x);
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

struct elements {
	const struct kernels *k;
	float *x;
	const float *up;
	void (*gelu)(float *x, size_t n);
};

static void activate_some(void *data, size_t first, size_t last, unsigned worker)
{
	const struct elements *e = data;

	(void)worker;
	if (e->gelu)
		e->gelu(e->x + first, last - first);
	else
		e->k->silu_mul(e->x + first, e->up + first, last - first);
}

static void cpu_silu_mul(struct device *d, float *gate, const float *up, size_t n)
{
	struct elements e = {cpu_of(d)->k, gate, up, NULL};

	pool_run(cpu_of(d)->pool, n, CHUNK_ELEMENTS, activate_some, &e);
}

static void cpu_gelu(struct device *d, float *x, size_t n)
{
	struct elements e = {.x = x, .gelu = cpu_of(d)->k->gelu};

	pool_run(cpu_of(d)->pool, n, CHUNK_ELEMENTS, activate_some, &e);
}

static void cpu_gelu_tanh(struct device *d, float *x, size_t n)
{
	struct elements e = {.x = x, .gelu = cpu_of(d)->k->gelu_tanh};

	pool_run(cpu_of(d)->pool, n, CHUNK_ELEMENTS, activate_some, &e);
}

static void cpu_quick_gelu(struct device *d, float *x, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] / (1 + expf(-1.702f * x[i]));
}

static void cpu_relu(struct device *d, float *x, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] > 0 ? x[i] : 0;
}

static void cpu_tanh(struct device *d, float *x, size_t n)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		x[i] = tanhf(x[i]);
}

/* Threads that cannot be had are done without. */
static void cpu_spread(struct device *d, unsigned threads)
{
	struct cpu *c = cpu_of(d);
	struct pool *pool = pool_new(threads);

	if (!pool)
		return;
	(void)pool_free(c->pool);
	c->pool = pool;
}

static struct device *cpu_close(struct device *d)
{
	(void)pool_free(cpu_of(d)->pool);
	free(cpu_of(d)->eights);
	free(cpu_of(d)->pairs);
	free(cpu_of(d)->scores);
	free(cpu_of(d)->keys);
	free(cpu_of(d)->pages);
	free(d);
	return NULL;
}

static uint64_t cpu_memory(struct device *d)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	(void)d;
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* It has no faults: a processor that fails takes the process along. */
static int cpu_revive(struct device *d, struct err *e)
{
	(void)e;
	device_mend(d);
	return 0;
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
	.relu = cpu_relu,
	.tanh = cpu_tanh,
	.spread = cpu_spread,
	.memory = cpu_memory,
	.revive = cpu_revive,
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
	if (r == 0) {
		c->pool = pool_new(1);
		r = c->pool ? 0 : err_set(e, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = &c->device;
	return 0;
}
