#include "base/json.h"

#include <errno.h>

#include "tests/support/test.h"

static int parse(const char *text, json_t **ret, struct err *e)
{
	return json_parse(text, strlen(text), 1000, ret, e);
}

TEST(any_single_value_is_read)
{
	static const char *const good[] = {
		"{}", "[]", "1", "-1.5e3", "\"x\"", "null", "true", " [1, {\"a\": [null]}] "};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		json_t *v = NULL;

		CHECK(parse(good[i], &v, NULL) == 0 && v);
		json_decref(v);
	}
}

TEST(what_is_not_one_json_value_is_refused_with_words)
{
	static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,\"a\":2}", "1 2", "nul",
		"\"\\u0000\"", "\"\xff\"", "{'a':1}", "[1] x", "\"open", "\"\\", "01", "NaN"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e = {0};
		json_t *v = NULL;

		CHECK(parse(bad[i], &v, &e) == -EBADMSG);
		CHECK(v == NULL && strncmp(e.text, "JSON: ", 6) == 0);
	}
}

TEST(size_and_depth_have_exact_limits)
{
	char deep[2 * (JSON_DEPTH_MAX + 1)];
	struct err e = {0};
	json_t *v = NULL;

	CHECK(json_parse("[1,2]", 5, 4, &v, &e) == -EMSGSIZE);
	CHECK(strstr(e.text, "limit is 4"));
	CHECK(json_parse("[1,2]", 5, 5, &v, &e) == 0);
	json_decref(v);

	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	CHECK(json_parse(deep, 2 * JSON_DEPTH_MAX, 1000, &v, &e) == 0);
	json_decref(v);
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	CHECK(json_parse(deep, sizeof(deep), 1000, &v, &e) == -EBADMSG);
	CHECK(strstr(e.text, "deeper than 64"));
}

TEST(brackets_inside_strings_are_not_depth)
{
	char text[204];
	json_t *v = NULL;

	text[0] = '"';
	memset(text + 1, '[', 200);
	memcpy(text + 201, "\"", 2);
	CHECK(parse(text, &v, NULL) == 0);
	CHECK(json_string_length(v) == 200);
	json_decref(v);
}

TEST(what_is_written_is_compact_in_insertion_order_and_bounded)
{
	json_t *v = NULL;
	struct buf b;

	CHECK(parse("{ \"z\": 1, \"a\": [ true, null, 1.5 ] }", &v, NULL) == 0);
	buf_init(&b, 100);
	CHECK(buf_add_str(&b, ">") == 0);
	CHECK(json_write(&b, v) == 0);
	CHECK(strcmp(buf_str(&b), ">{\"z\":1,\"a\":[true,null,1.5]}") == 0);
	buf_done(&b);

	buf_init(&b, 10);
	CHECK(buf_add_str(&b, ">") == 0);
	CHECK(json_write(&b, v) == -ENOSPC);
	CHECK(b.len == 1);
	buf_done(&b);
	json_decref(v);
}

TEST(fields_are_checked_for_presence_type_and_limit_and_the_words_name_them)
{
	struct err e = {0};
	const char *s = NULL;
	int64_t n = 0;
	json_t *o = NULL;

	CHECK(parse("{\"s\":\"four\",\"n\":7,\"f\":1.5,\"z\":null,\"b\":true}", &o, NULL) == 0);
	CHECK(json_get_str(o, "s", 4, &s, &e) == 0 && strcmp(s, "four") == 0);
	CHECK(json_get_str(o, "s", 3, &s, &e) == -EINVAL &&
		strcmp(e.text, "s: 4 bytes, the limit is 3") == 0);
	CHECK(json_get_str(o, "n", 9, &s, &e) == -EINVAL &&
		strcmp(e.text, "n: must be a string") == 0);
	CHECK(json_get_str(o, "q", 9, &s, &e) == -ENOENT && strcmp(e.text, "q: missing") == 0);
	CHECK(json_get_int(o, "n", 0, 7, &n, &e) == 0 && n == 7);
	CHECK(json_get_int(o, "n", 0, 6, &n, &e) == -EINVAL &&
		strstr(e.text, "n: 7 is outside 0 to 6"));
	CHECK(json_get_int(o, "f", 0, 9, &n, &e) == -EINVAL);
	CHECK(json_get_int(o, "z", 0, 9, &n, &e) == -EINVAL);
	json_decref(o);
}

TEST(optional_fields_fall_back_only_when_missing_or_null)
{
	struct err e = {0};
	const char *s = NULL;
	int64_t n = 0;
	json_t *o = NULL;

	CHECK(parse("{\"s\":5,\"z\":null,\"b\":true,\"t\":\"true\"}", &o, NULL) == 0);
	CHECK(json_opt_str(o, "z", 9, "x", &s, &e) == 0 && strcmp(s, "x") == 0);
	CHECK(json_opt_str(o, "q", 9, "x", &s, &e) == 0 && strcmp(s, "x") == 0);
	CHECK(json_opt_str(o, "s", 9, "x", &s, &e) == -EINVAL);
	CHECK(json_opt_int(o, "q", 0, 9, 3, &n, &e) == 0 && n == 3);
	CHECK(json_opt_int(o, "t", 0, 9, 3, &n, &e) == -EINVAL);
	CHECK(json_opt_bool(o, "b", false) == true);
	CHECK(json_opt_bool(o, "t", false) == false);
	CHECK(json_opt_bool(o, "q", true) == true);
	json_decref(o);
}

TEST_MAIN()
