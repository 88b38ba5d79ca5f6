/*
 * An NVIDIA GPU as a device: vitrine-cuda.so, loaded by device.c when it is asked for.
 *
 * Everything runs in order on one stream; only fetch waits for it. What a launch needs from the
 * host (ids, places) goes through a ring of pinned memory, so that nothing is waited for. Weights
 * stay where they are for good; matrices as tensor cores want them (kernels.cu). A call that fails
 * is the device's fault (device.h): nothing is asked of the driver any more but to give all back.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inference/devices/cuda/driver.h"
#include "inference/devices/cuda/shapes.h"
#include "inference/devices/device.h"

#define RING_BYTES (4u << 20)
#define RING_ALIGNMENT 16
#define SENT_MAX 8
#define BLOCK_BYTES 65536 /* blocks are whole multiples */
#define BLOCKS_KEPT 256
#define BLOCKS_MAX 1024 /* of an elementwise kernel */

/* The kernels' machine code, put here by the assembler (CMakeLists.txt names the file). */
extern const char cuda_image[];
__asm__(".section .rodata\n.global cuda_image\n.hidden cuda_image\n.balign 16\n"
	"cuda_image:\n.incbin \"" CUDA_IMAGE "\"\n.byte 0\n.previous\n");

#define KERNELS(KERNEL)                                                                            \
	KERNEL(weight_tiles)                                                                       \
	KERNEL(product_rows)                                                                       \
	KERNEL(product_few)                                                                        \
	KERNEL(product_few_split)                                                                  \
	KERNEL(product_many)                                                                       \
	KERNEL(product_many_split)                                                                 \
	KERNEL(embed)                                                                              \
	KERNEL(embed_tiles)                                                                        \
	KERNEL(gather)                                                                             \
	KERNEL(rmsnorm)                                                                            \
	KERNEL(layernorm)                                                                          \
	KERNEL(rope)                                                                               \
	KERNEL(kv_put)                                                                             \
	KERNEL(attend_causal)                                                                      \
	KERNEL(attend_rows)                                                                        \
	KERNEL(add)                                                                                \
	KERNEL(silu_mul)                                                                           \
	KERNEL(gelu)                                                                               \
	KERNEL(gelu_tanh)                                                                          \
	KERNEL(quick_gelu)                                                                         \
	KERNEL(relu)                                                                               \
	KERNEL(tanh_all)

struct ring {
	char *host;         /* pinned */
	CUdeviceptr device; /* the same bytes there */
	size_t used;
	/* What went over last: every layer of a step needs the same places and pages. */
	struct sent {
		size_t at, n;
	} sent[SENT_MAX];
	size_t next; /* of sent */
};

struct cuda {
	struct device device;
	struct driver driver;
	CUdevice gpu;
	CUcontext context;
	CUmodule module;
	CUstream stream;
	struct ring ring;
	struct block {
		CUdeviceptr at; /* owned */
		size_t bytes;
		bool used;
	} blocks[BLOCKS_KEPT];
	size_t n_blocks;
	CUdeviceptr rows; /* a block; a product's x as fragments */
	size_t rows_cap;
	void *scratch; /* owned */
	size_t scratch_cap;
#define KERNEL(name) CUfunction name;
	KERNELS(KERNEL)
#undef KERNEL
};

struct weight {
	size_t rows, columns;
	uint32_t k_tiles; /* 0: a vector, plain floats */
	uint32_t split;   /* 1: high and low parts */
	CUdeviceptr at;
};

/* All pages at once: [page][layer][keys, values][position][width]. */
struct kv {
	uint32_t layers, width, pages;
	CUdeviceptr pool; /* owned */
};

_Static_assert(CUDA_PAGE == KV_PAGE, "kernels and engine share pages");

static struct cuda *cuda_of(struct device *d)
{
	return (struct cuda *)d;
}

static const char *words(const struct cuda *c, CUresult r)
{
	const char *name = "an unknown error";

	if (c->driver.cuGetErrorName_)
		(void)c->driver.cuGetErrorName_(r, &name);
	return name;
}

static void must(struct cuda *c, CUresult r, const char *what)
{
	if (r != CUDA_SUCCESS)
		device_fail(&c->device, "%s failed: %s", what, words(c, r));
}

static bool is_faulty(const struct cuda *c)
{
	return device_is_faulty(&c->device);
}

