#include "base/range.h"

#include <errno.h>

#include "tests/support/test.h"

TEST(a_range_is_cut_to_the_file)
{
	static const struct {
		const char *text;
		uint64_t first, length;
	} cases[] = {
		{"bytes=0-0", 0, 1},
		{"bytes=0-99", 0, 100},
		{"bytes=10-", 10, 90},
		{"bytes=99-99", 99, 1},
		{"bytes=50-1000", 50, 50},
		{"bytes=0-18446744073709551616", 0, 100},
		{"bytes=-1", 99, 1},
		{"bytes=-1000", 0, 100},
		{"Bytes= 4-5 ", 4, 2},
	};
	struct range r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(range_parse(cases[i].text, 100, &r) == 0);
		CHECK(r.partial && r.first == cases[i].first && r.length == cases[i].length);
	}
}

TEST(what_is_no_single_range_of_bytes_gets_the_whole_file)
{
	static const char *const cases[] = {NULL, "", "bytes", "bytes=", "bytes=-", "bytes=a-b",
		"bytes=5-4", "bytes=+1-2", "bytes=1-2,4-5", "bytes=1-2x", "bytes=--1", "bytes=1",
		"lines=1-2", "bytes=-1,", "bytes=0x1-2", "bytes=1 -2"};
	struct range r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(range_parse(cases[i], 100, &r) == 0);
		CHECK(!r.partial && r.first == 0 && r.length == 100);
	}
}

TEST(outside_the_file_is_refused)
{
	struct range r;

	CHECK(range_parse("bytes=100-", 100, &r) == -ERANGE);
	CHECK(range_parse("bytes=18446744073709551616-", 100, &r) == -ERANGE);
	CHECK(range_parse("bytes=-0", 100, &r) == -ERANGE);
	CHECK(range_parse("bytes=0-", 0, &r) == -ERANGE);
	CHECK(range_parse("bytes=-5", 0, &r) == -ERANGE);
}

TEST_MAIN()
