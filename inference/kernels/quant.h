/*
 * Products with weights in blocks of few bits, by rows of x in 8 bits; a part of body.h.
 *
 * Within a block everything is an integer and exact. A block's sum, by the weights' scales, by the
 * block's scale of x, is added to one float per output, in the order of blocks: no shape of a tile
 * changes it.
 */

/* What a block's numbers have too much, as they lie in memory. */
#if defined(__AVX512VNNI__)
#define SURPLUS_Q8 7 /* 128, as a shift: bytes are made unsigned */
#else
#define SURPLUS_Q8 0
#endif
#define SURPLUS_Q4 3 /* 8 */
#define SURPLUS_Q6 5 /* 32 */

/* Bytes of a weight stream that are asked for before they are needed. */
#define PREFETCH_BYTES 2048

/* Keeps compilers from keeping what they will need again: more than there are registers. */
#define FORGET() __asm__ volatile("" ::: "memory")

#if defined(__AVX2__)
#define STEP_BYTES(type)                                                                           \
	((type) == TENSOR_Q8_0          ? STEP_HEAD_SMALL + 2 * 512                                \
		: (type) == TENSOR_Q4_0 ? STEP_HEAD_SMALL + 2 * 256                                \
		: (type) == TENSOR_Q4_K ? STEP_HEAD_LARGE + 8 * 256                                \
		: (type) == TENSOR_Q5_K ? STEP_HEAD_LARGE + 8 * 320                                \
					: STEP_HEAD_LARGE + 8 * 384)
#define IS_SMALL(type) ((type) == TENSOR_Q8_0 || (type) == TENSOR_Q4_0)
#define STEP_BLOCKS(type) (IS_SMALL(type) ? 2 : 8)
#define STEP_HEAD(type) (IS_SMALL(type) ? STEP_HEAD_SMALL : STEP_HEAD_LARGE)
#define BLOCK_BYTES(type) ((STEP_BYTES(type) - STEP_HEAD(type)) / STEP_BLOCKS(type))

#if defined(__AVX512VNNI__)
typedef __m512i ints;

INLINE ints load_ints(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

INLINE ints repeat(int32_t x)
{
	return _mm512_set1_epi32(x);
}

INLINE ints both(ints a, ints b)
{
	return _mm512_and_si512(a, b);
}

#define SHIFT_RIGHT(v, n) _mm512_srli_epi16(v, n)
#define SHIFT_LEFT(v, n) _mm512_slli_epi16(v, n)
#define SHIFT_WORDS(v, n) _mm512_slli_epi32(v, n)

INLINE ints either(ints a, ints b)
{
	return _mm512_or_si512(a, b);
}

typedef float floats __attribute__((vector_size(64)));

INLINE floats to_floats(ints v)
{
	return (floats)_mm512_cvtepi32_ps(v);
}

INLINE floats from_halves(const uint8_t *p)
{
	return (floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)p));
}

INLINE floats from_bytes(const uint8_t *p)
{
	return to_floats(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
}

INLINE floats from_signed(const uint8_t *p)
{
	return to_floats(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)p)));
}

/* Chunks whose products one sum holds, and whether that sum is one of pairs, in 16 bits. */
#define SPAN(type) 8
#define SUMS_PAIRS(type) 0

INLINE ints add_products(ints sum, ints w, ints x)
{
	return _mm512_dpbusd_epi32(sum, w, x);
}

INLINE ints add_pairs(ints sum, ints pairs)
{
	(void)pairs;
	return sum;
}

INLINE ints add_signed(ints sum, ints w, ints x)
{
	return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(w, repeat((int)0x80808080)), x);
}
#else
typedef __m256i ints;

INLINE ints load_ints(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i_u *)p);
}

INLINE ints repeat(int32_t x)
{
	return _mm256_set1_epi32(x);
}

INLINE ints both(ints a, ints b)
{
	return _mm256_and_si256(a, b);
}

#define SHIFT_RIGHT(v, n) _mm256_srli_epi16(v, n)
#define SHIFT_LEFT(v, n) _mm256_slli_epi16(v, n)
#define SHIFT_WORDS(v, n) _mm256_slli_epi32(v, n)

INLINE ints either(ints a, ints b)
{
	return _mm256_or_si256(a, b);
}

typedef float floats __attribute__((vector_size(32)));

INLINE floats to_floats(ints v)
{
	return (floats)_mm256_cvtepi32_ps(v);
}

INLINE floats from_halves(const uint8_t *p)
{
	return (floats)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)p));
}

INLINE floats from_bytes(const uint8_t *p)
{
	return to_floats(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)p)));
}

INLINE floats from_signed(const uint8_t *p)
{
	return to_floats(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)p)));
}

