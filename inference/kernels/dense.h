/*
 * Products with weights that are plain numbers; a part of body.h.
 */

INLINE lanes load_f16(const uint16_t *w)
{
#if defined(__AVX512F__)
	return (lanes)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)w));
#elif defined(__F16C__)
	return (lanes)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)w));
#else
	bits h = __builtin_convertvector(*(const halves_at *)w, bits);
	bits sign = (h & 0x8000) << 16, size = (h & 0x7fff) << 13;
	bits high = (bits)((lanes)size * 0x1p112f); /* exact, also of numbers below normal ones */

	high |= (bits)(size >= (0x7c00u << 13)) & 0x7f800000;
	return (lanes)(high | sign);
#endif
}

/* Stores LANES outputs of one row, from column at on; the last ones may be padding. */
INLINE void store_lanes(const struct product *p, size_t row, size_t at, lanes sum)
{
	float *y = p->y + row * p->ldy;

	if (at + LANES <= p->n) {
		if (p->bias)
			sum += *(const lanes_at *)(p->bias + at);
		*(lanes_at *)(y + at) = sum;
		return;
	}
	for (size_t i = 0; at + i < p->n; i++)
		y[at + i] = sum[i] + (p->bias ? p->bias[at + i] : 0);
}

/* Adds one column of some vectors of weights to the sums of all rows. */
#define COLUMN(v, k)                                                                               \
	UNROLL for (int i = 0; i < rows; i++)                                                      \
	{                                                                                          \
		const float factor = x[(size_t)i * p->ldx + (k)];                                  \
                                                                                                   \
		UNROLL for (int j = 0; j < vectors; j++)                                           \
		{                                                                                  \
			sum[i][j] += v[j] * factor;                                                \
			ADDED(sum[i][j]);                                                          \
		}                                                                                  \
	}

#define ZERO_SUMS                                                                                  \
	UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = \
		(lanes){0};

#define STORE_SUMS                                                                                 \
	UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++)             \
		store_lanes(                                                                       \
			p, row + (size_t)i, group * GROUP_ROWS + (size_t)j * LANES, sum[i][j]);

/* One tile: rows x groups sums; both are constants where this is inlined. */
#define TILE(name, type, load)                                                                     \
	INLINE void name(const uint8_t *w, const struct product *p, size_t row, size_t group,      \
		const int rows, const int groups)                                                  \
	{                                                                                          \
		const size_t stride = p->k * GROUP_ROWS;                                           \
		const type *at = (const type *)w + group * stride;                                 \
		const float *x = p->x + row * p->ldx;                                              \
		const int vectors = groups * GROUP_LANES;                                          \
		lanes sum[TILE_ROWS][TILE_GROUPS_ONE * GROUP_LANES];                               \
                                                                                                   \
		ZERO_SUMS                                                                          \
		for (size_t k = 0; k < p->k; k++) {                                                \
			lanes v[TILE_GROUPS_ONE * GROUP_LANES];                                    \
                                                                                                   \
			UNROLL for (int j = 0; j < vectors; j++) v[j] =                            \
				load(at + (size_t)(j / GROUP_LANES) * stride + k * GROUP_ROWS +    \
					j % GROUP_LANES * LANES);                                  \
			COLUMN(v, k)                                                               \
		}                                                                                  \
		STORE_SUMS                                                                         \
	}

TILE(tile_f32, float, load_f32)
TILE(tile_f16, uint16_t, load_f16)

#define PAIRS(j)                                                                                   \
	(*(const bits_at *)(at + (size_t)((j) / GROUP_LANES) * stride + k / 2 * GROUP_ROWS +       \
			    (j) % GROUP_LANES * LANES))

#if defined(__AVX512BF16__)
#define ROUNDS_BF16 true

/* Pairs of columns by pairs of x. */
INLINE void tile_bf16(const uint8_t *w, const struct product *p, size_t row, size_t group,
	const int rows, const int groups)
{
	const size_t stride = (p->k + 1) / 2 * GROUP_ROWS;
	const uint32_t *at = (const uint32_t *)w + group * stride;
	const uint32_t *x = p->pairs + row * PAIRS_OF(p->k);
	const int vectors = groups * GROUP_LANES;
	lanes sum[TILE_ROWS][TILE_GROUPS_ONE * GROUP_LANES];

	ZERO_SUMS
	for (size_t k = 0; k < p->k; k += 2) {
		bits v[TILE_GROUPS_ONE * GROUP_LANES];

		UNROLL for (int j = 0; j < vectors; j++) v[j] = PAIRS(j);
		UNROLL for (int i = 0; i < rows; i++)
		{
			const __m512i pair =
				_mm512_set1_epi32((int)x[(size_t)i * PAIRS_OF(p->k) + k / 2]);

			UNROLL for (int j = 0; j < vectors; j++)
			{
				sum[i][j] = (lanes)_mm512_dpbf16_ps(
					(__m512)sum[i][j], (__m512bh)v[j], (__m512bh)pair);
				ADDED(sum[i][j]);
			}
		}
	}
	STORE_SUMS
}
#else
#define ROUNDS_BF16 false

