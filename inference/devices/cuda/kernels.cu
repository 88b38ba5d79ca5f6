/*
 * The CUDA device's kernels. Built to a fat binary that cuda.c embeds and loads through the driver.
 *
 * Products run on the tensor cores in bfloat16 with float sums. What is not bfloat16 is split into
 * two of them, x = high + low, which keeps 16 of a float's 24 bits: a product's relative error is
 * about 2^-16. Weights and rows of x are stored as the fragments that mma.m16n8k16 wants, so that a
 * lane's part of a tile is one load of 16 bytes.
 *
 * Every output is summed in an order that depends on its own row only, so a sequence gets the same
 * numbers alone and in a batch. Knows no model.
 *
 * Fragments: PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
 */
#include <cuda_bf16.h>
#include <stdint.h>

#include "inference/devices/cuda/shapes.h"

#define FULL 0xffffffffu

static __device__ float warp_sum(float x)
{
	for (int step = 16; step > 0; step /= 2)
		x += __shfl_xor_sync(FULL, x, step);
	return x;
}

/* The sum over a block of CUDA_THREADS, in every thread of it. */
static __device__ float block_sum(float x)
{
	__shared__ float part[CUDA_THREADS / 32];
	float sum = 0;

	x = warp_sum(x);
	__syncthreads();
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = x;
	__syncthreads();
	for (int i = 0; i < CUDA_THREADS / 32; i++)
		sum += part[i];
	return sum;
}

static __device__ uint32_t pack(float a, float b)
{
	__nv_bfloat162 pair = __floats2bfloat162_rn(a, b);

	return *(uint32_t *)&pair;
}

static __device__ float high_part(float x)
{
	return __bfloat162float(__float2bfloat16_rn(x));
}

/* --- weights --- */

/* Puts rows x columns floats, row by row, into tiles of 16 x 16 as fragments of A; split: the low
 * parts follow as tiles of their own. One block per tile row, one warp per tile. */
extern "C" __global__ void weight_tiles(const float *from, uint32_t rows, uint32_t columns,
	uint32_t k_tiles, uint32_t split, uint4 *to)
{
	uint32_t lane = threadIdx.x % 32;
	uint32_t row = blockIdx.x * 16 + lane / 4;

	for (uint32_t t = threadIdx.x / 32; t < k_tiles; t += CUDA_THREADS / 32) {
		uint32_t high[4], low[4];

		for (uint32_t i = 0; i < 4; i++) {
			uint32_t r = row + (i % 2) * 8;
			uint32_t c = t * 16 + lane % 4 * 2 + (i / 2) * 8;
			float a = r < rows && c < columns ? from[(size_t)r * columns + c] : 0;
			float b = r < rows && c + 1 < columns ? from[(size_t)r * columns + c + 1] : 0;

			high[i] = pack(a, b);
			low[i] = pack(a - high_part(a), b - high_part(b));
		}
		size_t tile = ((size_t)blockIdx.x * k_tiles + t) * (1 + split);
		to[tile * 32 + lane] = make_uint4(high[0], high[1], high[2], high[3]);
		if (split)
			to[(tile + 1) * 32 + lane] = make_uint4(low[0], low[1], low[2], low[3]);
	}
}

/* --- products --- */

/* Puts m rows of x as fragments of B, 8 rows and 16 columns each: high and low parts of a lane side
 * by side. One block per 8 rows. */
extern "C" __global__ void product_rows(
	const float *x, uint32_t m, uint32_t columns, uint32_t k_tiles, uint4 *to)
{
	uint32_t lane = threadIdx.x % 32;
	uint32_t row = blockIdx.x * 8 + lane / 4;

	for (uint32_t t = threadIdx.x / 32; t < k_tiles; t += CUDA_THREADS / 32) {
		float v[4];

		for (uint32_t i = 0; i < 4; i++) {
			uint32_t c = t * 16 + lane % 4 * 2 + i % 2 + i / 2 * 8;

			v[i] = row < m && c < columns ? x[(size_t)row * columns + c] : 0;
		}
		to[((size_t)blockIdx.x * k_tiles + t) * 32 + lane] = make_uint4(pack(v[0], v[1]),
			pack(v[2], v[3]), pack(v[0] - high_part(v[0]), v[1] - high_part(v[1])),
			pack(v[2] - high_part(v[2]), v[3] - high_part(v[3])));
	}
}