/* Chunks whose products one 16-bit sum holds: 127 * 2 * 15, 31 or 63 a chunk. */
#define SUMS_PAIRS(type) ((type) != TENSOR_Q8_0)
#define SPAN(type) ((type) == TENSOR_Q5_K ? 4 : (type) == TENSOR_Q6_K ? 2 : 8)

/* Of unsigned w, in pairs. */
INLINE ints add_products(ints sum, ints w, ints x)
{
	return _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x));
}

INLINE ints add_pairs(ints sum, ints pairs)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* The first factor must be unsigned: w gives its sign to x. 128 * 127 * 2 fits 16 bits. */
INLINE ints add_signed(ints sum, ints w, ints x)
{
	return add_pairs(sum, _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)));
}
#endif

#define FLOATS ((int)(sizeof(floats) / sizeof(float)))
#define GROUP_FLOATS (GROUP_ROWS / FLOATS)
#define FLOATS_BYTES ((size_t)FLOATS * 4) /* of one vector of chunks */

INLINE ints four_of(const int8_t *x)
{
	int32_t four;

	memcpy(&four, x, sizeof(four));
	return repeat(four);
}

/* Chunk c of a block, h: which part of the group's rows. Unsigned, but for Q8_0. */
INLINE ints weights_of(const enum tensor_type type, const uint8_t *block, const int h, const int c)
{
	const uint8_t *at = block + (size_t)h * FLOATS_BYTES;
	ints low, high;

	if (type == TENSOR_Q8_0)
		return load_ints(at + c * 64);
	low = load_ints(at + c % 4 * 64);
	low = both(c < 4 ? low : SHIFT_RIGHT(low, 4), repeat(0x0f0f0f0f));
	if (type == TENSOR_Q5_K) {
		high = load_ints(at + 256);
		high = c < 4 ? SHIFT_LEFT(high, c < 4 ? 4 - c : 0)
			     : SHIFT_RIGHT(high, c < 4 ? 0 : c - 4);
		return either(low, both(high, repeat(0x10101010)));
	}
	if (type == TENSOR_Q6_K) {
		high = load_ints(at + 256 + c / 4 * 64);
		high = c % 4 < 2 ? SHIFT_LEFT(high, c % 4 < 2 ? 4 - c % 4 * 2 : 0)
				 : SHIFT_RIGHT(high, c % 4 < 2 ? 0 : c % 4 * 2 - 4);
		return either(low, both(high, repeat(0x30303030)));
	}
	return low;
}

/* Sums of chunks [from, to) of a block for rows rows of x, whose blocks lie stride apart. */
INLINE void sum_chunks(const enum tensor_type type, const uint8_t *block, const int h,
	const int from, const int to, const struct eights *x, size_t stride, const int rows,
	ints *total)
{
	const int span = SPAN(type);

	UNROLL for (int start = from; start < to; start += span)
	{
		ints part[TILE_EIGHTS];

		UNROLL for (int i = 0; i < rows; i++) part[i] =
			SUMS_PAIRS(type) ? repeat(0) : total[i];
		UNROLL for (int j = 0; j < span; j++)
		{
			const int c = start + j;
			ints w;

			if (c >= to)
				continue;
			w = weights_of(type, block, h, c);
			UNROLL for (int i = 0; i < rows; i++)
			{
				ints four = four_of(x[(size_t)i * stride].q + c * 4);

				part[i] = type == TENSOR_Q8_0 ? add_signed(part[i], w, four)
							      : add_products(part[i], w, four);
				ADDED(part[i]);
			}
		}
		UNROLL for (int i = 0; i < rows; i++) total[i] =
			SUMS_PAIRS(type) ? add_pairs(total[i], part[i]) : part[i];
	}
}

/* What the sum of a block's, or of a half's, surplus is, negated: where its sum begins. */
INLINE ints first_sum(const enum tensor_type type, const struct eights *x, const int half)
{
	ints minus = repeat(x->minus[half]);

	if (type == TENSOR_Q8_0)
		return SURPLUS_Q8 ? SHIFT_WORDS(minus, SURPLUS_Q8) : repeat(0);
	if (type == TENSOR_Q4_0)
		return SHIFT_WORDS(minus, SURPLUS_Q4);
	return type == TENSOR_Q6_K ? SHIFT_WORDS(minus, SURPLUS_Q6) : repeat(0);
}

INLINE floats scale_of(
	const enum tensor_type type, const uint8_t *step, const int b, const int h, const int half)
{
	const uint8_t *rows = step + h * FLOATS; /* of one byte each */

	if (IS_SMALL(type))
		return from_halves(step + b * 32 + h * FLOATS * 2);
	return from_halves(step + h * FLOATS * 2) *
	       (type == TENSOR_Q6_K ? from_signed(rows + 64 + b * 32 + half * 16)
				    : from_bytes(rows + 64 + b * 16));
}

