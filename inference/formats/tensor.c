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

float tensor_at(const struct tensor *t, uint64_t i)
{
	uint32_t word;
	uint16_t half;

	assert(i < t->count && t->type != TENSOR_OTHER);
	if (t->type == TENSOR_F32) {
		memcpy(&word, t->bytes + i * 4, 4);
		return from_bits(word);
	}
	memcpy(&half, t->bytes + i * 2, 2);
	return t->type == TENSOR_F16 ? widen_f16(half) : from_bits((uint32_t)half << 16);
}

void tensor_read(const struct tensor *t, uint64_t first, uint64_t count, float *ret)
{
	for (uint64_t i = 0; i < count; i++)
		ret[i] = tensor_at(t, first + i);
}
