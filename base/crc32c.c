#include "base/crc32c.h"

#include <stdbool.h>

#define POLYNOMIAL_REVERSED 0x82F63B78u

static uint32_t table[256];

static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v >> 1 ^ (v & 1 ? POLYNOMIAL_REVERSED : 0);
		table[i] = v;
	}
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
	if (!table[1])
		fill_table();
	while (n--)
		crc = crc >> 8 ^ table[(uint8_t)crc ^ *p++];
	return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(
	uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t wide = crc;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	while (n--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t n)
{
	return crc_by_table(crc, p, n);
}

static bool has_instruction(void)
{
	return false;
}
#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
	return ~(has_instruction() ? crc_by_instruction(~crc, bytes, n)
				   : crc_by_table(~crc, bytes, n));
}