/* Adds one block to the sums of rows rows. */
INLINE void add_block(const enum tensor_type type, const uint8_t *step, const int b, const int h,
	const struct eights *x, size_t stride, const int rows, floats (*sum)[GROUP_FLOATS])
{
	const uint8_t *block = step + STEP_HEAD(type) + (size_t)b * BLOCK_BYTES(type);
	const int n_halves = type == TENSOR_Q6_K ? 2 : 1;
	floats scaled[TILE_EIGHTS];

	UNROLL for (int half = 0; half < n_halves; half++)
	{
		ints total[TILE_EIGHTS];
		floats scale;

		UNROLL for (int i = 0; i < rows; i++) total[i] =
			first_sum(type, &x[(size_t)i * stride], n_halves == 2 ? 1 + half : 0);
		sum_chunks(type, block, h, half * 4, n_halves == 2 ? half * 4 + 4 : 8, x, stride,
			rows, total);
		scale = scale_of(type, step, b, h, half);
		UNROLL for (int i = 0; i < rows; i++) scaled[i] =
			half == 0 ? to_floats(total[i]) * scale
				  : scaled[i] + to_floats(total[i]) * scale;
	}
	UNROLL for (int i = 0; i < rows; i++) sum[i][h] += scaled[i] * x[(size_t)i * stride].scale;
	if (type == TENSOR_Q4_K || type == TENSOR_Q5_K) {
		floats min = from_halves(step + 32 + h * FLOATS * 2) *
			     from_bytes(step + 192 + b * 16 + h * FLOATS);

		UNROLL for (int i = 0; i < rows; i++) sum[i][h] -= min * x[(size_t)i * stride].tilt;
	}
}

static __attribute__((noinline)) void store_group(
	const struct product *p, size_t row, size_t group, const floats *sum)
{
	float *y = p->y + row * p->ldy, out[GROUP_ROWS];
	size_t at = group * GROUP_ROWS, n = p->n - at < GROUP_ROWS ? p->n - at : GROUP_ROWS;

	memcpy(out, sum, sizeof(out));
	for (size_t i = 0; i < n; i++)
		y[at + i] = out[i] + (p->bias ? p->bias[at + i] : 0);
}

INLINE void tile_eights(const enum tensor_type type, const uint8_t *w, const struct product *p,
	size_t row, size_t group, const int rows)
{
	const size_t stride = EIGHTS_OF(p->k), columns = STEP_BLOCKS(type) * BLOCK_COLUMNS;
	const size_t steps = (p->k + columns - 1) / columns;
	const uint8_t *step = w + group * steps * STEP_BYTES(type);
	const struct eights *x = p->q + row * stride;
	floats sum[TILE_EIGHTS][GROUP_FLOATS];

	UNROLL for (int i = 0; i < rows; i++) UNROLL for (int h = 0; h < GROUP_FLOATS; h++)
		sum[i][h] = (floats){0};
	for (size_t s = 0; s < steps; s++, step += STEP_BYTES(type))
		for (int b = 0; b < STEP_BLOCKS(type); b++, x++) {
			if (row == 0)
				for (int i = 0; i < BLOCK_BYTES(type); i += 64)
					__builtin_prefetch(
						step + b * BLOCK_BYTES(type) + i + PREFETCH_BYTES);
			for (int h = 0; h < GROUP_FLOATS; h++) {
				FORGET();
				add_block(type, step, b, h, x, stride, rows, sum);
			}
		}
	UNROLL for (int i = 0; i < rows; i++) store_group(p, row + (size_t)i, group, sum[i]);
}

#define MATMUL_EIGHTS(name, type)                                                                  \
	static void name(const uint8_t *w, const struct product *p, size_t first, size_t last)     \
	{                                                                                          \
		for (; first < last; first++) {                                                    \
			size_t row = 0;                                                            \
			for (; row + TILE_EIGHTS <= p->m; row += TILE_EIGHTS)                      \
				tile_eights(type, w, p, row, first, TILE_EIGHTS);                  \
			for (; row + 4 <= p->m; row += 4)                                          \
				tile_eights(type, w, p, row, first, 4);                            \
			for (; row + 2 <= p->m; row += 2)                                          \
				tile_eights(type, w, p, row, first, 2);                            \
			if (row < p->m)                                                            \
				tile_eights(type, w, p, row, first, 1);                            \
		}                                                                                  \
	}
