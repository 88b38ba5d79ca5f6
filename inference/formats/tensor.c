#include "inference/formats/tensor.h"

#include <assert.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float widen_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t exponent = (h >> 10) & 0x1f, fraction = h & 0x3ff;

	if (exponent == 0x1f)
		return from_bits(sign | 0x7f800000 | fraction << 13);
	if (exponent == 0) {
		float tiny = (float)fraction * 0x1p-24f;

		return sign ? -tiny : tiny;
	}
	return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static uint16_t read_u16(const uint8_t *at)
{
	uint16_t half;

	memcpy(&half, at, sizeof(half));
	return half;
}

static float read_f16(const uint8_t *at)
{
	return widen_f16(read_u16(at));
}

/* --- blocks --- */

static void decode_f32(const uint8_t *b, float *y)
{
	memcpy(y, b, sizeof(*y));
}

static void decode_f16(const uint8_t *b, float *y)
{
	*y = read_f16(b);
}

static void decode_bf16(const uint8_t *b, float *y)
{
	*y = from_bits((uint32_t)read_u16(b) << 16);
}

static void decode_q8_0(const uint8_t *b, float *y)
{
	float d = read_f16(b);

	for (int i = 0; i < 32; i++)
		y[i] = (float)(int8_t)b[2 + i] * d;
}

static void decode_q4_0(const uint8_t *b, float *y)
{
	float d = read_f16(b);

	for (int i = 0; i < 16; i++) {
		y[i] = (float)((b[2 + i] & 15) - 8) * d;
		y[i + 16] = (float)((b[2 + i] >> 4) - 8) * d;
	}
}

/* The i-th of 8 scales and minima, 6 bits each: the last 4 have their high bits in the first. */
static void read_scale(const uint8_t *s, int i, int *scale, int *minimum)
{
	if (i < 4) {
		*scale = s[i] & 63;
		*minimum = s[i + 4] & 63;
	} else {
		*scale = (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
		*minimum = s[i + 4] >> 4 | (s[i] >> 6) << 4;
	}
}

/* high: the fifth bits, NULL for Q4_K. Bytes of 32 hold two runs of 32: low halves, then high. */
static void decode_k(const uint8_t *b, const uint8_t *high, const uint8_t *low, float *y)
{
	float d = read_f16(b), dmin = read_f16(b + 2);

	for (int run = 0; run < 8; run++) {
		int scale, minimum;
		float ds, dm;

		read_scale(b + 4, run, &scale, &minimum);
		ds = d * (float)scale;
		dm = dmin * (float)minimum;
		for (int i = 0; i < 32; i++) {
			int q = low[run / 2 * 32 + i] >> (run % 2 * 4) & 15;

			if (high)
				q |= (high[i] >> run & 1) << 4;
			y[run * 32 + i] = ds * (float)q - dm;
		}
	}
}

static void decode_q4_k(const uint8_t *b, float *y)
{
	decode_k(b, NULL, b + 16, y);
}

static void decode_q5_k(const uint8_t *b, float *y)
{
	decode_k(b, b + 16, b + 48, y);
}

/* Two halves of 128; in each, 64 low bytes and 32 high bytes hold four runs of 32. */
static void decode_q6_k(const uint8_t *b, float *y)
{
	const int8_t *scales = (const int8_t *)b + 192;
	float d = read_f16(b + 208);

	for (int i = 0; i < 256; i++) {
		int half = i / 128, run = i / 32 % 4, at = i % 32;
		int low = b[half * 64 + run % 2 * 32 + at] >> (run / 2 * 4) & 15;
		int high = b[128 + half * 32 + at] >> (run * 2) & 3;

		y[i] = d * (float)scales[i / 16] * (float)((low | high << 4) - 32);
	}
}

static const struct type_row {
	const char *name;
	uint32_t elements, bytes;
	void (*decode)(const uint8_t *block, float *ret);
	int halves[2]; /* where a block's f16 scales stand; -1: none */
} types[TENSOR_TYPES] = {
	[TENSOR_F32] = {"F32", 1, 4, decode_f32, {-1, -1}},
	[TENSOR_F16] = {"F16", 1, 2, decode_f16, {0, -1}},
	[TENSOR_BF16] = {"BF16", 1, 2, decode_bf16, {-1, -1}},
	[TENSOR_Q8_0] = {"Q8_0", 32, 34, decode_q8_0, {0, -1}},
	[TENSOR_Q4_0] = {"Q4_0", 32, 18, decode_q4_0, {0, -1}},
	[TENSOR_Q4_K] = {"Q4_K", 256, 144, decode_q4_k, {0, 2}},
	[TENSOR_Q5_K] = {"Q5_K", 256, 176, decode_q5_k, {0, 2}},
	[TENSOR_Q6_K] = {"Q6_K", 256, 210, decode_q6_k, {208, -1}},
};

const char *tensor_type_name(enum tensor_type type)
{
	return type < TENSOR_TYPES ? types[type].name : "other";
}

uint32_t tensor_block(enum tensor_type type)
{
	assert(type < TENSOR_TYPES);
	return types[type].elements;
}

uint32_t tensor_block_bytes(enum tensor_type type)
{
	assert(type < TENSOR_TYPES);
	return types[type].bytes;
}

uint64_t tensor_bytes(const struct tensor *t)
{
	return t->count / tensor_block(t->type) * tensor_block_bytes(t->type);
}

float tensor_at(const struct tensor *t, uint64_t i)
{
	float y;

	tensor_read(t, i, 1, &y);
	return y;
}

void tensor_read(const struct tensor *t, uint64_t first, uint64_t count, float *ret)
{
	const struct type_row *type;
	float y[TENSOR_BLOCK_MAX];

	assert(t->type < TENSOR_TYPES && first <= t->count && count <= t->count - first);
	type = &types[t->type];
	while (count > 0) {
		const uint8_t *block = t->bytes + first / type->elements * type->bytes;
		uint64_t from = first % type->elements, n = type->elements - from;

		if (n > count)
			n = count;
		if (n == type->elements) {
			type->decode(block, ret);
		} else {
			type->decode(block, y);
			memcpy(ret, y + from, n * sizeof(*ret));
		}
		ret += n;
		first += n;
		count -= n;
	}
}

/* An exponent of all ones is no number in any of the three. */
static bool is_finite_f32(const uint8_t *at, uint64_t n)
{
	uint32_t worst = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, at + i * 4, 4);
		bits &= 0x7f800000;
		worst = bits > worst ? bits : worst;
	}
	return worst != 0x7f800000;
}

static bool is_finite_half(const uint8_t *at, uint64_t n, uint64_t stride, uint16_t exponent)
{
	uint16_t worst = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint16_t bits = read_u16(at + i * stride) & exponent;

		worst = bits > worst ? bits : worst;
	}
	return worst != exponent;
}

bool tensor_is_finite(const struct tensor *t)
{
	const struct type_row *type = &types[t->type];
	uint64_t blocks = t->count / type->elements;

	assert(t->type < TENSOR_TYPES);
	if (t->type == TENSOR_F32)
		return is_finite_f32(t->bytes, t->count);
	if (t->type == TENSOR_BF16)
		return is_finite_half(t->bytes, t->count, 2, 0x7f80);
	for (int i = 0; i < 2; i++)
		if (type->halves[i] >= 0 &&
			!is_finite_half(t->bytes + type->halves[i], blocks, type->bytes, 0x7c00))
			return false;
	return true;
}
