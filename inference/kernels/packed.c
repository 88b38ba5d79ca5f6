#include "inference/kernels/packed.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "inference/formats/tensor.h"

static const struct layout {
	uint16_t columns, bytes;
} layouts[TENSOR_TYPES] = {
	[TENSOR_F32] = {1, 64},
	[TENSOR_F16] = {1, 32},
	[TENSOR_BF16] = {2, 64},
	[TENSOR_Q8_0] = {64, STEP_HEAD_SMALL + 2 * 512},
	[TENSOR_Q4_0] = {64, STEP_HEAD_SMALL + 2 * 256},
	[TENSOR_Q4_K] = {256, STEP_HEAD_LARGE + 8 * 256},
	[TENSOR_Q5_K] = {256, STEP_HEAD_LARGE + 8 * 320},
	[TENSOR_Q6_K] = {256, STEP_HEAD_LARGE + 8 * 384},
};

size_t packed_step_columns(enum tensor_type type)
{
	return layouts[type].columns;
}

size_t packed_step_bytes(enum tensor_type type)
{
	return layouts[type].bytes;
}

static size_t steps_of(enum tensor_type type, size_t columns)
{
	return columns / layouts[type].columns + (columns % layouts[type].columns != 0);
}

size_t packed_bytes(enum tensor_type type, size_t rows, size_t columns)
{
	size_t groups = rows / GROUP_ROWS + (rows % GROUP_ROWS != 0), bytes;

	if (__builtin_mul_overflow(groups, steps_of(type, columns), &bytes) ||
		__builtin_mul_overflow(bytes, (size_t)layouts[type].bytes, &bytes))
		return 0;
	return bytes;
}

int packed_fits(enum tensor_type from, enum tensor_type to)
{
	return from == to || ((to == TENSOR_Q8_0 || to == TENSOR_BF16) && tensor_block(from) == 1);
}

float half_widen(uint16_t h)
{
	struct tensor t = {.type = TENSOR_F16, .count = 1, .bytes = (const uint8_t *)&h};

	return tensor_at(&t, 0);
}

static uint16_t half_at(const uint8_t *p)
{
	uint16_t h;

	memcpy(&h, p, sizeof(h));
	return h;
}

/* To nearest, ties to even; too large becomes infinite. Only for positive numbers. */
static uint16_t half_of(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	if (bits >= 0x47800000)
		return bits > 0x7f800000 ? 0x7e00 : 0x7c00;
	if (bits < 0x38800000) /* below the smallest normal: multiples of 2^-24 */
		return (uint16_t)lrintf(f * 0x1p24f);
	bits -= 112u << 23;
	return (uint16_t)((bits + 0xfff + ((bits >> 13) & 1)) >> 13);
}

/* --- packing --- */

/* One ggml block of 32 into its place; b counts blocks within the step. */
static void place_q8_0(const uint8_t *block, size_t b, size_t row, uint8_t *step)
{
	uint8_t *to = step + STEP_HEAD_SMALL + b * 512 + row * 4;

	memcpy(step + b * 32 + row * 2, block, 2);
	for (size_t c = 0; c < 8; c++)
		memcpy(to + c * 64, block + 2 + c * 4, 4);
}

static void place_q4_0(const uint8_t *block, size_t b, size_t row, uint8_t *step)
{
	uint8_t *to = step + STEP_HEAD_SMALL + b * 256 + row * 4;

	memcpy(step + b * 32 + row * 2, block, 2);
	for (size_t v = 0; v < 4; v++)
		memcpy(to + v * 64, block + 2 + v * 4, 4);
}