#else
/* The reference: a block's numbers unpacked, its sums by row. */
static void add_block(enum tensor_type type, const uint8_t *step, size_t b,
	int16_t q[BLOCK_COLUMNS][GROUP_ROWS], const struct eights *x, float *sum)
{
	int32_t dots[2][GROUP_ROWS] = {0};

	for (size_t c = 0; c < BLOCK_COLUMNS; c++)
		for (size_t row = 0; row < GROUP_ROWS; row++)
			dots[c / 16][row] += q[c][row] * x->q[c];
	for (size_t row = 0; row < GROUP_ROWS; row++) {
		float scales[2], min;

		packed_scales(type, step, b, row, scales, &min);
		sum[row] +=
			(type == TENSOR_Q6_K ? (float)dots[0][row] * scales[0] +
						       (float)dots[1][row] * scales[1]
					     : (float)(dots[0][row] + dots[1][row]) * scales[0]) *
			x->scale;
		sum[row] -= min * x->tilt;
	}
}

static void group_eights(
	enum tensor_type type, const uint8_t *w, const struct product *p, size_t row, size_t group)
{
	size_t columns = packed_step_columns(type), bytes = packed_step_bytes(type);
	size_t steps = (p->k + columns - 1) / columns, blocks = columns / BLOCK_COLUMNS;
	const uint8_t *step = w + group * steps * bytes;
	float sum[TILE_EIGHTS][GROUP_ROWS] = {0};
	size_t rows = p->m - row < TILE_EIGHTS ? p->m - row : TILE_EIGHTS;

	for (size_t s = 0; s < steps; s++, step += bytes)
		for (size_t b = 0; b < blocks; b++) {
			int16_t q[BLOCK_COLUMNS][GROUP_ROWS];

			packed_block(type, step, b, q);
			for (size_t i = 0; i < rows; i++)
				add_block(type, step, b, q,
					p->q + (row + i) * EIGHTS_OF(p->k) + s * blocks + b,
					sum[i]);
		}
	for (size_t i = 0; i < rows; i++)
		for (size_t at = group * GROUP_ROWS, j = 0; j < GROUP_ROWS && at + j < p->n; j++)
			p->y[(row + i) * p->ldy + at + j] =
				sum[i][j] + (p->bias ? p->bias[at + j] : 0);
}

#define MATMUL_EIGHTS(name, type)                                                                  \
	static void name(const uint8_t *w, const struct product *p, size_t first, size_t last)     \
	{                                                                                          \
		for (; first < last; first++)                                                      \
			for (size_t row = 0; row < p->m; row += TILE_EIGHTS)                       \
				group_eights(type, w, p, row, first);                              \
	}
#endif

MATMUL_EIGHTS(matmul_q8_0, TENSOR_Q8_0)
MATMUL_EIGHTS(matmul_q4_0, TENSOR_Q4_0)
MATMUL_EIGHTS(matmul_q4_k, TENSOR_Q4_K)
MATMUL_EIGHTS(matmul_q5_k, TENSOR_Q5_K)
MATMUL_EIGHTS(matmul_q6_k, TENSOR_Q6_K)

/* 32 columns, all there. */
static void quantise_block(const float *x, struct eights *ret)
{
	float high = 0, inverse;
	int32_t sums[2] = {0}, q[BLOCK_COLUMNS];

	for (int i = 0; i < BLOCK_COLUMNS; i++) {
		float size = fabsf(x[i]);

		high = size > high ? size : high;
	}
	ret->scale = high * (1.0f / 127.0f);
	inverse = ret->scale > 0 ? 1.0f / ret->scale : 0; /* infinite of the smallest ones */
	for (int i = 0; i < BLOCK_COLUMNS; i++) {
		float v = x[i] * inverse;

		v = v > -127.0f ? v : -127.0f; /* a NaN becomes that */
		v = v < 127.0f ? v : 127.0f;
		q[i] = (int32_t)rintf(v);
	}
	for (int i = 0; i < BLOCK_COLUMNS; i++) {
		ret->q[i] = (int8_t)q[i];
		sums[i / 16] += q[i];
	}
	ret->tilt = ret->scale * (float)(sums[0] + sums[1]);
	ret->minus[0] = -sums[0] - sums[1];
	ret->minus[1] = -sums[0];
	ret->minus[2] = -sums[1];
}

static void quantise(const float *x, size_t k, struct eights *ret)
{
	size_t i = 0;

	for (; i + BLOCK_COLUMNS <= k; i += BLOCK_COLUMNS)
		quantise_block(x + i, ret++);
	if (i < k) {
		float last[BLOCK_COLUMNS] = {0};

		memcpy(last, x + i, (k - i) * sizeof(*x));
		quantise_block(last, ret++);
		i += BLOCK_COLUMNS;
	}
	memset(ret, 0, (EIGHTS_OF(k) - i / BLOCK_COLUMNS) * sizeof(*ret));
}
