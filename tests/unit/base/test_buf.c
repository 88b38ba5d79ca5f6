#include "base/buf.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(an_untouched_buffer_is_an_empty_string)
{
	struct buf b;

	buf_init(&b, 10);
	CHECK(b.len == 0 && b.data == NULL);
	CHECK(strcmp(buf_str(&b), "") == 0);
	buf_done(&b);
}

TEST(bytes_are_appended_and_always_followed_by_a_nul)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(buf_add(&b, "ab\0c", 4) == 0);
	CHECK(buf_add_str(&b, "def") == 0);
	CHECK(buf_addf(&b, "-%d-%s", 42, "x") == 0);
	CHECK(b.len == 12);
	CHECK(memcmp(b.data, "ab\0cdef-42-x", 13) == 0);
	buf_done(&b);
}

TEST(the_ceiling_is_exact_and_a_refused_append_changes_nothing)
{
	struct buf b;

	buf_init(&b, 8);
	CHECK(buf_add_str(&b, "12345678") == 0);
	CHECK(buf_add(&b, "9", 1) == -ENOSPC);
	CHECK(buf_addf(&b, "%d", 9) == -ENOSPC);
	CHECK(buf_add_u32(&b, 9) == -ENOSPC);
	CHECK(b.len == 8 && strcmp(buf_str(&b), "12345678") == 0);
	CHECK(buf_add(&b, "", 0) == 0);
	buf_done(&b);
}

TEST(a_length_near_the_end_of_size_t_is_refused_and_not_wrapped)
{
	struct buf b;

	buf_init(&b, 100);
	CHECK(buf_add_str(&b, "x") == 0);
	CHECK(buf_reserve(&b, SIZE_MAX) == -ENOSPC);
	CHECK(buf_reserve(&b, SIZE_MAX - 1) == -ENOSPC);
	buf_done(&b);
}

TEST(numbers_are_little_endian)
{
	struct buf b;

	buf_init(&b, 4);
	CHECK(buf_add_u32(&b, 0x11223344) == 0);
	CHECK(memcmp(b.data, "\x44\x33\x22\x11", 4) == 0);
	buf_done(&b);
}

TEST(consuming_keeps_the_tail_and_clearing_keeps_the_memory)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(buf_add_str(&b, "hello world") == 0);
	buf_consume(&b, 6);
	CHECK(strcmp(buf_str(&b), "world") == 0);
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	CHECK(b.len == 0 && strcmp(buf_str(&b), "") == 0);
	CHECK(buf_add_str(&b, "again") == 0);

	const uint8_t *before = b.data;

	buf_clear(&b);
	CHECK(b.len == 0 && b.data == before);
	buf_done(&b);
	CHECK(b.data == NULL && b.max == 4096);
}

TEST(it_grows_byte_by_byte_to_a_large_ceiling)
{
	struct buf b;

	buf_init(&b, 100000);
	for (int i = 0; i < 100000; i++) {
		uint8_t byte = (uint8_t)(i * 7);

		CHECK(buf_add(&b, &byte, 1) == 0);
	}
	for (int i = 0; i < 100000; i++)
		CHECK(b.data[i] == (uint8_t)(i * 7));
	CHECK(buf_add(&b, "x", 1) == -ENOSPC);
	buf_done(&b);
}

TEST_MAIN()
