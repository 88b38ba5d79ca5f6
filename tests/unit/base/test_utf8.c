#include "base/utf8.h"

#include "tests/support/test.h"

TEST(a_well_formed_sequence_has_its_length)
{
	static const char *const good[] = {"a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t n = strlen(good[i]);

		CHECK(utf8_length((const unsigned char *)good[i], n) == n);
		/* Cut short, it is none; nothing past the end is looked at. */
		if (n > 1)
			CHECK(utf8_length((const unsigned char *)good[i], n - 1) == 0);
	}
}

TEST(overlong_forms_surrogates_and_what_lies_above_are_none)
{
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
		"\xc2\x41"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(utf8_length((const unsigned char *)bad[i], strlen(bad[i])) == 0);
}

TEST(scrubbing_keeps_text_and_replaces_the_rest)
{
	char s[] = "caf\xc3\xa9\t\x1b[2J \xff\x7f \xc2\x9b\xc2\xa0";

	utf8_scrub(s, sizeof(s) - 1);
	CHECK(!strcmp(s, "caf\xc3\xa9\t [2J ?    \xc2\xa0"));
}

TEST(scrubbing_takes_the_controls_that_are_not_ascii_and_nothing_beside_them)
{
	char s[] = "\xc2\x9b\xc2\xa0\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf\xe2\x81\xa6";

	utf8_scrub(s, sizeof(s) - 1);
	CHECK(!strcmp(s, "  \xc2\xa0\xe2\x80\xa9      \xe2\x80\xaf   "));
}

TEST(a_text_is_cut_between_characters_and_where_it_stops_being_text)
{
	CHECK(utf8_cut("a\xe2\x82\xac"
		       "b",
		      5, 9) == 5);
	CHECK(utf8_cut("a\xe2\x82\xac"
		       "b",
		      5, 4) == 4);
	CHECK(utf8_cut("a\xe2\x82\xac"
		       "b",
		      5, 3) == 1);
	CHECK(utf8_cut("a\xe2\x82\xac", 3, 9) == 1);
	CHECK(utf8_cut("a\xff", 2, 9) == 1);
	CHECK(utf8_cut("", 0, 9) == 0 && utf8_cut("\xc3\xa9", 2, 0) == 0);
}

TEST_MAIN()
