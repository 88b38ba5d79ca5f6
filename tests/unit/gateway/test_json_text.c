#include "gateway/session/json_text.h"

#include "base/json.h"
#include "tests/support/test.h"

static bool valid(const char *text)
{
	return json_text_valid((const uint8_t *)text, strlen(text));
}

TEST(what_json_is_passes)
{
	static const char *const good[] = {"null", " true ", "0", "-0.5e+3", "1E9", "\"\"",
		"\"\\u00e4\\n\\\"\"", "\"\\ud83d\\ude00\"",
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"", "[]", "[1,[2],{}]",
		"{\"a\":{\"b\":[null]},\"c\":\"\"}", "[ 1 , 2 ]"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(valid(good[i]));
}

TEST(what_it_is_not_does_not)
{
	static const char *const bad[] = {"", " ", "nul", "01", "1.", ".5", "1e", "+1", "--1", "\"",
		"\"\\x\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\u0000\"", "\"a\nb\"",
		"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc3\"",
		"[", "[1,]", "[,1]", "[1 2]", "{", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"1 2", "[1]]", "NaN", "'a'"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!valid(bad[i]));
	CHECK(!json_text_valid((const uint8_t *)"1\0", 2));
}

TEST(nesting_has_a_limit)
{
	char text[2 * (JSON_DEPTH_MAX + 2)];

	for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		CHECK(json_text_valid((uint8_t *)text, 2 * (size_t)depth) ==
			(depth <= JSON_DEPTH_MAX));
	}
}

TEST(any_bytes_become_a_string_that_a_parser_reads)
{
	static const char bytes[] = "a\"\\\n\x01\x7f\xc3\xa4\xff\xc3\0z";
	json_t *v;
	struct buf b;

	buf_init(&b, 1000);
	CHECK(json_text_quote(&b, bytes, sizeof(bytes) - 1) == 0);
	CHECK(json_text_valid(b.data, b.len));
	CHECK(json_parse(b.data, b.len, 1000, &v, NULL) == 0);
	CHECK(!strcmp(json_string_value(v),
		"a\"\\\n\x01\x7f\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"));
	json_decref(v);
	buf_done(&b);
}

TEST_MAIN()
