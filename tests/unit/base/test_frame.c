#include "base/frame.h"

#include <errno.h>

#include "tests/support/test.h"

static struct frame sample(const void *value, size_t n)
{
	return (struct frame){.type = 0x32,
		.op = 0x7f,
		.channel = 0x01020304,
		.node = 0xfffffffe,
		.seq = 0x80000001,
		.value = value,
		.length = n};
}

TEST(a_frame_reads_back_as_it_was_written)
{
	struct frame in = sample("hello", 5), out;
	struct buf b;

	buf_init(&b, FRAME_PACKET_MAX);
	CHECK(frame_write(&b, &in) == 0);
	CHECK(b.len == FRAME_HEADER + 5);
	CHECK(frame_read(&out, b.data, b.len, NULL) == (int)b.len);
	CHECK(out.type == in.type && out.op == in.op && !out.more);
	CHECK(out.channel == in.channel && out.node == in.node && out.seq == in.seq);
	CHECK(out.length == 5 && memcmp(out.value, "hello", 5) == 0);
	buf_done(&b);
}

TEST(the_bytes_are_those_of_the_header_comment)
{
	static const uint8_t want[] = {5, 0, 0x32, 0x7f, 4, 3, 2, 1, 0xfe, 0xff, 0xff, 0xff, 1, 0,
		0, 0x80, 'h', 'e', 'l', 'l', 'o'};
	struct frame in = sample("hello", 5);
	struct buf b;

	buf_init(&b, FRAME_PACKET_MAX);
	CHECK(frame_write(&b, &in) == 0);
	CHECK(b.len == sizeof(want) && memcmp(b.data, want, sizeof(want)) == 0);
	buf_done(&b);
}

TEST(every_truncation_is_refused)
{
	struct frame in = sample("hello", 5), out;
	struct buf b;

	buf_init(&b, FRAME_PACKET_MAX);
	CHECK(frame_write(&b, &in) == 0);
	for (size_t n = 0; n < b.len; n++) {
		struct err e = {0};

		CHECK(frame_read(&out, b.data, n, &e) == -EBADMSG);
		CHECK(strncmp(e.text, "frame ", 6) == 0);
	}
	buf_done(&b);
}

TEST(a_length_over_the_limit_is_refused_before_the_bytes_are_looked_at)
{
	uint8_t head[FRAME_HEADER] = {0xff, 0xff};
	struct err e = {0};
	struct frame out;

	CHECK(frame_read(&out, head, sizeof(head), &e) == -EBADMSG);
	CHECK(strstr(e.text, "over the limit"));
}

TEST(a_full_buffer_refuses_a_split_value_as_a_whole)
{
	static uint8_t value[2 * FRAME_VALUE_MAX];
	struct frame in = sample(value, sizeof(value));
	struct buf b;

	buf_init(&b, FRAME_PACKET_MAX + 100);
	CHECK(frame_write(&b, &in) == -ENOSPC);
	CHECK(b.len == 0);
	buf_done(&b);
}

/* Writes n bytes, reads all frames back through a joiner, compares. */
static void round_trip(size_t n)
{
	uint8_t *value = malloc(n ? n : 1);
	struct frame_joiner j;
	struct frame in = sample(value, n), out = {0};
	struct buf b;
	size_t at = 0;
	int whole = 0;

	CHECK(value);
	for (size_t i = 0; i < n; i++)
		value[i] = (uint8_t)(i ^ i >> 8);
	buf_init(&b, 1 << 20);
	frame_joiner_init(&j);
	CHECK(frame_write(&b, &in) == 0);
	while (at < b.len) {
		int used = frame_read(&out, b.data + at, b.len - at, NULL);

		CHECK(used > 0 && whole == 0);
		at += (size_t)used;
		whole = frame_join(&j, &out, n, NULL);
		CHECK(whole >= 0);
	}
	CHECK(whole == 1 && out.length == n && out.op == in.op);
	CHECK(n == 0 || memcmp(out.value, value, n) == 0);
	frame_joiner_done(&j);
	buf_done(&b);
	free(value);
}

TEST(values_around_every_border_survive_splitting_and_joining)
{
	round_trip(0);
	round_trip(1);
	round_trip(FRAME_VALUE_MAX - 1);
	round_trip(FRAME_VALUE_MAX);
	round_trip(FRAME_VALUE_MAX + 1);
	round_trip(3 * FRAME_VALUE_MAX);
	round_trip(3 * FRAME_VALUE_MAX + 17);
}

TEST(a_joined_value_has_an_exact_limit)
{
	struct frame_joiner j;
	struct frame f = sample("12345", 5);
	struct err e = {0};

	frame_joiner_init(&j);
	f.more = true;
	CHECK(frame_join(&j, &f, 10, &e) == 0);
	f = sample("67890", 5);
	CHECK(frame_join(&j, &f, 10, &e) == 1);
	CHECK(f.length == 10 && memcmp(f.value, "1234567890", 10) == 0);

	f = sample("12345", 5);
	f.more = true;
	CHECK(frame_join(&j, &f, 9, &e) == 0);
	f = sample("67890", 5);
	CHECK(frame_join(&j, &f, 9, &e) == -EMSGSIZE);
	CHECK(strstr(e.text, "limit of 9 bytes"));
	frame_joiner_done(&j);
}

TEST(a_single_frame_over_the_limit_of_its_type_is_refused)
{
	struct frame_joiner j;
	struct frame f = sample("12345", 5);

	frame_joiner_init(&j);
	CHECK(frame_join(&j, &f, 4, NULL) == -EMSGSIZE);
	frame_joiner_done(&j);
}

TEST(another_run_may_not_begin_inside_one)
{
	struct frame_joiner j;
	struct frame f = sample("12345", 5);

	frame_joiner_init(&j);
	f.more = true;
	CHECK(frame_join(&j, &f, 100, NULL) == 0);
	f = sample("x", 1);
	f.channel++;
	CHECK(frame_join(&j, &f, 100, NULL) == -EBADMSG);
	f = sample("x", 1);
	f.type++;
	CHECK(frame_join(&j, &f, 100, NULL) == -EBADMSG);
	frame_joiner_done(&j);
}

TEST_MAIN()
