#include "inference/formats/tensor.h"

#include <errno.h>

#include <math.h>

#include "inference/formats/weights.h"
#include "tests/support/test.h"

#define F16_ONE 0x3c00
#define F16_HALF 0x3800
#define F16_TWO 0x4000

static void put_f16(uint8_t *at, uint16_t bits)
{
	memcpy(at, &bits, sizeof(bits));
}

static struct tensor one_block(enum tensor_type type, const uint8_t *bytes)
{
	uint64_t n = tensor_block(type);

	return (struct tensor){"x", type, 1, {n}, n, bytes};
}

TEST(q8_0_is_scale_times_signed_byte)
{
	uint8_t b[34] = {0};
	struct tensor t = one_block(TENSOR_Q8_0, b);

	put_f16(b, F16_HALF);
	b[2] = 127;
	b[3] = 0x80;
	b[33] = 0xff;
	CHECK(tensor_at(&t, 0) == 63.5f && tensor_at(&t, 1) == -64.0f);
	CHECK(tensor_at(&t, 2) == 0 && tensor_at(&t, 31) == -0.5f);
	CHECK(tensor_bytes(&t) == sizeof(b));
}

TEST(q4_0_has_its_first_half_in_low_bits_and_eight_is_zero)
{
	uint8_t b[18] = {0};
	struct tensor t = one_block(TENSOR_Q4_0, b);

	memset(b + 2, 0x88, 16);
	put_f16(b, F16_TWO);
	b[2] = 0xf0; /* element 0: 0 - 8, element 16: 15 - 8 */
	CHECK(tensor_at(&t, 0) == -16 && tensor_at(&t, 16) == 14);
	CHECK(tensor_at(&t, 1) == 0 && tensor_at(&t, 31) == 0);
}

/* Scales of 6 bits: run 1 wholly in the first bytes, run 6 from two places. */
static void put_scales(uint8_t *b)
{
	put_f16(b, F16_ONE);
	put_f16(b + 2, F16_HALF);
	b[4 + 1] = 33;            /* run 1: scale 33 */
	b[4 + 5] = 10;            /* run 1: minimum 10, half of it 5 */
	b[4 + 10] = 0x5 | 3 << 4; /* run 6: low bits of scale 5 and minimum 3 */
	b[4 + 2] = 2 << 6;        /* run 6: high bits of scale 2: 2 * 16 + 5 = 37 */
	b[4 + 6] = 1 << 6;        /* run 6: high bits of minimum 1: 16 + 3 = 19 */
}

TEST(q4_k_has_six_bit_scales_and_minima_in_twelve_bytes)
{
	uint8_t b[144] = {0};
	struct tensor t = one_block(TENSOR_Q4_K, b);

	put_scales(b);
	b[16 + 7] = 0xa0;          /* run 1, element 7: 10 */
	b[16 + 3 * 32 + 31] = 0xc; /* run 6, element 31: 12 */
	CHECK(tensor_at(&t, 0) == 0);
	CHECK(tensor_at(&t, 32 + 7) == 33 * 10 - 5 && tensor_at(&t, 32 + 8) == -5);
	CHECK(tensor_at(&t, 6 * 32 + 31) == 37 * 12 - 9.5f);
	CHECK(tensor_at(&t, 6 * 32) == -9.5f && tensor_at(&t, 7 * 32) == 0);
}

TEST(q5_k_adds_a_fifth_bit_per_run)
{
	uint8_t b[176] = {0};
	struct tensor t = one_block(TENSOR_Q5_K, b);

	put_scales(b);
	b[16 + 7] = 1 << 1;  /* fifth bit of run 1, element 7 */
	b[16 + 31] = 1 << 6; /* of run 6, element 31 */
	b[48 + 7] = 0xa0;
	CHECK(tensor_at(&t, 32 + 7) == 33 * 26 - 5);
	CHECK(tensor_at(&t, 6 * 32 + 31) == 37 * 16 - 9.5f);
	CHECK(tensor_at(&t, 6 * 32 + 30) == -9.5f);
}

