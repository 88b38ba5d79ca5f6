#include "inference/tokenizers/unicode.h"

#include "tests/support/test.h"

TEST(utf8_takes_whole_valid_characters_only)
{
	uint32_t c;

	CHECK(utf8_read("a", 1, &c) == 1 && c == 'a');
	CHECK(utf8_read("\xc3\xa9", 2, &c) == 2 && c == 0xe9);
	CHECK(utf8_read("\xf0\x9f\x98\x80", 4, &c) == 4 && c == 0x1f600);
	CHECK(utf8_read("\xf0\x9f\x98", 3, &c) == 0);
	CHECK(utf8_read("\xf0\x9f", 2, &c) == 0);
	CHECK(utf8_read("", 0, &c) == 0);
	CHECK(utf8_read("\x80", 1, &c) == -1);
	CHECK(utf8_read("\xc0\x80", 2, &c) == -1);         /* over-long */
	CHECK(utf8_read("\xe0\x80\x80", 3, &c) == -1);     /* over-long */
	CHECK(utf8_read("\xed\xa0\x80", 3, &c) == -1);     /* surrogate */
	CHECK(utf8_read("\xf4\x90\x80\x80", 4, &c) == -1); /* over U+10FFFF */
	CHECK(utf8_read("\xf5\x80\x80\x80", 4, &c) == -1);
	CHECK(utf8_read("\xe2\x28\xa1", 3, &c) == -1);
	CHECK(utf8_valid("na\xc3\xafve", 6) && !utf8_valid("na\xc3", 3));
}

TEST(writing_and_reading_agree_on_every_character)
{
	for (uint32_t c = 0; c < 0x110000; c++) {
		char bytes[4];
		uint32_t back;
		size_t n;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = utf8_write(c, bytes);
		CHECK(utf8_read(bytes, n, &back) == (int)n && back == c);
		for (size_t part = 1; part < n; part++)
			CHECK(utf8_read(bytes, part, &back) == 0);
	}
}

TEST(properties_of_known_characters)
{
	CHECK(unicode_is_space(' ') && unicode_is_space(0x3000) && !unicode_is_space(0x200b));
	CHECK(unicode_is_punctuation('!') && unicode_is_punctuation(0x2014) &&
		!unicode_is_punctuation('$') && !unicode_is_punctuation('a'));
	CHECK(unicode_is_nonspacing(0x301) && !unicode_is_nonspacing('e'));
	CHECK(unicode_is_other(0) && unicode_is_other(0x200d) && unicode_is_other(0x10fffd) &&
		!unicode_is_other('x') && !unicode_is_other(0x10ffff));
	CHECK(unicode_is_number('7') && unicode_is_number(0xbd) && !unicode_is_number('x'));
	CHECK(unicode_is_ideograph(0x65e5) && !unicode_is_ideograph(0x3042));
}

static void check(int (*form)(struct buf *, const char *, size_t), const char *in, const char *out)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	CHECK(form(&b, in, strlen(in)) == 0);
	CHECK(!strcmp(buf_str(&b), out));
}

TEST(normal_forms)
{
	check(unicode_add_nfd, "caf\xc3\xa9", "cafe\xcc\x81");
	check(unicode_add_nfc, "cafe\xcc\x81", "caf\xc3\xa9");
	check(unicode_add_nfd, "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"); /* 각 */
	check(unicode_add_nfc, "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81");
	/* Marks are put in order: below (220) before above (230). */
	check(unicode_add_nfd, "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87");
	check(unicode_add_nfc, "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87");
	check(unicode_add_nfc, "d\xcc\x87\xcc\xa3", "\xe1\xb8\x8d\xcc\x87"); /* ḍ + dot above */
	/* A composition exclusion stays apart. */
	check(unicode_add_nfc, "\xe0\xa4\x95\xe0\xa4\xbc", "\xe0\xa4\x95\xe0\xa4\xbc");
	check(unicode_add_nfd, "", "");
}

TEST(lower_case_may_be_two_characters)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 64);
	CHECK(unicode_add_lower(&b, 0x130) == 0 && unicode_add_lower(&b, 0xc5) == 0 &&
		unicode_add_lower(&b, '!') == 0);
	CHECK(!strcmp(buf_str(&b), "i\xcc\x87\xc3\xa5!"));
}

TEST_MAIN()