static void launch(struct cuda *c, CUfunction f, size_t blocks, size_t blocks_y, void **arguments)
{
	if (blocks == 0 || blocks_y == 0 || is_faulty(c))
		return;
	must(c,
		c->driver.cuLaunchKernel_(f, (unsigned)blocks, (unsigned)blocks_y, 1, CUDA_THREADS,
			1, 1, 0, c->stream, arguments, NULL),
		"a kernel's launch");
}

/* The same bytes, where they are on the GPU already; 0: they are not. */
static CUdeviceptr find_sent(const struct ring *r, const void *bytes, size_t n)
{
	for (size_t i = 0; i < SENT_MAX; i++)
		if (r->sent[i].n == n && memcmp(r->host + r->sent[i].at, bytes, n) == 0)
			return r->device + r->sent[i].at;
	return 0;
}

/* n bytes on the GPU, there until as much as the ring holds has followed them. */
static CUdeviceptr put(struct cuda *c, const void *bytes, size_t n)
{
	struct ring *r = &c->ring;
	size_t room = (n + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT;
	CUdeviceptr found = n ? find_sent(r, bytes, n) : r->device;

	assert(room <= RING_BYTES);
	if (is_faulty(c))
		return r->device; /* which nobody will read */
	if (found)
		return found;
	if (r->used + room > RING_BYTES) {
		/* The host's half is read until the stream is done with it. */
		must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
		r->used = 0;
		memset(r->sent, 0, sizeof(r->sent));
	}
	r->sent[r->next++ % SENT_MAX] = (struct sent){r->used, n};
	found = r->device + r->used;
	memcpy(r->host + r->used, bytes, n);
	must(c, c->driver.cuMemcpyHtoDAsync_(found, r->host + r->used, n, c->stream),
		"a copy to the GPU");
	r->used += room;
	return found;
}

/* Room on the host for what put() will take, until the next call. */
static void *scratch(struct cuda *c, size_t n)
{
	if (n > c->scratch_cap) {
		free(c->scratch);
		c->scratch = malloc(2 * n);
		if (!c->scratch)
			abort();
		c->scratch_cap = 2 * n;
	}
	return c->scratch;
}

static CUdeviceptr address(const void *x)
{
	return (CUdeviceptr)(uintptr_t)x;
}

/* -ENOMEM; what else is wrong is a fault too. */
static int take_memory(struct cuda *c, size_t bytes, CUdeviceptr *ret)
{
	CUresult r;

	if (is_faulty(c))
		return -ENOMEM;
	r = c->driver.cuMemAlloc_(ret, bytes);
	if (r == CUDA_SUCCESS)
		return 0;
	if (r != CUDA_ERROR_OUT_OF_MEMORY)
		must(c, r, "taking memory");
	return -ENOMEM;
}

/* --- memory for activations: taken once, used again. What is freed may still be read by work that
 * is under way, but whoever gets it next writes after that: there is one stream. --- */

static CUdeviceptr take_block(struct cuda *c, size_t bytes)
{
	struct block *best = NULL;

	for (size_t i = 0; i < c->n_blocks; i++) {
		struct block *b = &c->blocks[i];

		if (!b->used && b->bytes >= bytes && b->bytes / 2 <= bytes &&
			(!best || b->bytes < best->bytes))
			best = b;
	}
	if (!best)
		return 0;
	best->used = true;
	return best->at;
}

/* Gives back to the GPU what nobody uses. */
static void drop_blocks(struct cuda *c)
{
	size_t kept = 0;

	must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
	if (is_faulty(c))
		return;
	for (size_t i = 0; i < c->n_blocks; i++)
		if (c->blocks[i].used)
			c->blocks[kept++] = c->blocks[i];
		else
			must(c, c->driver.cuMemFree_(c->blocks[i].at), "freeing");
	c->n_blocks = kept;
}

/* 0: out of memory. */
static CUdeviceptr block_new(struct cuda *c, size_t bytes)
{
	CUdeviceptr at;

	if (bytes > SIZE_MAX - BLOCK_BYTES)
		return 0;
	bytes = (bytes / BLOCK_BYTES + 1) * BLOCK_BYTES;
	at = take_block(c, bytes);
	if (at)
		return at;
	if (c->n_blocks == BLOCKS_KEPT)
		drop_blocks(c);
	if (c->n_blocks == BLOCKS_KEPT)
		return 0;
	if (take_memory(c, bytes, &at) < 0) {
		drop_blocks(c);
		if (take_memory(c, bytes, &at) < 0)
			return 0;
	}
	c->blocks[c->n_blocks++] = (struct block){at, bytes, true};
	return at;
}

static void block_free(struct cuda *c, CUdeviceptr at)
{
	for (size_t i = 0; i < c->n_blocks; i++)
		if (c->blocks[i].at == at)
			c->blocks[i].used = false;
}

static float *cuda_alloc(struct device *d, size_t n)
{
	if (n > SIZE_MAX / sizeof(float))
		return NULL;
	return (float *)(uintptr_t)block_new(cuda_of(d), n * sizeof(float));
}

static void cuda_free(struct device *d, float *x)
{
	if (x)
		block_free(cuda_of(d), address(x));
}

static void cuda_put(struct device *d, const float *from, size_t n, float *x)
{
	struct cuda *c = cuda_of(d);

	if (is_faulty(c))
		return;
	must(c, c->driver.cuMemcpyHtoDAsync_(address(x), from, n * sizeof(*x), c->stream),
		"a copy to the GPU");
	must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
}

static void cuda_fetch(struct device *d, const float *x, size_t n, float *ret)
{
	struct cuda *c = cuda_of(d);

	if (!is_faulty(c)) {
		must(c, c->driver.cuMemcpyDtoHAsync_(ret, address(x), n * sizeof(*x), c->stream),
			"a copy from the GPU");
		must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
	}
	if (is_faulty(c))
		memset(ret, 0, n * sizeof(*ret));
}

/* --- weights: these may come from another thread than the one that computes --- */

static void enter(struct cuda *c)
{
	must(c, c->driver.cuCtxSetCurrent_(c->context), "taking up the GPU");
}

/* A matrix goes over as floats and is put into tiles there. */
static int send_matrix(struct cuda *c, struct weight *w, const float *values)
{
	uint32_t rows = (uint32_t)w->rows, columns = (uint32_t)w->columns;
	size_t row_tiles = (w->rows + 15) / 16;
	size_t bytes = row_tiles * w->k_tiles * 512 * (1 + w->split);
	CUdeviceptr plain;
	void *arguments[] = {&plain, &rows, &columns, &w->k_tiles, &w->split, &w->at};

	if (take_memory(c, w->rows * w->columns * sizeof(float), &plain) < 0)
		return -ENOMEM;
	if (take_memory(c, bytes, &w->at) < 0) {
		(void)c->driver.cuMemFree_(plain);
		return -ENOMEM;
	}
	must(c,
		c->driver.cuMemcpyHtoDAsync_(
			plain, values, w->rows * w->columns * sizeof(float), c->stream),
		"a copy to the GPU");
	launch(c, c->weight_tiles, row_tiles, 1, arguments);
	must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
	(void)c->driver.cuMemFree_(plain);
	return is_faulty(c) ? -EIO : 0;
}

static int send_vector(struct cuda *c, struct weight *w, const float *values)
{
	if (take_memory(c, w->columns * sizeof(float), &w->at) < 0)
		return -ENOMEM;
	must(c, c->driver.cuMemcpyHtoDAsync_(w->at, values, w->columns * sizeof(float), c->stream),
		"a copy to the GPU");
	must(c, c->driver.cuStreamSynchronize_(c->stream), "waiting for the GPU");
	return is_faulty(c) ? -EIO : 0;
}

static struct weight *cuda_weight_new(struct device *d, const struct tensor *t)
{
	struct cuda *c = cuda_of(d);
	struct weight *w = calloc(1, sizeof(*w));
	float *values =
		t->count <= SIZE_MAX / sizeof(float) ? malloc(t->count * sizeof(float)) : NULL;
	bool matrix = t->n_dims == 2;
	int r = -ENOMEM;

	enter(c);
	if (w && values) {
		tensor_read(t, 0, t->count, values);
		w->rows = matrix ? t->dims[0] : 1;
		w->columns = matrix ? t->dims[1] : t->count;
		w->k_tiles = matrix ? (uint32_t)((w->columns + 15) / 16) : 0;
		w->split = t->type != TENSOR_BF16;
		r = matrix ? send_matrix(c, w, values) : send_vector(c, w, values);
	}
	free(values);
	if (r < 0) {
		free(w);
		return NULL;
	}
	return w;
}

static void cuda_weight_free(struct device *d, struct weight *w)
{
	struct cuda *c = cuda_of(d);

	if (w && !is_faulty(c)) {
		enter(c);
		must(c, c->driver.cuMemFree_(w->at), "freeing a weight");
	}
	free(w);
}

/* --- operators --- */

static void cuda_embed(
	struct device *d, const struct weight *w, const uint32_t *ids, size_t m, bool add, float *y)
{
	struct cuda *c = cuda_of(d);
	CUdeviceptr at = w->at, on = put(c, ids, m * sizeof(*ids));
	uint32_t columns = (uint32_t)w->columns, k_tiles = w->k_tiles, split = w->split, more = add;

	if (k_tiles > 0)
		launch(c, c->embed_tiles, m, 1,
			(void *[]){&at, &on, &columns, &k_tiles, &split, &more, &y});
	else
		launch(c, c->embed, m, 1, (void *[]){&at, &on, &columns, &more, &y});
}

/* Room for the fragments of x. */
static void reserve_rows(struct cuda *c, size_t bytes)
{
	if (bytes <= c->rows_cap)
		return;
	if (c->rows)
		block_free(c, c->rows);
	c->rows = block_new(c, bytes * 2);
	if (!c->rows)
		must(c, CUDA_ERROR_OUT_OF_MEMORY, "memory for a product");
	c->rows_cap = bytes * 2;
}

static size_t divide_up(size_t n, size_t by)
{
	return (n + by - 1) / by;
}

static void cuda_linear(struct device *d, const struct weight *w, const struct weight *bias,
	const float *x, size_t m, float *y)
{
	struct cuda *c = cuda_of(d);
	size_t x_tiles = divide_up(m, 8), w_tiles = divide_up(w->rows, 16);
	uint32_t rows = (uint32_t)m, columns = (uint32_t)w->columns, n = (uint32_t)w->rows;
	uint32_t k_tiles = w->k_tiles;
	CUdeviceptr at = w->at, added = bias ? bias->at : 0;
	void *arguments[] = {&at, &c->rows, &added, &n, &rows, &k_tiles, &y};

	assert(k_tiles > 0);
	reserve_rows(c, x_tiles * k_tiles * 512);
	launch(c, c->product_rows, x_tiles, 1, (void *[]){&x, &rows, &columns, &k_tiles, &c->rows});
	if (x_tiles == 1)
		launch(c, w->split ? c->product_few_split : c->product_few, w_tiles, 1, arguments);
	else
		launch(c, w->split ? c->product_many_split : c->product_many,
			divide_up(w_tiles, CUDA_PRODUCT_WIDE),
			divide_up(x_tiles, CUDA_PRODUCT_TILES), arguments);
}

static size_t blocks_of(size_t n)
{
	size_t blocks = (n + CUDA_THREADS - 1) / CUDA_THREADS;

	return blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX;
}

static void cuda_add(struct device *d, const float *x, float *y, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->add, blocks_of(n), 1, (void *[]){&x, &y, &n});
}

