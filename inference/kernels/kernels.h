/*
 * The inner loops: products, norms and activations over plain float arrays.
 *
 * Every function exists in several builds of the same source (body.h): scalar for any machine,
 * AVX2 and AVX-512 where the processor has them. Each output is summed in one fixed order that
 * does not depend on how many rows are computed together, so a sequence gets the same numbers
 * alone and in a batch. Knows no model.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Weights are stored in panels of this many rows: [row / 16][column][row % 16], the last panel
 * padded with zeros, so that one vector load serves 16 outputs. */
#define PANEL_ROWS 16

struct product {
	const float *x;    /* m rows of k */
	size_t ldx;        /* floats from one row of x to the next */
	const float *bias; /* n values, or NULL */
	float *y;          /* m rows of n */
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

	/* y = x · Wᵀ + bias; w: panels. bfloat16 weights are widened exactly. */
	void (*matmul_f32)(const float *w, const struct product *p);
	void (*matmul_bf16)(const uint16_t *w, const struct product *p);

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
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

/* The best build this processor runs. name: NULL, or the build to use ("scalar", "avx2",
 * "avx512"). -ENOTSUP: no such build, or the processor lacks it. */
int kernels_pick(const char *name, const struct kernels **ret, struct err *e);