static __device__ void multiply(float *sum, const uint4 &a, uint32_t b0, uint32_t b1)
{
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
		     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
		: "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

/* A block's warps each summed a part of the columns: adds the parts, in the order of the warps, and
 * writes y for a tile of 16 outputs and 8 rows of x. */
static __device__ void write_tile(const float *sum, const float *bias, uint32_t n, uint32_t m,
	uint32_t output, uint32_t row, float *y)
{
	__shared__ float part[CUDA_THREADS / 32][16 * 8];
	uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;

	for (int i = 0; i < 4; i++)
		part[warp][(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
	__syncthreads();
	if (threadIdx.x < 128) {
		float whole = 0;

		output += threadIdx.x % 16;
		row += threadIdx.x / 16;
		if (bias && output < n)
			whole = bias[output];
		for (int w = 0; w < CUDA_THREADS / 32; w++)
			whole += part[w][threadIdx.x % 16 * 8 + threadIdx.x / 16];
		if (output < n && row < m)
			y[(size_t)row * n + output] = whole;
	}
	__syncthreads();
}

/* y = x · Wᵀ + bias for WIDE x 16 outputs and TILES x 8 rows of x per block. Whatever the two are,
 * an output's columns are summed by the same warps in the same order. */
template <int WIDE, int TILES, bool SPLIT>
static __device__ void product(const uint4 *w, const uint4 *x, const float *bias, uint32_t n,
	uint32_t m, uint32_t k_tiles, float *y)
{
	uint32_t lane = threadIdx.x % 32;
	uint32_t output = blockIdx.x * WIDE, row = blockIdx.y * TILES;
	uint32_t outputs = (n + 15) / 16, rows = (m + 7) / 8;
	float sums[WIDE][TILES][4] = {};

	for (uint32_t k = threadIdx.x / 32; k < k_tiles; k += CUDA_THREADS / 32) {
		uint4 b[TILES];

#pragma unroll
		for (int t = 0; t < TILES; t++)
			b[t] = __ldg(&x[((size_t)min(row + t, rows - 1) * k_tiles + k) * 32 + lane]);
#pragma unroll
		for (int o = 0; o < WIDE; o++) {
			size_t tile = ((size_t)min(output + o, outputs - 1) * k_tiles + k) *
				(1 + SPLIT);
			uint4 high = __ldg(&w[tile * 32 + lane]), low;

			if (SPLIT)
				low = __ldg(&w[(tile + 1) * 32 + lane]);
#pragma unroll
			for (int t = 0; t < TILES; t++) {
				multiply(sums[o][t], high, b[t].z, b[t].w);
				if (SPLIT)
					multiply(sums[o][t], low, b[t].x, b[t].y);
				multiply(sums[o][t], high, b[t].x, b[t].y);
			}
		}
	}
#pragma unroll
	for (int o = 0; o < WIDE; o++)
#pragma unroll
		for (int t = 0; t < TILES; t++)
			write_tile(sums[o][t], bias, n, m, (output + o) * 16, (row + t) * 8, y);
}

#define PRODUCT(name, wide, tiles, split)                                                          \
	extern "C" __global__ void name(const uint4 *w, const uint4 *x, const float *bias,         \
		uint32_t n, uint32_t m, uint32_t k_tiles, float *y)                                \
	{                                                                                          \
		product<wide, tiles, split>(w, x, bias, n, m, k_tiles, y);                         \
	}
PRODUCT(product_few, 1, 1, false)
PRODUCT(product_few_split, 1, 1, true)
PRODUCT(product_many, CUDA_PRODUCT_WIDE, CUDA_PRODUCT_TILES, false)
PRODUCT(product_many_split, CUDA_PRODUCT_WIDE, CUDA_PRODUCT_TILES, true)

/* --- rows --- */

/* y[i] = row ids[i] of the plain matrix, added to what is there when add is set. */
extern "C" __global__ void embed(
	const float *w, const uint32_t *ids, uint32_t columns, uint32_t add, float *y)
{
	const float *row = w + (size_t)ids[blockIdx.x] * columns;

	y += (size_t)blockIdx.x * columns;
	for (uint32_t c = threadIdx.x; c < columns; c += CUDA_THREADS)
		y[c] = row[c] + (add ? y[c] : 0);
}

/* The same of a matrix in tiles: the row's element c lies in lane row % 8 * 4 + c % 8 / 2 of its
 * tile. */
extern "C" __global__ void embed_tiles(const __nv_bfloat16 *w, const uint32_t *ids,
	uint32_t columns, uint32_t k_tiles, uint32_t split, uint32_t add, float *y)
{
	uint32_t row = ids[blockIdx.x];

	y += (size_t)blockIdx.x * columns;
	for (uint32_t c = threadIdx.x; c < columns; c += CUDA_THREADS) {
		size_t tile = ((size_t)(row / 16) * k_tiles + c / 16) * (1 + split);
		uint32_t lane = row % 8 * 4 + c % 8 / 2;
		uint32_t at = lane * 8 + row % 16 / 8 * 2 + c % 16 / 8 * 4 + c % 2;
		float x = __bfloat162float(w[tile * 256 + at]);

		if (split)
			x += __bfloat162float(w[(tile + 1) * 256 + at]);
		y[c] = x + (add ? y[c] : 0);
	}
}

extern "C" __global__ void gather(
	const float *x, const uint32_t *rows, uint32_t width, float *y)
{
	for (uint32_t c = threadIdx.x; c < width; c += CUDA_THREADS)
		y[(size_t)blockIdx.x * width + c] = x[(size_t)rows[blockIdx.x] * width + c];
}

extern "C" __global__ void rmsnorm(
	const float *x, const float *w, float eps, uint32_t n, float *y)
{
	float sum = 0;

	x += (size_t)blockIdx.x * n;
	y += (size_t)blockIdx.x * n;
	for (uint32_t c = threadIdx.x; c < n; c += CUDA_THREADS)
		sum += x[c] * x[c];
	float scale = 1 / sqrtf(block_sum(sum) / (float)n + eps);
	for (uint32_t c = threadIdx.x; c < n; c += CUDA_THREADS)
		y[c] = x[c] * scale * w[c];
}

extern "C" __global__ void layernorm(
	const float *x, const float *w, const float *b, float eps, uint32_t n, float *y)
{
	float sum = 0, square = 0;

	x += (size_t)blockIdx.x * n;
	y += (size_t)blockIdx.x * n;
	for (uint32_t c = threadIdx.x; c < n; c += CUDA_THREADS)
		sum += x[c];
	float mean = block_sum(sum) / (float)n;
	for (uint32_t c = threadIdx.x; c < n; c += CUDA_THREADS)
		square += (x[c] - mean) * (x[c] - mean);
	float scale = 1 / sqrtf(block_sum(square) / (float)n + eps);
	for (uint32_t c = threadIdx.x; c < n; c += CUDA_THREADS)
		y[c] = (x[c] - mean) * scale * w[c] + (b ? b[c] : 0);
}

/* Turns the pairs of every head by position * frequency, the angle in double as on the CPU. Pair i
 * is (i, i + dim / 2), or (2i, 2i + 1) when interleaved. */
extern "C" __global__ void rope(float *x, const uint32_t *positions, const double *frequency,
	uint32_t heads, uint32_t dim, uint32_t interleaved)
{
	uint32_t pairs = dim / 2;

	for (uint32_t pair = threadIdx.x; pair < pairs; pair += CUDA_THREADS) {
		double sine, cosine;
		float *at = x + (size_t)blockIdx.x * heads * dim + (interleaved ? 2 * pair : pair);
		uint32_t apart = interleaved ? 1 : pairs;

		sincos(positions[blockIdx.x] * frequency[pair], &sine, &cosine);
		for (uint32_t h = 0; h < heads; h++, at += dim) {
			float a = at[0], b = at[apart], s = (float)sine, c = (float)cosine;

			at[0] = a * c - b * s;
			at[apart] = b * c + a * s;
		}
	}
}

/* --- elementwise --- */

#define EACH(i, n)                                                                                 \
	for (size_t i = blockIdx.x * (size_t)CUDA_THREADS + threadIdx.x; i < (n);                  \
		i += (size_t)gridDim.x * CUDA_THREADS)

extern "C" __global__ void add(const float *x, float *y, size_t n)
{
	EACH (i, n)
		y[i] += x[i];
}

extern "C" __global__ void silu_mul(float *gate, const float *up, size_t n)
{
	EACH (i, n)
		gate[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

extern "C" __global__ void gelu(float *x, size_t n)
{
	EACH (i, n)
		x[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
}

extern "C" __global__ void gelu_tanh(float *x, size_t n)
{
	EACH (i, n)
		x[i] = 0.5f * x[i] *
			(1 + tanhf(0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

extern "C" __global__ void quick_gelu(float *x, size_t n)
{
	EACH (i, n)
		x[i] = x[i] / (1 + expf(-1.702f * x[i]));
}

extern "C" __global__ void relu(float *x, size_t n)
{
	EACH (i, n)
		x[i] = fmaxf(x[i], 0);
}

extern "C" __global__ void tanh_all(float *x, size_t n)
{
	EACH (i, n)
		x[i] = tanhf(x[i]);
}

/* --- attention --- */

/*
 * One row's query of one head over the first n positions, by a block: each warp takes every eighth
 * position with a running maximum, so that no score is stored; their parts are joined at the end.
 * Reader: gives the addresses of a position's key and value.
 */
template <typename Reader>
static __device__ void attend(const Reader &at, const float *q, uint32_t n, uint32_t dim, float *y)
{
	__shared__ float maxima[CUDA_THREADS / 32], weights[CUDA_THREADS / 32];
	__shared__ float parts[CUDA_THREADS / 32][CUDA_HEAD_MAX];
	uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
	float mine[CUDA_HEAD_MAX / 32], sum[CUDA_HEAD_MAX / 32];
	float scale = 1 / sqrtf((float)dim), most = -INFINITY, weight = 0;

#pragma unroll
	for (uint32_t i = 0; i < CUDA_HEAD_MAX / 32; i++) {
		mine[i] = i * 32 + lane < dim ? q[i * 32 + lane] * scale : 0;
		sum[i] = 0;
	}
	for (uint32_t p = warp; p < n; p += CUDA_THREADS / 32) {
		const float *k = at.key(p), *v = at.value(p);
		float score = 0;

#pragma unroll
		for (uint32_t i = 0; i < CUDA_HEAD_MAX / 32; i++)
			if (i * 32 + lane < dim)
				score += mine[i] * k[i * 32 + lane];
		score = warp_sum(score);
		float higher = fmaxf(most, score);
		float kept = expf(most - higher), added = expf(score - higher);
		weight = weight * kept + added;
#pragma unroll
		for (uint32_t i = 0; i < CUDA_HEAD_MAX / 32; i++)
			if (i * 32 + lane < dim)
				sum[i] = sum[i] * kept + added * v[i * 32 + lane];
		most = higher;
	}
	if (lane == 0) {
		maxima[warp] = most;
		weights[warp] = weight;
	}
	for (uint32_t i = 0; i * 32 + lane < dim; i++)
		parts[warp][i * 32 + lane] = sum[i];
	__syncthreads();
	for (uint32_t c = threadIdx.x; c < dim; c += CUDA_THREADS) {
		float top = -INFINITY, total = 0, value = 0;

		for (uint32_t w = 0; w < CUDA_THREADS / 32; w++)
			top = fmaxf(top, maxima[w]);
		for (uint32_t w = 0; w < CUDA_THREADS / 32; w++) {
			float share = expf(maxima[w] - top);

			total += weights[w] * share;
			value += parts[w][c] * share;
		}
		y[c] = value / total;
	}
}

/* Keys and values of a pool of pages: [page][layer][keys, values][position][width]. */
struct paged {
	const float *pool;
	const uint32_t *pages; /* of this sequence */
	size_t page, layer;    /* floats of a page; where the layer's begin in it */
	uint32_t width, head;  /* floats of a position; where the head's begin in them */

	__device__ const float *key(uint32_t position) const
	{
		return pool + pages[position / CUDA_PAGE] * page + layer +
			position % CUDA_PAGE * width + head;
	}

	__device__ const float *value(uint32_t position) const
	{
		return key(position) + CUDA_PAGE * width;
	}
};

/* rows: for every row its position and where its sequence's pages begin in the table, which follows
 * the rows. One block per row and query head. */
extern "C" __global__ void attend_causal(const float *q, const float *pool, const uint32_t *rows,
	uint32_t m, size_t page, size_t layer, uint32_t heads, uint32_t kv_heads, uint32_t dim,
	float *y)
{
	uint32_t row = blockIdx.x, head = blockIdx.y;
	size_t at = ((size_t)row * heads + head) * dim;
	paged reader = {pool, rows + 2 * m + rows[2 * row + 1], page, layer, kv_heads * dim,
		head / (heads / kv_heads) * dim};

	attend(reader, q + at, rows[2 * row] + 1, dim, y + at);
}

/* Puts keys and values of every row into the page and place that rows names. */
extern "C" __global__ void kv_put(const float *k, const float *v, const uint32_t *rows,
	size_t page, size_t layer, uint32_t width, float *pool)
{
	uint32_t at_page = rows[2 * blockIdx.x], at = rows[2 * blockIdx.x + 1];
	float *to = pool + at_page * page + layer + at * width;

	for (uint32_t c = threadIdx.x; c < width; c += CUDA_THREADS) {
		to[c] = k[(size_t)blockIdx.x * width + c];
		to[CUDA_PAGE * width + c] = v[(size_t)blockIdx.x * width + c];
	}
}

/* Keys and values of rows that lie one after the other. */
struct plain {
	const float *k, *v;
	uint32_t width;

	__device__ const float *key(uint32_t position) const
	{
		return k + (size_t)position * width;
	}

	__device__ const float *value(uint32_t position) const
	{
		return v + (size_t)position * width;
	}
};

/* rows: for every row the first of its sequence and how many it attends to from there. */
extern "C" __global__ void attend_rows(const float *q, const float *k, const float *v,
	const uint32_t *rows, uint32_t heads, uint32_t dim, float *y)
{
	uint32_t width = heads * dim;
	size_t first = (size_t)rows[2 * blockIdx.x] * width + blockIdx.y * dim;
	size_t at = (size_t)blockIdx.x * width + blockIdx.y * dim;
	plain reader = {k + first, v + first, width};

	attend(reader, q + at, rows[2 * blockIdx.x + 1], dim, y + at);
}