static void cuda_gather(
	struct device *d, const float *x, size_t width, const uint32_t *rows, size_t m, float *y)
{
	struct cuda *c = cuda_of(d);
	CUdeviceptr on = put(c, rows, m * sizeof(*rows));
	uint32_t n = (uint32_t)width;

	launch(c, c->gather, m, 1, (void *[]){&x, &on, &n, &y});
}

static void cuda_rmsnorm(struct device *d, const float *x, const struct weight *w, float eps,
	size_t m, size_t n, float *y)
{
	uint32_t width = (uint32_t)n;
	CUdeviceptr at = w->at;

	launch(cuda_of(d), cuda_of(d)->rmsnorm, m, 1, (void *[]){&x, &at, &eps, &width, &y});
}

static void cuda_layernorm(struct device *d, const float *x, const struct weight *w,
	const struct weight *b, float eps, size_t m, size_t n, float *y)
{
	uint32_t width = (uint32_t)n;
	CUdeviceptr at = w->at, more = b ? b->at : 0;

	launch(cuda_of(d), cuda_of(d)->layernorm, m, 1,
		(void *[]){&x, &at, &more, &eps, &width, &y});
}

static void cuda_rope(struct device *d, float *x, size_t m, uint32_t heads, uint32_t dim,
	const struct place *places, const double *frequency, bool interleaved)
{
	struct cuda *c = cuda_of(d);
	uint32_t *positions = scratch(c, m * sizeof(*positions)), turned = interleaved;
	CUdeviceptr on, turning = put(c, frequency, dim / 2 * sizeof(*frequency));

	for (size_t i = 0; i < m; i++)
		positions[i] = places[i].position;
	on = put(c, positions, m * sizeof(*positions));
	launch(c, c->rope, m, 1, (void *[]){&x, &on, &turning, &heads, &dim, &turned});
}

