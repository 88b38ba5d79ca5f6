#include "gateway/paint/paint.h"

#include <errno.h>

#include "base/utf8.h"
#include "gateway/paint/prose.h"
#include "tests/support/test.h"

static struct buf html;

static const char *paint(const char *text, size_t max)
{
	json_t *tree = json_loads(text, 0, NULL);

	CHECK(tree);
	buf_done(&html);
	buf_init(&html, max);
	if (paint_tree("A <Title>", tree, &html) < 0)
		CHECK(html.len == 0);
	json_decref(tree);
	return buf_str(&html);
}

static const char *prose(const char *text)
{
	struct out o = {&html, 0};

	buf_done(&html);
	buf_init(&html, 1 << 20);
	prose_paint(&o, text);
	CHECK(o.error == 0);
	return buf_str(&html);
}

static bool whole(const char *s)
{
	for (size_t n = strlen(s); n > 0;) {
		size_t taken = utf8_length((const unsigned char *)s, n);

		if (taken == 0)
			return false;
		s += taken;
		n -= taken;
	}
	return true;
}

TEST(a_page_is_read_with_its_heading_labels_and_values)
{
	const char *p = paint(
		"{\"root\":{\"n\":1,\"type\":\"column\",\"children\":["
		"{\"n\":2,\"type\":\"textbox\",\"props\":{\"label\":\"Name\",\"value\":\"Ada\"}},"
		"{\"n\":3,\"type\":\"button\",\"props\":{\"value\":\"Go\",\"variant\":\"primary\"}}"
		","
		"{\"n\":4,\"type\":\"markdown\",\"props\":{\"value\":\"# Hi\\n\\nthere **you**\"}},"
		"{\"n\":5,\"type\":\"number\",\"props\":{\"visible\":false,\"value\":12345}},"
		"{\"n\":6,\"type\":\"someday\",\"props\":{\"label\":\"New\",\"value\":\"kept\"}}]}"
		"}",
		4096);

	CHECK(strstr(p, "<h1 class=\"space-title\">A &lt;Title&gt;</h1>"));
	CHECK(strstr(p, "<label class=\"field-label\" id=\"c2-label\" for=\"c2\">Name</label>"));
	CHECK(strstr(p, "value=\"Ada\"") && strstr(p, "class=\"button primary\" disabled"));
	CHECK(strstr(p, "<h2>Hi</h2><p>there <strong>you</strong></p>"));
	CHECK(!strstr(p, "12345"));
	CHECK(strstr(p, "New") && strstr(p, "kept"));
}

TEST(nothing_of_an_app_becomes_markup)
{
	const char *p = paint(
		"{\"root\":{\"n\":1,\"type\":\"\\\"><script>1\",\"props\":{"
		"\"label\":\"<script>2\",\"info\":\"\\\"onload=3\",\"value\":\"</div><script>4\"},"
		"\"children\":[{\"n\":2,\"type\":\"textbox\",\"props\":{\"lines\":3,\"value\":"
		"\"</textarea><script>5\",\"placeholder\":\"\\\"><script>6\",\"scale\":\"x\"}},"
		"{\"n\":3,\"type\":\"button\",\"props\":{\"variant\":\"\\\"><script>\"}},"
		"{\"n\":4,\"type\":\"markdown\",\"props\":{\"value\":"
		"\"**<script>7** [x](javascript:8) <img src=x> `<script>`\"}},"
		"{\"n\":5,\"type\":\"radio\",\"props\":{\"choices\":[\"<script>\",{\"label\":1}]}},"
		"{\"n\":6,\"type\":\"label\",\"props\":{\"value\":{\"label\":\"<script>\","
		"\"confidences\":[{\"label\":\"<b>\",\"confidence\":1e300},7]}}}]}}",
		16384);

	CHECK(*p && !strstr(p, "<script") && !strstr(p, "<img") && !strstr(p, "<b>"));
	CHECK(!strstr(p, "javascript:") && !strstr(p, "\"onload") && !strstr(p, "</div>&lt;"));
	CHECK(strstr(p, "class=\"node is-unknown\""));
}

TEST(a_page_over_its_measure_is_not_painted_and_a_long_text_is_cut_at_a_character)
{
	char *text = malloc(200000);
	const char *p;

	CHECK(!*paint("{\"root\":{\"n\":1,\"type\":\"textbox\",\"props\":{\"label\":"
		      "\"Far too long for so little room, whatever is done with it\"}}}",
		40));
	for (size_t i = 0; i < 60000; i += 3)
		memcpy(text + i, "\u20ac", 3);
	text[60000] = '\0';
	p = prose(text);
	CHECK(strlen(p) <= PAINT_TEXT_MAX + 64 && whole(p));
	free(text);
}

