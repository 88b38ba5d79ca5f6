#include "gateway/call/slice.h"

#include "tests/support/test.h"

static struct slice text(const char *s)
{
	return slice_of(s, strlen(s));
}

static bool equals(struct slice s, const char *expected)
{
	return s.n == strlen(expected) && !memcmp(s.at, expected, s.n);
}

TEST(elements_are_cut_at_commas_outside_of_strings_and_brackets)
{
	struct slice_walk w;
	struct slice v;

	CHECK(slice_walk_begin(text(" [1, \"a,]\\\"\" , [2,[3]], {\"k\":4} ] "), &w) && !w.object);
	CHECK(slice_walk_next(&w, NULL, &v) && equals(v, "1"));
	CHECK(slice_walk_next(&w, NULL, &v) && equals(v, "\"a,]\\\"\""));
	CHECK(slice_walk_next(&w, NULL, &v) && equals(v, "[2,[3]]"));
	CHECK(slice_walk_next(&w, NULL, &v) && equals(v, "{\"k\":4}"));
	CHECK(!slice_walk_next(&w, NULL, &v));
	CHECK(slice_count(text("[]")) == 0 && slice_count(text("[[]]")) == 1);
	CHECK(slice_count(text("3")) == 0);
}

TEST(the_last_member_of_a_name_counts)
{
	struct slice o = text("{\"a\":1,\"b\" : {\"a\":2}, \"a\": [3] }");

	CHECK(equals(slice_member(o, "a"), "[3]"));
	CHECK(equals(slice_member(slice_member(o, "b"), "a"), "2"));
	CHECK(slice_is_null(slice_member(o, "c")) && !slice_member(text("[]"), "a").at);
}

TEST(texts_and_numbers_are_taken_within_their_bounds)
{
	char t[4];
	uint64_t n;

	CHECK(slice_text(text("\"abc\""), t, sizeof(t)) && !strcmp(t, "abc"));
	CHECK(!slice_text(text("\"abcd\""), t, sizeof(t)));
	CHECK(!slice_text(text("\"a\\n\""), t, sizeof(t)));
	CHECK(!slice_text(text("12"), t, sizeof(t)));
	CHECK(slice_number(text("12"), 12, &n) && n == 12);
	CHECK(!slice_number(text("13"), 12, &n) && !slice_number(text("-1"), 12, &n));
	CHECK(!slice_number(text("\"1\""), 12, &n) && !slice_number(text("1.0"), 12, &n));
	CHECK(!slice_number(text("18446744073709551617"), UINT64_MAX, &n));
}

TEST_MAIN()