/* --- keys and values --- */

static size_t page_floats(const struct kv *kv)
{
	return (size_t)kv->layers * 2 * KV_PAGE * kv->width;
}

static size_t layer_at(const struct kv *kv, uint32_t layer)
{
	return (size_t)layer * 2 * KV_PAGE * kv->width;
}

static struct kv *cuda_kv_new(struct device *d, uint32_t layers, uint32_t width, uint32_t pages)
{
	struct cuda *c = cuda_of(d);
	struct kv *kv = malloc(sizeof(*kv));
	size_t bytes;

	if (!kv)
		return NULL;
	*kv = (struct kv){layers, width, pages, 0};
	if (__builtin_mul_overflow(page_floats(kv) * sizeof(float), (size_t)pages, &bytes) ||
		take_memory(c, bytes, &kv->pool) < 0) {
		free(kv);
		return NULL;
	}
	return kv;
}

static void cuda_kv_free(struct device *d, struct kv *kv)
{
	struct cuda *c = cuda_of(d);

	if (kv && !is_faulty(c))
		must(c, c->driver.cuMemFree_(kv->pool), "freeing a cache");
	free(kv);
}

/* The pool has its memory from the beginning: a page that is not needed takes no more of it. */
static void cuda_kv_drop(struct device *d, struct kv *kv, uint32_t page)
{
	(void)d;
	(void)kv;
	(void)page;
}

