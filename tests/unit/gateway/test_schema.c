#include "gateway/adapters/schema.h"

#include "base/json.h"
#include "tests/support/test.h"

static json_t *parse(const char *text)
{
	json_t *v = NULL;
	struct err e = {0};

	CHECK(json_parse(text, strlen(text), 1 << 20, &v, &e) == 0);
	return v;
}

/* Consumes v. */
static void check_is(json_t *v, const char *want)
{
	json_t *w = parse(want);

	if (!json_equal(v, w)) {
		char *text = json_dumps(v, JSON_ENCODE_ANY);

		fprintf(stderr, "got  %s\nwant %s\n", text, want);
		exit(1);
	}
	json_decref(v);
	json_decref(w);
}

static void check_port(const char *port, bool output, const char *want)
{
	json_t *p = parse(port);

	check_is(schema_port(p, output), want);
	json_decref(p);
}

TEST(names_are_ones_that_languages_take_and_none_is_there_twice)
{
	json_t *ports =
		parse("[{\"name\":\"text\"},{\"name\":\"Text, please!\"},{\"name\":\"text\"},"
		      "{\"name\":\"2nd\"},{\"name\":\"\xc3\xa4\",\"component\":\"slider\"},"
		      "{\"name\":7},{\"name\":\"value\"},{\"name\":\"headers\"},"
		      "{\"name\":\"text_2\"},{\"name\":\"__proto__\"},\"no object\"]");

	check_is(schema_names(ports),
		"[\"text\",\"Text_please\",\"text_2\",\"_2nd\",\"slider\",\"value\",\"value_2\","
		"\"headers_2\",\"text_2_2\",\"__proto\",\"value_3\"]");
	json_decref(ports);
}

TEST(names_that_differ_only_behind_their_limit_stay_apart)
{
	char name[201];
	json_t *ports, *names;

	memset(name, 'a', 200);
	name[200] = '\0';
	ports = json_pack("[{ss} {ss}]", "name", name, "name", name);
	names = schema_names(ports);
	CHECK(json_string_length(json_array_get(names, 0)) == PORT_NAME_MAX);
	CHECK(json_string_length(json_array_get(names, 1)) == PORT_NAME_MAX);
	CHECK(!json_equal(json_array_get(names, 0), json_array_get(names, 1)));
	json_decref(names);
	json_decref(ports);
}