/* A bfloat16 is the upper half of a float; of a pair of columns one lies in each half. */
INLINE void tile_bf16(const uint8_t *w, const struct product *p, size_t row, size_t group,
	const int rows, const int groups)
{
	const size_t stride = (p->k + 1) / 2 * GROUP_ROWS;
	const uint32_t *at = (const uint32_t *)w + group * stride;
	const float *x = p->x + row * p->ldx;
	const int vectors = groups * GROUP_LANES;
	lanes sum[TILE_ROWS][TILE_GROUPS_ONE * GROUP_LANES];
	size_t k = 0;

	ZERO_SUMS
	for (; k < p->k; k += 2) {
		lanes v[TILE_GROUPS_ONE * GROUP_LANES];

		UNROLL for (int j = 0; j < vectors; j++) v[j] = (lanes)(PAIRS(j) << 16);
		COLUMN(v, k)
		if (k + 1 == p->k)
			break;
		UNROLL for (int j = 0; j < vectors; j++) v[j] = (lanes)(PAIRS(j) & 0xffff0000);
		COLUMN(v, k + 1)
	}
	STORE_SUMS
}
#endif

/* All rows over a few groups, which stay in the cache meanwhile. Two tiles of half the rows are
 * faster than one full and a low one. */
#define GROUPS(name, tile, most)                                                                   \
	INLINE void name(                                                                          \
		const uint8_t *w, const struct product *p, size_t group, const int groups)         \
	{                                                                                          \
		for (size_t row = 0, left = p->m; left > 0; row = p->m - left) {                   \
			if (left >= most && (left >= most + 3 || left == most)) {                  \
				tile(w, p, row, group, most, groups);                              \
				left -= most;                                                      \
			} else if (left >= 4) {                                                    \
				tile(w, p, row, group, 4 < most ? 4 : most, groups);               \
				left -= 4 < most ? 4 : most;                                       \
			} else if (left >= 2) {                                                    \
				tile(w, p, row, group, 2, groups);                                 \
				left -= 2;                                                         \
			} else {                                                                   \
				tile(w, p, row, group, 1, groups);                                 \
				left--;                                                            \
			}                                                                          \
		}                                                                                  \
	}

#define MATMUL(name, tile, over)                                                                   \
	static void name(const uint8_t *w, const struct product *p, size_t first, size_t last)     \
	{                                                                                          \
		if (p->m == 1)                                                                     \
			for (; first + TILE_GROUPS_ONE <= last; first += TILE_GROUPS_ONE)          \
				tile(w, p, 0, first, 1, TILE_GROUPS_ONE);                          \
		for (; first + TILE_GROUPS <= last; first += TILE_GROUPS)                          \
			over(w, p, first, TILE_GROUPS);                                            \
		for (; first < last; first++)                                                      \
			over(w, p, first, 1);                                                      \
	}

GROUPS(groups_f32, tile_f32, TILE_ROWS)
GROUPS(groups_f16, tile_f16, TILE_ROWS)
GROUPS(groups_bf16, tile_bf16, TILE_ROWS_PAIRS)
MATMUL(matmul_f32, tile_f32, groups_f32)
MATMUL(matmul_f16, tile_f16, groups_f16)
MATMUL(matmul_bf16, tile_bf16, groups_bf16)

/* A row of x in bfloat16, to nearest, ties to even. */
static void pair(const float *x, size_t k, uint32_t *ret)
{
	uint16_t *to = (uint16_t *)ret;

	for (size_t i = 0; i < k; i++) {
		uint32_t word;

		memcpy(&word, x + i, sizeof(word));
		word = (word & 0x7fffffff) > 0x7f800000 ? word | 0x400000
							: word + 0x7fff + ((word >> 16) & 1);
		to[i] = (uint16_t)(word >> 16);
	}
	if (k % 2)
		to[k] = 0;
}