static void cuda_kv_put(struct device *d, uint32_t layer, const struct place *places, size_t m,
	const float *k, const float *v, uint32_t width)
{
	struct cuda *c = cuda_of(d);
	struct kv *kv = places[0].kv;
	uint32_t *rows = scratch(c, 2 * m * sizeof(*rows));
	size_t page = page_floats(kv), at = layer_at(kv, layer);
	CUdeviceptr on;

	for (size_t i = 0; i < m; i++) {
		rows[2 * i] = places[i].pages[places[i].position / KV_PAGE];
		rows[2 * i + 1] = places[i].position % KV_PAGE;
		assert(places[i].kv == kv && rows[2 * i] < kv->pages && width == kv->width);
	}
	on = put(c, rows, 2 * m * sizeof(*rows));
	launch(c, c->kv_put, m, 1, (void *[]){&k, &v, &on, &page, &at, &width, &kv->pool});
}

/* Numbers of pages that the rows' sequences have, each sequence's counted once. */
static size_t count_pages(const struct place *places, size_t m)
{
	size_t n = 0;

	for (size_t i = 0; i < m; i++)
		n += places[i].position / KV_PAGE + 1;
	return n;
}

static void cuda_attend_causal(struct device *d, uint32_t layer, const struct place *places,
	size_t m, const struct heads *h, const float *q, float *y)
{
	struct cuda *c = cuda_of(d);
	struct kv *kv = places[0].kv;
	uint32_t n = (uint32_t)m, heads = h->heads, kv_heads = h->kv_heads, dim = h->dim, used = 0;
	uint32_t *rows = scratch(c, (2 * m + count_pages(places, m)) * sizeof(*rows));
	size_t page = page_floats(kv), at = layer_at(kv, layer);
	CUdeviceptr on;

	assert(dim <= CUDA_HEAD_MAX);
	for (size_t i = m; i-- > 0;) {
		/* Rows of a sequence come in the order of their places: the last has all pages. */
		bool shared = i + 1 < m && places[i + 1].pages == places[i].pages &&
			      places[i + 1].position >= places[i].position;
		size_t pages = places[i].position / KV_PAGE + 1;

		rows[2 * i] = places[i].position;
		rows[2 * i + 1] = shared ? rows[2 * i + 3] : used;
		if (shared)
			continue;
		memcpy(rows + 2 * m + used, places[i].pages, pages * sizeof(*rows));
		used += (uint32_t)pages;
	}
	on = put(c, rows, (2 * m + used) * sizeof(*rows));
	launch(c, c->attend_causal, m, heads,
		(void *[]){&q, &kv->pool, &on, &n, &page, &at, &heads, &kv_heads, &dim, &y});
}