TEST(q6_k_has_sixteen_signed_scales_and_thirty_two_is_zero)
{
	uint8_t b[210] = {0};
	struct tensor t = one_block(TENSOR_Q6_K, b);

	put_f16(b + 208, F16_HALF);
	for (int i = 0; i < 16; i++)
		b[192 + i] = (uint8_t)(i - 8);
	/* Second half, run 3, element 5: 128 + 96 + 5 = 229, scale 229 / 16 = 14: 6. */
	b[64 + 32 + 5] = 0xb0;
	b[128 + 32 + 5] = 2 << 6;
	CHECK(tensor_at(&t, 229) == 0.5f * 6 * (11 + 32 - 32));
	CHECK(tensor_at(&t, 230) == 0.5f * 6 * -32);
	CHECK(tensor_at(&t, 0) == 0.5f * -8 * -32);
	CHECK(tensor_at(&t, 16 * 8) == 0);
}

TEST(a_read_may_begin_and_end_inside_blocks)
{
	uint8_t b[3 * 34];
	float all[96], part[50];
	struct tensor t = {"x", TENSOR_Q8_0, 1, {96}, 96, b};

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37);
	for (int i = 0; i < 3; i++)
		put_f16(b + 34 * i, (uint16_t)(F16_HALF + i));
	tensor_read(&t, 0, 96, all);
	tensor_read(&t, 30, 50, part);
	CHECK(!memcmp(all + 30, part, sizeof(part)));
	for (uint64_t i = 0; i < 96; i++)
		CHECK(tensor_at(&t, i) == all[i]);
}

TEST(what_is_no_number_is_found_in_every_type)
{
	/* Where a scale or number stands in the block, and its bits that are no number. */
	static const struct row {
		enum tensor_type type;
		size_t at;
		uint32_t bits;
		size_t n;
	} rows[] = {
		{TENSOR_F32, 0, 0x7f800000, 4},
		{TENSOR_F32, 0, 0xffc00000, 4},
		{TENSOR_F16, 0, 0xfc00, 2},
		{TENSOR_F16, 0, 0x7e01, 2},
		{TENSOR_BF16, 0, 0xff80, 2},
		{TENSOR_Q8_0, 0, 0x7c00, 2},
		{TENSOR_Q4_0, 0, 0x7e00, 2},
		{TENSOR_Q4_K, 0, 0x7c00, 2},
		{TENSOR_Q4_K, 2, 0xfc00, 2},
		{TENSOR_Q5_K, 2, 0x7c00, 2},
		{TENSOR_Q6_K, 208, 0xfe00, 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint64_t block = tensor_block_bytes(row->type), n = tensor_block(row->type);
		uint8_t b[3 * 256] = {0};
		struct tensor t = {"x", row->type, 1, {3 * n}, 3 * n, b};

		CHECK(tensor_is_finite(&t));
		memcpy(b + 2 * block + row->at, &row->bits, row->n);
		CHECK(!tensor_is_finite(&t));
	}
}

static void free_nothing(void *file)
{
	(*(int *)file)++;
}

TEST(weights_of_two_files_are_found_and_a_name_may_come_once)
{
	static const struct tensor first[] = {{.name = "c", .count = 3}, {.name = "a", .count = 1}};
	static const struct tensor second[] = {{.name = "b", .count = 2}};
	struct weights *w = weights_new();
	struct err e = {0};
	int freed = 0;

	CHECK(w && weights_add(w, first, 2, 10, &freed, free_nothing, &e) == 0);
	CHECK(weights_add(w, first + 1, 1, 10, &freed, free_nothing, &e) == -EBADMSG);
	CHECK(strstr(e.text, "'a' is there twice"));
	CHECK(weights_add(w, second, 1, 20, &freed, free_nothing, &e) == 0);
	CHECK(weights_count(w) == 3 && weights_bytes(w) == 30 && weights_parameters(w) == 6);
	for (size_t i = 0; i < 3; i++)
		CHECK(weights_at(w, i)->count == i + 1);
	CHECK(weights_find(w, "b")->count == 2 && !weights_find(w, "d"));
	weights_free(w);
	CHECK(freed == 2);
}

TEST_MAIN()