TEST(values_of_the_wrong_kind_are_passed_over)
{
	CHECK(strstr(paint("{\"root\":{\"n\":1,\"type\":\"row\",\"children\":["
			   "{\"type\":\"slider\",\"props\":{\"min\":5,\"max\":1,\"value\":\"x\"}},"
			   "{\"type\":\"chatbot\",\"props\":{\"value\":[1,{\"role\":7},null]}},"
			   "{\"type\":\"dropdown\",\"props\":{\"multiple\":true,\"choices\":{},"
			   "\"value\":[3]}},{\"type\":\"examples\",\"props\":{\"rows\":[1,[2]],"
			   "\"inputs\":[1,2]}},5,null]}}",
			     65536),
		"is-slider"));
	CHECK(*paint("{\"root\":7}", 4096) && *paint("{}", 4096));
}

TEST(a_message_of_parts_shows_its_texts_and_nothing_of_them_is_markup)
{
	const char *seen = paint("{\"root\":{\"n\":1,\"type\":\"chatbot\",\"props\":{\"value\":["
				 "{\"role\":\"user\",\"content\":[{\"text\":\"<b>mine\"},"
				 "{\"file\":\"f\"},5,null]},{\"role\":\"assistant\",\"content\":["
				 "{\"title\":\"Thought\",\"text\":\"folded\"},"
				 "{\"text\":\"*said*\"}]}]}}}",
		65536);

	CHECK(strstr(seen, "&lt;b&gt;mine") && strstr(seen, "<em>said</em>"));
	CHECK(!strstr(seen, "folded") && !strstr(seen, "<b>"));
}

TEST(markdown_stands_as_the_renderer_will_lay_it_out)
{
	CHECK(!*prose(""));
	CHECK(!strcmp(prose("one\ntwo\n\n- a\n- *b*\n\n1. c\n"),
		"<div class=\"prose\"><p>one\ntwo</p><ul><li>a</li><li><em>b</em></li></ul>"
		"<ol><li>c</li></ol></div>"));
	CHECK(!strcmp(prose("> said\n\n---\n[words](http://x) a*b"),
		"<div class=\"prose\"><blockquote><p>said</p></blockquote><hr>"
		"<p><u>words</u> a*b</p></div>"));
	CHECK(strstr(
		prose("```lua\nif a < b then\n"), "<pre><code>if a &lt; b then\n</code></pre>"));
}

static json_t *dropdown_of(size_t n_choices, size_t n_values)
{
	json_t *choices = json_array(), *values = json_array();

	for (size_t i = 0; i < n_choices; i++)
		CHECK(json_array_append_new(choices, json_sprintf("choice %zu", i)) == 0);
	for (size_t i = 0; i < n_values; i++)
		CHECK(json_array_append_new(
			      values, json_sprintf("choice %zu", n_choices + n_values - i)) == 0);
	CHECK(json_array_insert_new(values, 0, json_sprintf("choice %zu", n_choices - 1)) == 0);
	return json_pack("{s{si ss s{sb so so}}}", "root", "n", 1, "type", "dropdown", "props",
		"multiple", 1, "choices", choices, "value", values);
}

TEST(as_many_values_as_choices_are_painted_soon_and_the_first_of_them_are_shown)
{
	json_t *tree = dropdown_of(200000, 200000);
	char *text = json_dumps(tree, 0);
	const char *p = paint(text, 1 << 20);

	CHECK(strstr(p, "<span class=\"chip\">choice 199999</span>"));
	free(text);
	json_decref(tree);
	tree = json_loads(
		"{\"root\":{\"n\":1,\"type\":\"row\",\"children\":[{\"n\":2,\"type\":"
		"\"radio\",\"props\":{\"value\":\"b\",\"choices\":[\"a\",{\"label\":\"B\","
		"\"value\":\"b\"}]}}]}}",
		0, NULL);
	text = json_dumps(tree, 0);
	p = paint(text, 1 << 16);
	CHECK(strstr(p, "checked><span>B<") && !strstr(p, "checked><span>a<"));
	free(text);
	json_decref(tree);
}

TEST_MAIN()