/* Each row attends to its own sequence: to all of it, or to itself and what is left of it. */
static void attend_rows(struct device *d, const uint32_t *starts, size_t n, const struct heads *h,
	bool left, const float *q, const float *k, const float *v, float *y)
{
	struct cuda *c = cuda_of(d);
	size_t m = starts[n] - starts[0];
	uint32_t *rows = scratch(c, 2 * m * sizeof(*rows)), heads = h->heads, dim = h->dim;
	CUdeviceptr on;

	assert(starts[0] == 0 && h->heads == h->kv_heads && dim <= CUDA_HEAD_MAX);
	for (size_t s = 0; s < n; s++)
		for (uint32_t i = starts[s]; i < starts[s + 1]; i++) {
			rows[2 * i] = starts[s];
			rows[2 * i + 1] = (left ? i + 1 : starts[s + 1]) - starts[s];
		}
	on = put(c, rows, 2 * m * sizeof(*rows));
	launch(c, c->attend_rows, m, heads, (void *[]){&q, &k, &v, &on, &heads, &dim, &y});
}

static void cuda_attend_full(struct device *d, const uint32_t *starts, size_t n,
	const struct heads *h, const float *q, const float *k, const float *v, float *y)
{
	attend_rows(d, starts, n, h, false, q, k, v, y);
}

static void cuda_attend_left(struct device *d, const uint32_t *starts, size_t n,
	const struct heads *h, const float *q, const float *k, const float *v, float *y)
{
	attend_rows(d, starts, n, h, true, q, k, v, y);
}

/* --- activations --- */

static void cuda_silu_mul(struct device *d, float *gate, const float *up, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->silu_mul, blocks_of(n), 1, (void *[]){&gate, &up, &n});
}

static void cuda_gelu(struct device *d, float *x, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->gelu, blocks_of(n), 1, (void *[]){&x, &n});
}

static void cuda_gelu_tanh(struct device *d, float *x, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->gelu_tanh, blocks_of(n), 1, (void *[]){&x, &n});
}

static void cuda_quick_gelu(struct device *d, float *x, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->quick_gelu, blocks_of(n), 1, (void *[]){&x, &n});
}

static void cuda_relu(struct device *d, float *x, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->relu, blocks_of(n), 1, (void *[]){&x, &n});
}

static void cuda_tanh(struct device *d, float *x, size_t n)
{
	launch(cuda_of(d), cuda_of(d)->tanh_all, blocks_of(n), 1, (void *[]){&x, &n});
}

/* --- the device --- */

/* It computes on its own processors. */
static void cuda_spread(struct device *d, unsigned threads)
{
	(void)d;
	(void)threads;
}

static uint64_t cuda_memory(struct device *d)
{
	size_t left, all;

	return cuda_of(d)->driver.cuMemGetInfo_(&left, &all) == CUDA_SUCCESS ? all : 0;
}

static void stop(struct cuda *c)
{
	struct driver *v = &c->driver;

	if (c->stream)
		(void)v->cuStreamSynchronize_(c->stream);
	for (size_t i = 0; i < c->n_blocks; i++)
		(void)v->cuMemFree_(c->blocks[i].at);
	if (c->ring.device)
		(void)v->cuMemFree_(c->ring.device);
	if (c->ring.host)
		(void)v->cuMemFreeHost_(c->ring.host);
	if (c->module)
		(void)v->cuModuleUnload_(c->module);
	if (c->stream)
		(void)v->cuStreamDestroy_(c->stream);
	if (c->context)
		(void)v->cuDevicePrimaryCtxRelease_(c->gpu);
	c->n_blocks = 0;
	c->ring = (struct ring){0};
	c->module = NULL;
	c->stream = NULL;
	c->context = NULL;
	c->rows = 0;
	c->rows_cap = 0;
}

static struct device *cuda_close(struct device *d)
{
	struct cuda *c = cuda_of(d);

	stop(c);
	free(c->scratch);
	free(c);
	return NULL;
}

static int cuda_revive(struct device *d, struct err *e);

