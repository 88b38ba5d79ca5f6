/*
 * The inner loops: products, norms and activations over plain float arrays.
 *
 * Every function exists in several builds of the same source (body.h): scalar for any machine,
 * AVX2, AVX-512 and its VNNI where the processor has them. Each output is summed in one fixed order
 * that does not depend on how many rows are computed together, so a sequence gets the same numbers
 * alone and in a batch. Knows no model.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/kernels/packed.h"

/* 32 columns of a row of x in 8 bits: x[i] is near scale * q[i]. */
struct eights {
	int8_t q[BLOCK_COLUMNS]; /* -127 to 127 */
	float scale, tilt;       /* tilt: scale times the sum of q */
	int32_t minus[3];        /* the negated sum of q, of its first 16 and of its last 16 */
	int32_t unused[3];
};

/* Blocks of one row of k columns: whole steps of the packed weights, and one more, so that rows do
 * not meet in the same lines of a cache. */
#define EIGHTS_OF(k) (((k) + 255) / 256 * 8 + 1)

/* Two columns of a row of x as bfloat16 numbers; the second one's of an odd row is zero. */
#define PAIRS_OF(k) (((k) + 1) / 2)

struct product {
	const float *x;         /* m rows of k; for plain weights */
	const struct eights *q; /* m rows of EIGHTS_OF(k); for the others */
	const uint32_t *pairs;  /* m rows of PAIRS_OF(k); for bfloat16, where a build rounds */
	size_t ldx;             /* floats from one row of x to the next */
	const float *bias;      /* n values, or NULL */
	float *y;               /* m rows of n */
	size_t ldy;
	size_t m, n, k;
};

/* Keys are stored in blocks of this many positions: [position / 16][column][position % 16]. */
#define KEY_BLOCK 16

/* Query heads that share one head of keys and values, over the first n positions. Those stand in
 * one piece, or in pages. */
struct attention {
	const float *q;  /* heads x dim */
	const float *k;  /* this head's columns of the first block */
	size_t k_stride; /* floats from one block to the next */
	const float *v;  /* this head's columns of the first position */
	size_t v_stride; /* floats from one position to the next */
	size_t heads, dim, n;
	float *scores; /* scratch: n, rounded up to whole blocks */
	float *y;      /* heads x dim */

	/* Instead of k and v: pages of page positions (whole blocks), and where in each the first
	 * block's and the first position's columns of this head begin. */
	const float *const *pages;
	size_t page, k_at, v_at;
};

struct kernels {
	const char *name;

	/* By the type of the packed weights w: columns 16 first to 16 last - 1 of y = x · Wᵀ +
	 * bias. Plain weights are widened exactly. Products of the others are exact within a block
	 * of 32 columns and summed in floats. */
	void (*matmul[TENSOR_TYPES])(
		const uint8_t *w, const struct product *p, size_t first, size_t last);

	/* One row of k floats in EIGHTS_OF(k) blocks, to nearest; missing columns are zero. */
	void (*quantise)(const float *x, size_t k, struct eights *ret);

	/* The products with bfloat16 weights take x from pairs, which pair() makes of a row. */
	bool rounds_bf16;
	void (*pair)(const float *x, size_t k, uint32_t *ret);

	void (*attend)(const struct attention *a);

	void (*rmsnorm)(const float *x, const float *w, float eps, float *y, size_t n);
	void (*layernorm)(
		const float *x, const float *w, const float *b, float eps, float *y, size_t n);

	void (*softmax)(float *x, size_t n);                      /* in place */
	void (*silu_mul)(float *gate, const float *up, size_t n); /* gate = silu(gate) up */
	void (*gelu)(float *x, size_t n);                         /* the erf form, in place */
	void (*gelu_tanh)(float *x, size_t n);                    /* the tanh form, in place */
};

extern const struct kernels kernels_scalar;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2, kernels_avx512, kernels_avx512_vnni, kernels_avx512_bf16;
#endif

/* The best build this processor runs. name: NULL, or the build to use ("scalar", "avx2",
 * "avx512", "avx512_vnni", "avx512_bf16"), or "fast". NULL means the best that keeps rows of x as
 * they are for plain weights, "fast" the best, also if it rounds them to bfloat16 for such weights,
 * where that pays. -ENOTSUP: no such build, or the processor lacks it. */
int kernels_pick(const char *name, const struct kernels **ret, struct err *e);
