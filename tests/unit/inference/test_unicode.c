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

static void check(enum unicode_form form, const char *in, const char *out)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 4096);
	CHECK(unicode_add_form(&b, form, in, strlen(in)) == 0);
	CHECK(!strcmp(buf_str(&b), out));
}

TEST(normal_forms)
{
	check(UNICODE_NFD, "caf\xc3\xa9", "cafe\xcc\x81");
	check(UNICODE_NFC, "cafe\xcc\x81", "caf\xc3\xa9");
	check(UNICODE_NFD, "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8"); /* 각 */
	check(UNICODE_NFC, "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81");
	/* Marks are put in order: below (220) before above (230). */
	check(UNICODE_NFD, "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87");
	check(UNICODE_NFC, "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87");
	check(UNICODE_NFC, "d\xcc\x87\xcc\xa3", "\xe1\xb8\x8d\xcc\x87"); /* ḍ + dot above */
	/* The code point before the first final consonant is none. */
	check(UNICODE_NFC, "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa7", "\xea\xb0\x80\xe1\x86\xa7");
	check(UNICODE_NFC, "\xe1\x86\xa7\xea\xb0\x80\xe1\x86\xa7",
		"\xe1\x86\xa7\xea\xb0\x80\xe1\x86\xa7");
	/* A composition exclusion stays apart. */
	check(UNICODE_NFC, "\xe0\xa4\x95\xe0\xa4\xbc", "\xe0\xa4\x95\xe0\xa4\xbc");
	check(UNICODE_NFD, "", "");
}

TEST(compatibility_forms_replace_letters_of_the_same_meaning)
{
	check(UNICODE_NFKC, "\xef\xac\x81\xc2\xb2", "fi2");      /* ligature, superscript */
	check(UNICODE_NFKC, "\xef\xbc\xa1\xcc\x8a", "\xc3\x85"); /* full-width A, ring: Å */
	check(UNICODE_NFKD, "\xc3\x85 \xef\xac\x81", "A\xcc\x8a fi");
	check(UNICODE_NFC, "\xef\xac\x81", "\xef\xac\x81");
	/* The longest: one code point, 18 after it. */
	check(UNICODE_NFKD, "\xef\xb7\xba",
		"\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 "
		"\xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 \xd9\x88\xd8\xb3\xd9\x84\xd9\x85");
}

/* As many as a text may hold, first above, then below: swapping neighbours would take minutes. */
TEST(a_long_run_of_marks_is_put_in_order)
{
	CLEANUP(buf_done) struct buf in, out;
	size_t n = 500000;

	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < n; i++)
		CHECK(buf_add(&in, i < n / 2 ? "\xcc\x87" : "\xcc\xa3", 2) == 0);
	CHECK(unicode_add_form(&out, UNICODE_NFD, buf_str(&in), in.len) == 0);
	CHECK(out.len == in.len && !memcmp(out.data, in.data + n, n) &&
		!memcmp(out.data + n, in.data, n));
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