TEST(a_functions_name_is_letters_digits_and_underscores)
{
	static const struct {
		const char *function;
		bool good;
	} cases[] = {{"{\"name\":\"predict_2\"}", true}, {"{\"name\":\"\"}", false}, {"{}", false},
		{"{\"name\":\"../x\"}", false}, {"{\"name\":\"a b\"}", false},
		{"{\"name\":[1]}", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *f = parse(cases[i].function);

		CHECK(!schema_function_name(f) == !cases[i].good);
		json_decref(f);
	}
}

TEST(an_argument_says_its_limits_and_its_default)
{
	check_port(
		"{\"component\":\"textbox\",\"type\":\"string\",\"label\":\"Text\",\"max_length\":"
		"20,\"default\":\"\"}",
		false,
		"{\"type\":\"string\",\"maxLength\":20,\"title\":\"Text\",\"default\":\"\"}");
	check_port("{\"component\":\"slider\",\"type\":\"number\",\"min\":1,\"max\":9.5,"
		   "\"default\":1}",
		false, "{\"type\":\"number\",\"minimum\":1,\"maximum\":9.5,\"default\":1}");
	check_port("{\"component\":\"checkbox\",\"type\":\"boolean\",\"default\":false}", false,
		"{\"type\":\"boolean\",\"default\":false}");
	check_port(
		"{\"component\":\"radio\",\"type\":\"string\",\"choices\":[\"a\",{\"label\":\"B\","
		"\"value\":\"b\"}]}",
		false, "{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}");
	check_port("{\"component\":\"dropdown\",\"type\":\"string\",\"multiple\":true,\"choices\":["
		   "\"a\",\"b\"]}",
		false,
		"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}}");
	check_port("{\"component\":\"json\",\"type\":\"json\"}", false, "{}");
}

TEST(what_is_chosen_or_drawn_has_the_form_that_the_app_gets)
{
	check_port("{\"component\":\"checkbox_group\",\"type\":\"json\",\"choices\":[\"a\",\"b\"]}",
		false,
		"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}}");
	check_port("{\"component\":\"range_slider\",\"type\":\"json\",\"min\":0,\"max\":9}", false,
		"{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":0,\"maximum\":9},"
		"\"minItems\":2,\"maxItems\":2}");
	check_port("{\"component\":\"dropdown\",\"type\":\"string\",\"custom\":true,\"choices\":["
		   "\"a\"]}",
		false, "{\"type\":\"string\"}");
	check_port("{\"component\":\"sketch\",\"type\":\"json\"}", false,
		"{\"type\":\"object\",\"properties\":{\"width\":{\"type\":\"integer\"},\"height\":{"
		"\"type\":"
		"\"integer\"},\"pixels\":{\"type\":\"array\",\"items\":{\"type\":\"integer\","
		"\"description\":"
		"\"0 paper to 255 ink, row by row\"}}}}");
	check_port("{\"component\":\"multimodal\",\"type\":\"json\"}", true,
		"{\"type\":[\"object\",\"null\"],\"properties\":{\"text\":{\"type\":\"string\"},"
		"\"files\":{"
		"\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"file\":{"
		"\"type\":"
		"\"string\"}},\"required\":[\"file\"]}}}}");
}

TEST(a_result_may_be_null_and_says_no_limits)
{
	check_port("{\"component\":\"textbox\",\"type\":\"string\",\"max_length\":20,\"default\":"
		   "\"x\"}",
		true, "{\"type\":[\"string\",\"null\"]}");
	check_port("{\"component\":\"slider\",\"type\":\"number\",\"min\":1}", true,
		"{\"type\":[\"number\",\"null\"]}");
	check_port("{\"component\":\"json\",\"type\":\"json\"}", true, "{}");
}

TEST(files_are_handles_and_lists_of_them_are_lists)
{
	json_t *image = parse("{\"component\":\"image\",\"type\":\"json\"}");
	json_t *files = parse("{\"component\":\"file\",\"type\":\"json\",\"multiple\":true}");
	json_t *text = parse("{\"component\":\"textbox\",\"type\":\"string\"}");
	json_t *schema = schema_port(image, false);

	CHECK(schema_is_file(image) && !schema_is_list(image));
	CHECK(schema_is_file(files) && schema_is_list(files));
	CHECK(!schema_is_file(text));
	CHECK(json_array_size(json_object_get(schema, "anyOf")) == 2);
	json_decref(schema);
	schema = schema_port(files, true);
	CHECK(json_object_get(
		json_object_get(json_object_get(schema, "items"), "properties"), "url"));
	json_decref(schema);
	json_decref(image);
	json_decref(files);
	json_decref(text);
}

TEST(fields_of_the_wrong_type_are_as_good_as_missing)
{
	check_port("{\"component\":7,\"type\":[],\"label\":{},\"choices\":\"x\",\"min\":\"1\"}",
		false, "{}");
	check_port("\"no object\"", false, "{}");
	check_port("{\"type\":\"number\",\"min\":\"1\",\"max\":null,\"default\":null}", false,
		"{\"type\":\"number\"}");
}

TEST(inputs_are_an_object_that_names_what_is_required)
{
	json_t *f = parse("{\"name\":\"f\",\"inputs\":[{\"name\":\"a\",\"type\":\"string\","
			  "\"required\":true},{\"name\":\"b\",\"type\":\"number\",\"default\":2}],"
			  "\"outputs\":[{\"name\":\"c\",\"type\":\"json\"}]}");

	check_is(schema_inputs(f),
		"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":"
		"\"number\",\"default\":2}},\"required\":[\"a\"],\"additionalProperties\":false}");
	check_is(schema_outputs(f),
		"{\"type\":\"object\",\"properties\":{\"c\":{}},\"required\":[\"c\"],"
		"\"additionalProperties\":false}");
	json_decref(f);
	f = json_object();
	check_is(schema_inputs(f), "{\"type\":\"object\",\"properties\":{},\"required\":[],"
				   "\"additionalProperties\":false}");
	json_decref(f);
}

/* An app may say anything: each name once, in time that grows as their number does. */
static void check_apart(json_t *ports)
{
	json_t *names = schema_names(ports), *seen = json_object(), *name;
	size_t i;

	CHECK(json_array_size(names) == json_array_size(ports));
	json_array_foreach(names, i, name)
	{
		CHECK(json_string_length(name) <= PORT_NAME_MAX);
		CHECK(json_object_set_new(seen, json_string_value(name), json_true()) == 0);
	}
	CHECK(json_object_size(seen) == json_array_size(names));
	json_decref(seen);
	json_decref(names);
	json_decref(ports);
}

TEST(very_many_ports_of_one_name_are_named_soon)
{
	json_t *one = json_array(), *numbered = json_array(), *alike = json_array(), *names;
	char text[PORT_NAME_MAX + 1];

	for (int i = 0; i < 20000; i++) {
		CHECK(json_array_append_new(one, json_pack("{ss}", "name", "a")) == 0);
		(void)snprintf(text, sizeof(text), "a_%d", i / 2);
		CHECK(json_array_append_new(numbered, json_pack("{ss}", "name", text)) == 0);
		memset(text, 'a', PORT_NAME_MAX);
		(void)snprintf(text + PORT_NAME_MAX - 5, 6, "%05d", i / 2);
		CHECK(json_array_append_new(alike, json_pack("{ss}", "name", text)) == 0);
	}
	names = schema_names(one);
	CHECK(!strcmp(json_string_value(json_array_get(names, 19999)), "a_20000"));
	json_decref(names);
	check_apart(one);
	check_apart(numbered);
	check_apart(alike);
}

TEST_MAIN()
