#include "gateway/stream/sse.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(bytes_are_one_event_with_the_number_of_the_last)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *data;
	} cases[] = {{"", 0, ""}, {"f", 1, "Zg=="}, {"fo", 2, "Zm8="}, {"foo", 3, "Zm9v"},
		{"foob", 4, "Zm9vYg=="}, {"fooba", 5, "Zm9vYmE="}, {"foobar", 6, "Zm9vYmFy"},
		{"\xff\xfe\x00\n", 4, "//4ACg=="}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char want[64];
		struct buf b;

		(void)snprintf(want, sizeof(want), "id: %zu\ndata: %s\n\n", i, cases[i].data);
		buf_init(&b, 4096);
		CHECK(sse_write_bytes(&b, i, (const uint8_t *)cases[i].bytes, cases[i].n) == 0);
		CHECK(!strcmp(buf_str(&b), want) && b.len == strlen(want));
		buf_done(&b);
	}
}

TEST(an_event_that_does_not_fit_is_not_written)
{
	static const uint8_t bytes[300];
	struct buf b;

	buf_init(&b, 256);
	CHECK(sse_write_bytes(&b, 1, bytes, sizeof(bytes)) == -ENOSPC);
	CHECK(b.len == 0);
	buf_done(&b);
}

TEST(a_stream_begins_with_what_gets_it_through_small_buffers)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(sse_write_open(&b) == 0);
	CHECK(b.len > 2048 && buf_str(&b)[0] == ':');
	CHECK(!strcmp(buf_str(&b) + b.len - strlen("\nevent: open\ndata:\n\n"),
		"\nevent: open\ndata:\n\n"));
	buf_clear(&b);
	CHECK(sse_write_beat(&b) == 0 && sse_write_end(&b) == 0);
	CHECK(!strcmp(buf_str(&b), ":\n\nevent: end\ndata:\n\n"));
	buf_done(&b);
}

TEST_MAIN()
