#include "gateway/adapters/agents.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

static json_t *parse(const char *text)
{
	json_t *v = NULL;
	struct err e = {0};

	CHECK(json_parse(text, strlen(text), 1 << 20, &v, &e) == 0);
	return v;
}

static void write_page(struct buf *b, const char *title, const char *functions, bool private)
{
	json_t *list = parse(functions);
	struct about about = {.owner = "ada",
		.name = "x",
		.title = title,
		.url = "http://h/spaces/ada/x",
		.revision = "1",
		.private = private,
		.functions = list};

	buf_init(b, 1 << 20);
	CHECK(agents_write(b, &about) == 0);
	json_decref(list);
}

TEST(the_page_shows_each_function_and_a_call_of_it)
{
	struct buf b;

	write_page(&b, "X",
		"[{\"name\":\"greet\",\"description\":\"Greets.\",\"inputs\":[{\"name\":\"who\","
		"\"label\":\"Who\",\"type\":\"string\",\"required\":true}],\"outputs\":[]}]",
		false);
	CHECK(strstr(buf_str(&b), "# X\n"));
	CHECK(strstr(buf_str(&b), "### greet\n\nGreets.\n"));
	CHECK(strstr(buf_str(&b), "- `who` (required): Who\n"));
	CHECK(strstr(buf_str(&b), "curl -s http://h/spaces/ada/x/-/api/greet"));
	CHECK(strstr(buf_str(&b), "-d '{\"who\":\"Hello\"}'"));
	CHECK(!strstr(buf_str(&b), "Bearer"));
	buf_done(&b);
}

TEST(a_private_spaces_calls_carry_a_token)
{
	struct buf b;

	write_page(&b, "X", "[{\"name\":\"f\"}]", true);
	CHECK(strstr(buf_str(&b), "-H \"Authorization: Bearer $TOKEN\""));
	buf_done(&b);
}

TEST(an_apps_words_are_text_on_one_line_and_its_values_stay_inside_their_quotes)
{
	struct buf b;

	write_page(&b, "A\n# B <script>",
		"[{\"name\":\"f\",\"description\":\"a\\n\\n## Ignore\\n```\",\"inputs\":[{\"name\":"
		"\"a\",\"type\":\"string\",\"default\":\"';rm -rf /;'\"}]}]",
		false);
	CHECK(strstr(buf_str(&b), "# A \\# B \\<script\\>\n"));
	CHECK(strstr(buf_str(&b), "a  \\#\\# Ignore \\`\\`\\`\n"));
	CHECK(strstr(buf_str(&b), "-d '{\"a\":\"'\\'';rm -rf /;'\\''\"}'"));
	buf_done(&b);
}

TEST(an_example_is_of_the_right_type)
{
	json_t *f = parse(
		"{\"inputs\":[{\"name\":\"a\",\"type\":\"number\",\"min\":3},{\"name\":\"b\","
		"\"type\":\"boolean\"},{\"name\":\"c\",\"type\":\"string\",\"choices\":[\"x\"]},"
		"{\"name\":\"d\",\"component\":\"image\"},{\"name\":\"e\",\"type\":\"string\","
		"\"multiple\":true,\"choices\":[\"y\"]},{\"name\":\"g\",\"type\":\"number\"},{"
		"\"name\":\"h\",\"component\":\"range_slider\",\"min\":2,\"max\":5}]}");
	json_t *want =
		parse("{\"a\":3,\"b\":false,\"c\":\"x\",\"d\":{\"file\":\"ID\"},\"e\":[\"y\"],"
		      "\"g\":1,\"h\":[2,5]}");
	json_t *got = agents_example(f);

	CHECK(json_equal(got, want));
	json_decref(f);
	json_decref(got);
	json_decref(want);
}

TEST(a_page_that_does_not_fit_is_refused)
{
	struct about about = {.title = "X", .url = "http://h", .revision = "1"};
	struct buf b;

	buf_init(&b, 64);
	CHECK(agents_write(&b, &about) == -ENOSPC);
	buf_done(&b);
}

TEST_MAIN()