extern const struct device_ops device_plugin_ops;
const struct device_ops device_plugin_ops = {
	.name = "cuda",
	.alloc = cuda_alloc,
	.free = cuda_free,
	.put = cuda_put,
	.fetch = cuda_fetch,
	.weight_new = cuda_weight_new,
	.weight_free = cuda_weight_free,
	.kv_new = cuda_kv_new,
	.kv_free = cuda_kv_free,
	.kv_drop = cuda_kv_drop,
	.embed = cuda_embed,
	.linear = cuda_linear,
	.add = cuda_add,
	.gather = cuda_gather,
	.rmsnorm = cuda_rmsnorm,
	.layernorm = cuda_layernorm,
	.rope = cuda_rope,
	.kv_put = cuda_kv_put,
	.attend_causal = cuda_attend_causal,
	.attend_full = cuda_attend_full,
	.attend_left = cuda_attend_left,
	.silu_mul = cuda_silu_mul,
	.gelu = cuda_gelu,
	.gelu_tanh = cuda_gelu_tanh,
	.quick_gelu = cuda_quick_gelu,
	.relu = cuda_relu,
	.tanh = cuda_tanh,
	.spread = cuda_spread,
	.memory = cuda_memory,
	.revive = cuda_revive,
	.close = cuda_close,
};

static CUresult find_kernels(struct cuda *c)
{
	CUresult r = CUDA_SUCCESS;

#define KERNEL(name)                                                                               \
	if (r == CUDA_SUCCESS)                                                                     \
		r = c->driver.cuModuleGetFunction_(&c->name, c->module, #name);
	KERNELS(KERNEL)
#undef KERNEL
	return r;
}

/* As NVIDIA's management library writes it; "" where it is not known. */
static void name_gpu(struct cuda *c)
{
	char *at = c->device.uuid;
	CUuuid id;

	if (c->driver.cuDeviceGetUuid_(&id, c->gpu) != CUDA_SUCCESS)
		return;
	at += snprintf(at, 5, "GPU-");
	for (size_t i = 0; i < sizeof(id.bytes); i++)
		at += snprintf(at, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			(unsigned char)id.bytes[i]);
}

static CUresult start(struct cuda *c)
{
	struct driver *v = &c->driver;
	CUresult r = v->cuInit_(0);

	if (r == CUDA_SUCCESS)
		r = v->cuDeviceGet_(&c->gpu, 0);
	if (r == CUDA_SUCCESS)
		r = v->cuDevicePrimaryCtxRetain_(&c->context, c->gpu);
	if (r == CUDA_SUCCESS)
		r = v->cuCtxSetCurrent_(c->context);
	if (r == CUDA_SUCCESS)
		r = v->cuModuleLoadData_(&c->module, cuda_image);
	if (r == CUDA_SUCCESS)
		r = find_kernels(c);
	if (r == CUDA_SUCCESS)
		r = v->cuStreamCreate_(&c->stream, CU_STREAM_NON_BLOCKING);
	if (r == CUDA_SUCCESS)
		r = v->cuMemAllocHost_((void **)&c->ring.host, RING_BYTES);
	if (r == CUDA_SUCCESS)
		r = v->cuMemAlloc_(&c->ring.device, RING_BYTES);
	return r;
}

/* A fault ends its context; a new one has nothing of the old. */
static int cuda_revive(struct device *d, struct err *e)
{
	struct cuda *c = cuda_of(d);
	CUresult started;

	stop(c);
	started = start(c);
	if (started != CUDA_SUCCESS) {
		stop(c);
		return err_set(e, -ENODEV,
			"the GPU cannot be used until the inference service is started anew: %s",
			words(c, started));
	}
	device_mend(d);
	return 0;
}

extern const uint32_t device_plugin_version;
const uint32_t device_plugin_version = DEVICE_PLUGIN_VERSION;
device_plugin_open_fn device_plugin_open;

int device_plugin_open(struct device **ret, struct err *e)
{
	struct cuda *c = calloc(1, sizeof(*c));
	CUresult started;
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->device.ops = &device_plugin_ops;
	r = driver_load(&c->driver, e);
	if (r < 0) {
		free(c);
		return r;
	}
	started = start(c);
	if (started != CUDA_SUCCESS) {
		r = err_set(e, -ENODEV, "the GPU cannot be used: %s", words(c, started));
		(void)cuda_close(&c->device);
		return r;
	}
	name_gpu(c);
	*ret = &c->device;
	return 0;
}