/* The lower four bits of a block's 32 numbers. */
static void place_low(const uint8_t *q, size_t row, uint8_t *to)
{
	for (size_t i = 0; i < 16; i++)
		to[i / 4 * 64 + row * 4 + i % 4] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/* Six bits each, packed in 12 bytes: ggml's get_scale_min_k4. */
static void unpack_scale(const uint8_t *s, size_t b, uint8_t *scale, uint8_t *min)
{
	if (b < 4) {
		*scale = s[b] & 63;
		*min = s[b + 4] & 63;
	} else {
		*scale = (uint8_t)((s[b + 4] & 15) | (s[b - 4] >> 6) << 4);
		*min = (uint8_t)(s[b + 4] >> 4 | (s[b] >> 6) << 4);
	}
}

/* Q4_K: 4 bytes, 12 of scales, 128 of pairs of blocks; Q5_K has 32 of fifth bits before them. */
static void place_k45(const uint8_t *block, size_t row, uint8_t *step, int five)
{
	const uint8_t *fifth = block + 16, *low = block + (five ? 48 : 16);
	size_t bytes = five ? 320 : 256;

	memcpy(step + row * 2, block, 2);
	memcpy(step + 32 + row * 2, block + 2, 2);
	for (size_t b = 0; b < 8; b++) {
		uint8_t *to = step + STEP_HEAD_LARGE + b * bytes, q[BLOCK_COLUMNS];

		unpack_scale(block + 4, b, step + 64 + b * 16 + row, step + 192 + b * 16 + row);
		for (size_t i = 0; i < BLOCK_COLUMNS; i++)
			q[i] = (low[b / 2 * 32 + i] >> (b % 2 * 4)) & 15;
		place_low(q, row, to);
		for (size_t i = 0; five && i < BLOCK_COLUMNS; i++)
			to[256 + row * 4 + i % 4] |= (uint8_t)(((fifth[i] >> b) & 1) << (i / 4));
	}
}

static void place_q6_k(const uint8_t *block, size_t row, uint8_t *step)
{
	memcpy(step + row * 2, block + 208, 2);
	for (size_t b = 0; b < 8; b++) {
		const uint8_t *low = block + b / 4 * 64 + b % 2 * 32;
		const uint8_t *high = block + 128 + b / 4 * 32;
		uint8_t *to = step + STEP_HEAD_LARGE + b * 384, q[BLOCK_COLUMNS];

		step[64 + b * 32 + row] = block[192 + b * 2];
		step[64 + b * 32 + 16 + row] = block[192 + b * 2 + 1];
		for (size_t i = 0; i < BLOCK_COLUMNS; i++) {
			uint8_t upper = (high[i] >> (b % 4 * 2)) & 3;

			q[i] = (low[i] >> (b % 4 / 2 * 4)) & 15;
			to[256 + i / 16 * 64 + row * 4 + i % 4] |=
				(uint8_t)(upper << (i / 4 % 4 * 2));
		}
		place_low(q, row, to);
	}
}

/* As ggml's reference: the largest becomes 127, the rest the nearest. */
static void quantise(const float *x, uint8_t block[34])
{
	float high = 0, scale;
	uint16_t half;

	for (size_t i = 0; i < BLOCK_COLUMNS; i++)
		high = fabsf(x[i]) > high ? fabsf(x[i]) : high;
	scale = high / 127.0f;
	half = half_of(scale);
	memcpy(block, &half, sizeof(half));
	for (size_t i = 0; i < BLOCK_COLUMNS; i++) {
		float q = scale > 0 ? roundf(x[i] * (1.0f / scale)) : 0;

		block[2 + i] = (uint8_t)(int8_t)(q > -127 ? q < 127 ? q : 127 : -127);
	}
}

/* A row of plain numbers in 8 bits. */
static void fill_quantised(const struct tensor *t, size_t row, size_t in_group, uint8_t *group)
{
	size_t columns = t->dims[1], bytes = layouts[TENSOR_Q8_0].bytes;

	for (size_t c = 0; c < columns; c += BLOCK_COLUMNS) {
		size_t n = columns - c < BLOCK_COLUMNS ? columns - c : BLOCK_COLUMNS;
		float x[BLOCK_COLUMNS] = {0};
		uint8_t block[34];

		tensor_read(t, row * columns + c, n, x);
		quantise(x, block);
		place_q8_0(block, c / BLOCK_COLUMNS % 2, in_group, group + c / 64 * bytes);
	}
}

/* A row of other plain numbers, to the nearest, ties to even. */
static void fill_rounded(const struct tensor *t, size_t row, size_t in_group, uint8_t *group)
{
	size_t columns = t->dims[1], pair = layouts[TENSOR_BF16].columns;

	for (size_t c = 0; c < columns; c++) {
		float x;
		uint32_t bits;
		uint16_t half;

		tensor_read(t, row * columns + c, 1, &x);
		memcpy(&bits, &x, sizeof(bits));
		if ((bits & 0x7f800000) != 0x7f800000) /* infinite and no numbers stay such */
			bits += 0x7fff + (bits >> 16 & 1);
		half = (uint16_t)(bits >> 16);
		memcpy(group + c / pair * layouts[TENSOR_BF16].bytes +
				(in_group * pair + c % pair) * sizeof(half),
			&half, sizeof(half));
	}
}

/* A row of plain numbers as they are. */
static void fill_plain(const struct tensor *t, size_t row, size_t in_group, uint8_t *group)
{
	size_t columns = t->dims[1], size = tensor_block_bytes(t->type);
	size_t pair = layouts[t->type].columns;
	const uint8_t *from = t->bytes + row * columns * size;

	for (size_t c = 0; c < columns; c++)
		memcpy(group + c / pair * layouts[t->type].bytes +
				(in_group * pair + c % pair) * size,
			from + c * size, size);
}

static void fill_blocks(const struct tensor *t, size_t row, size_t in_group, uint8_t *group)
{
	size_t block = tensor_block(t->type), size = tensor_block_bytes(t->type);
	size_t n = t->dims[1] / block, per_step = layouts[t->type].columns / block;
	const uint8_t *from = t->bytes + row * n * size;

	for (size_t i = 0; i < n; i++, from += size) {
		uint8_t *step = group + i / per_step * layouts[t->type].bytes;

		if (t->type == TENSOR_Q8_0)
			place_q8_0(from, i % per_step, in_group, step);
		else if (t->type == TENSOR_Q4_0)
			place_q4_0(from, i % per_step, in_group, step);
		else if (t->type == TENSOR_Q6_K)
			place_q6_k(from, in_group, step);
		else
			place_k45(from, in_group, step, t->type == TENSOR_Q5_K);
	}
}

void packed_fill(
	const struct tensor *t, enum tensor_type type, size_t first, size_t last, uint8_t *out)
{
	size_t group_bytes = steps_of(type, t->dims[1]) * layouts[type].bytes;

	assert(t->n_dims == 2 && packed_fits(t->type, type));
	for (size_t g = first; g < last; g++) {
		uint8_t *group = out + g * group_bytes;

		memset(group, 0, group_bytes);
		for (size_t i = 0; i < GROUP_ROWS && g * GROUP_ROWS + i < t->dims[0]; i++) {
			size_t row = g * GROUP_ROWS + i;

			if (t->type != type && type == TENSOR_BF16)
				fill_rounded(t, row, i, group);
			else if (t->type != type)
				fill_quantised(t, row, i, group);
			else if (tensor_block(type) == 1)
				fill_plain(t, row, i, group);
			else
				fill_blocks(t, row, i, group);
		}
	}
}

/* --- reading back --- */

static size_t block_bytes(enum tensor_type type)
{
	switch (type) {
	case TENSOR_Q8_0:
		return 512;
	case TENSOR_Q5_K:
		return 320;
	case TENSOR_Q6_K:
		return 384;
	default:
		return 256;
	}
}

static int number_at(enum tensor_type type, const uint8_t *block, size_t i, size_t row)
{
	size_t at = row * 4 + i % 4;
	int low;

	if (type == TENSOR_Q8_0)
		return (int8_t)block[i / 4 * 64 + at];
	low = block[i % 16 / 4 * 64 + at] >> (i / 16 * 4) & 15;
	switch (type) {
	case TENSOR_Q4_0:
		return low - 8;
	case TENSOR_Q5_K:
		return low | (block[256 + at] >> (i / 4) & 1) << 4;
	case TENSOR_Q6_K:
		return (low | (block[256 + i / 16 * 64 + at] >> (i / 4 % 4 * 2) & 3) << 4) - 32;
	default:
		return low;
	}
}

static const uint8_t *block_at(enum tensor_type type, const uint8_t *step, size_t b)
{
	return step + (layouts[type].columns == 64 ? STEP_HEAD_SMALL : STEP_HEAD_LARGE) +
	       b * block_bytes(type);
}

void packed_block(enum tensor_type type, const uint8_t *step, size_t b,
	int16_t ret[BLOCK_COLUMNS][GROUP_ROWS])
{
	const uint8_t *block = block_at(type, step, b);

	for (size_t i = 0; i < BLOCK_COLUMNS; i++)
		for (size_t row = 0; row < GROUP_ROWS; row++)
			ret[i][row] = (int16_t)number_at(type, block, i, row);
}

void packed_scales(enum tensor_type type, const uint8_t *step, size_t b, size_t row,
	float ret_scales[2], float *ret_min)
{
	*ret_min = 0;
	if (layouts[type].columns == 64) {
		ret_scales[0] = ret_scales[1] = half_widen(half_at(step + b * 32 + row * 2));
		return;
	}
	ret_scales[0] = ret_scales[1] = half_widen(half_at(step + row * 2));
	if (type == TENSOR_Q6_K) {
		ret_scales[0] *= (float)(int8_t)step[64 + b * 32 + row];
		ret_scales[1] *= (float)(int8_t)step[64 + b * 32 + 16 + row];
		return;
	}
	ret_scales[0] = ret_scales[1] = ret_scales[0] * (float)step[64 + b * 16 + row];
	*ret_min = half_widen(half_at(step + 32 + row * 2)) * (float)step[192 + b * 16 + row];
}

/* A row's columns of one step. */
static void read_step(enum tensor_type type, const uint8_t *step, size_t row, float *ret)
{
	for (size_t b = 0; b < layouts[type].columns / BLOCK_COLUMNS; b++) {
		float scales[2], min;

		packed_scales(type, step, b, row, scales, &min);
		for (size_t i = 0; i < BLOCK_COLUMNS; i++)
			*ret++ = scales[i / 16] *
					 (float)number_at(type, block_at(type, step, b), i, row) -
				 min;
	}
}

static float plain_at(enum tensor_type type, const uint8_t *at)
{
	struct tensor one = {.type = type, .count = 1, .bytes = at};

	return tensor_at(&one, 0);
}

void packed_read(
	enum tensor_type type, const uint8_t *packed, size_t columns, size_t row, float *ret)
{
	size_t per_step = layouts[type].columns, size = tensor_block_bytes(type);
	const uint8_t *group =
		packed + row / GROUP_ROWS * steps_of(type, columns) * layouts[type].bytes;

	row %= GROUP_ROWS;
	for (size_t c = 0; c < columns; c += per_step, group += layouts[type].bytes) {
		size_t n = columns - c < per_step ? columns - c : per_step;
		float step[256];

		if (per_step > 2)
			read_step(type, group, row, step);
		for (size_t i = 0; i < n; i++)
			ret[c + i] = per_step > 2
					     ? step[i]
					     : plain_at(type, group + (row * per_step + i) * size);
	}
}
