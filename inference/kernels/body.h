/*
 * The source of every build of the kernels; scalar.c, avx2.c, … include it after naming
 * it (KERNELS) and sizing its vectors (LANES floats) and tiles (TILE_ROWS x TILE_GROUPS groups),
 * and are compiled with their own instruction set.
 *
 * Sums over k run one after the other in one accumulator per output, in every tile shape: that is
 * what makes a row's result independent of its neighbours.
 */
#include <math.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "inference/kernels/kernels.h"

#define VECTOR_BYTES (LANES * 4)
#define GROUP_LANES (GROUP_ROWS / LANES) /* vectors of one column of a group */

typedef float lanes __attribute__((vector_size(VECTOR_BYTES)));
typedef float lanes_at __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t bits_at __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef uint16_t halves __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint16_t halves_at __attribute__((vector_size(VECTOR_BYTES / 2), aligned(2), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Accumulators live in registers only where every loop over them is unrolled. */
#define UNROLL _Pragma("GCC unroll 8")

/* Compilers put off additions, and then hold more terms than there are registers. This makes them
 * add now. */
#if defined(__AVX512F__)
#define ADDED(a) __asm__("" : "+v"(a))
#elif defined(__AVX2__)
#define ADDED(a) __asm__("" : "+x"(a))
#else
#define ADDED(a) ((void)0)
#endif

INLINE lanes load_f32(const float *w)
{
	return *(const lanes_at *)w;
}

INLINE float sum_lanes(lanes v)
{
	float s[LANES];

	memcpy(s, &v, sizeof(s));
	for (int step = LANES / 2; step > 0; step /= 2)
		for (int i = 0; i < step; i++)
			s[i] += s[i + step];
	return s[0];
}

#include "inference/kernels/dense.h"
#include "inference/kernels/quant.h"

static float dot(const float *a, const float *b, size_t n)
{
	lanes sum = {0};
	float tail = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		sum += load_f32(a + i) * load_f32(b + i);
	for (; i < n; i++)
		tail += a[i] * b[i];
	return sum_lanes(sum) + tail;
}

#define BLOCK_LANES (KEY_BLOCK / LANES)

INLINE const float *keys_of(const struct attention *a, size_t block)
{
	size_t each;

	if (!a->pages)
		return a->k + block * a->k_stride;
	each = a->page / KEY_BLOCK;
	return a->pages[block / each] + a->k_at + block % each * a->k_stride;
}

/* Scores of the positions in some blocks for one query head. */
INLINE void score_blocks(const struct attention *a, const float *q, size_t block, const int blocks)
{
	const int vectors = blocks * BLOCK_LANES;
	const float *k[SCORE_BLOCKS];
	float scale = 1.0f / sqrtf((float)a->dim);
	lanes sum[SCORE_BLOCKS * BLOCK_LANES];

	UNROLL for (int j = 0; j < blocks; j++) k[j] = keys_of(a, block + (size_t)j);
	UNROLL for (int j = 0; j < vectors; j++) sum[j] = (lanes){0};
	for (size_t i = 0; i < a->dim; i++)
		UNROLL for (int j = 0; j < vectors; j++) sum[j] +=
			load_f32(k[j / BLOCK_LANES] + i * KEY_BLOCK + j % BLOCK_LANES * LANES) *
			q[i];
	UNROLL for (int j = 0; j < vectors; j++) *
		(lanes_at *)(a->scores + block * KEY_BLOCK + (size_t)j * LANES) = sum[j] * scale;
}

/* The first of the values that stand in one piece from position t on, and how many do. */
INLINE const float *values_of(const struct attention *a, size_t t, size_t *ret_n)
{
	if (!a->pages) {
		*ret_n = a->n;
		return a->v;
	}
	*ret_n = a->n - t < a->page ? a->n - t : a->page;
	return a->pages[t / a->page] + a->v_at;
}

#define MIX_VECTORS 4

/* Some vectors of y's columns: the values' columns by their scores, in two sums, even and odd
 * places; pieces begin at even places, so the sums are the same however many there are. */
INLINE void mix_lanes(const struct attention *a, size_t d, float *y, const int vectors)
{
	lanes sum[2][MIX_VECTORS];
	size_t n;

	UNROLL for (int j = 0; j < vectors; j++) sum[0][j] = sum[1][j] = (lanes){0};
	for (size_t from = 0; from < a->n; from += n) {
		const float *v = values_of(a, from, &n) + d, *score = a->scores + from;

		for (size_t t = 0; t + 2 <= n; t += 2, v += 2 * a->v_stride)
			UNROLL for (int j = 0; j < vectors; j++)
			{
				sum[0][j] += load_f32(v + j * LANES) * score[t];
				sum[1][j] += load_f32(v + a->v_stride + j * LANES) * score[t + 1];
			}
		if (n % 2)
			UNROLL for (int j = 0; j < vectors; j++) sum[0][j] +=
				load_f32(v + j * LANES) * score[n - 1];
	}
	UNROLL for (int j = 0; j < vectors; j++) * (lanes_at *)(y + d + (size_t)j * LANES) =
		sum[0][j] + sum[1][j];
}

static float mix_one(const struct attention *a, size_t d)
{
	float sum = 0;
	size_t n;

	for (size_t from = 0; from < a->n; from += n) {
		const float *v = values_of(a, from, &n) + d;

		for (size_t t = 0; t < n; t++)
			sum += a->scores[from + t] * v[t * a->v_stride];
	}
	return sum;
}

static void softmax(float *x, size_t n);

static void attend(const struct attention *a)
{
	size_t blocks = (a->n + KEY_BLOCK - 1) / KEY_BLOCK;

	for (size_t h = 0; h < a->heads; h++) {
		const float *q = a->q + h * a->dim;
		float *y = a->y + h * a->dim;
		size_t at = 0, d = 0;

		for (; at + SCORE_BLOCKS <= blocks; at += SCORE_BLOCKS)
			score_blocks(a, q, at, SCORE_BLOCKS);
		for (; at < blocks; at++)
			score_blocks(a, q, at, 1);
		softmax(a->scores, a->n);
		for (; d + MIX_VECTORS * LANES <= a->dim; d += MIX_VECTORS * LANES)
			mix_lanes(a, d, y, MIX_VECTORS);
		for (; d + LANES <= a->dim; d += LANES)
			mix_lanes(a, d, y, 1);
		for (; d < a->dim; d++)
			y[d] = mix_one(a, d);
	}
}

static float sum_of(const float *x, size_t n)
{
	lanes sum = {0};
	float tail = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		sum += load_f32(x + i);
	for (; i < n; i++)
		tail += x[i];
	return sum_lanes(sum) + tail;
}

static void rmsnorm(const float *x, const float *w, float eps, float *y, size_t n)
{
	float scale = 1.0f / sqrtf(dot(x, x, n) / (float)n + eps);

	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * scale * w[i];
}

static void layernorm(const float *x, const float *w, const float *b, float eps, float *y, size_t n)
{
	float mean = sum_of(x, n) / (float)n, scale;

	for (size_t i = 0; i < n; i++)
		y[i] = x[i] - mean;
	scale = 1.0f / sqrtf(dot(y, y, n) / (float)n + eps);
	for (size_t i = 0; i < n; i++)
		y[i] = y[i] * scale * w[i] + b[i];
}

INLINE float clamp(float x, float low, float high)
{
	x = x > low ? x : low; /* a NaN becomes low */
	return x < high ? x : high;
}

/* Cephes expf: 2^n times a polynomial on [-ln2/2, ln2/2], about 1 unit in the last place. */
INLINE float exp_of(float x)
{
	const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves the nearest integer */
	float n, r, p, scale;
	uint32_t raised;

	x = clamp(x, -87.0f, 88.0f);
	n = (x * 1.44269504088896341f + round) - round;
	r = x - n * 0.693359375f;
	r = r + n * 2.12194440e-4f;
	p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	raised = (uint32_t)((int32_t)n + 127) << 23;
	memcpy(&scale, &raised, sizeof(scale));
	return p * scale;
}

/* Rational minimax approximation on [-4, 4], where |erf| has reached 1 in single precision. */
INLINE float erf_of(float x)
{
	float s, p, q;

	x = clamp(x, -4.0f, 4.0f);
	s = x * x;
	p = -2.72614225801306e-10f;
	p = p * s + 2.77068142495902e-08f;
	p = p * s - 2.10102402082508e-06f;
	p = p * s - 5.69250639462346e-05f;
	p = p * s - 7.34990630326855e-04f;
	p = p * s - 2.95459980854025e-03f;
	p = p * s - 1.60960333262415e-02f;
	q = -1.45660718464996e-05f;
	q = q * s - 2.13374055278905e-04f;
	q = q * s - 1.68282697438203e-03f;
	q = q * s - 7.37332916720468e-03f;
	q = q * s - 1.42647390514189e-02f;
	return x * p / q;
}

static void softmax(float *x, size_t n)
{
	float high = x[0], scale;

	for (size_t i = 1; i < n; i++)
		high = x[i] > high ? x[i] : high;
	for (size_t i = 0; i < n; i++)
		x[i] = exp_of(x[i] - high);
	scale = 1.0f / sum_of(x, n);
	for (size_t i = 0; i < n; i++)
		x[i] *= scale;
}

static void silu_mul(float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++)
		gate[i] = gate[i] / (1.0f + exp_of(-gate[i])) * up[i];
}

static void gelu(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = 0.5f * x[i] * (1.0f + erf_of(x[i] * 0.707106781186547524f));
}

/* 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)) */
static void gelu_tanh(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float u = 0.797884560802865356f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);

		x[i] = x[i] / (1.0f + exp_of(-2.0f * u));
	}
}

const struct kernels KERNELS = {
	.name = KERNELS_NAME,
	.matmul =
		{
			[TENSOR_F32] = matmul_f32,
			[TENSOR_F16] = matmul_f16,
			[TENSOR_BF16] = matmul_bf16,
			[TENSOR_Q8_0] = matmul_q8_0,
			[TENSOR_Q4_0] = matmul_q4_0,
			[TENSOR_Q4_K] = matmul_q4_k,
			[TENSOR_Q5_K] = matmul_q5_k,
			[TENSOR_Q6_K] = matmul_q6_k,
		},
	.quantise = quantise,
	.rounds_bf16 = ROUNDS_BF16,
	.pair = pair,
	.attend = attend,
	.rmsnorm = rmsnorm,
	.layernorm = layernorm,
	.softmax = softmax,
	.silu_mul = silu_mul,
	.gelu = gelu,
	.gelu_tanh = gelu_tanh,
};
