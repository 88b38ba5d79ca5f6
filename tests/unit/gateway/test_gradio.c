/* What Gradio's clients read and write: documents, values and messages. */
#include "gateway/adapters/gradio/info.h"
#include "gateway/adapters/gradio/message.h"
#include "gateway/adapters/gradio/value.h"

#include <errno.h>
#include <jansson.h>

#include "gateway/session/json_text.h"
#include "tests/support/test.h"

#define FILE_ID "0123456789abcdefghjkmnpqrs"

static struct slice text(const char *s)
{
	return slice_of(s, strlen(s));
}

static bool find(const char *id, struct file_info *ret, void *data)
{
	(void)data;
	*ret = (struct file_info){.size = 3, .type = "image/png"};
	(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
	(void)snprintf(ret->name, sizeof(ret->name), "%s", "na me \"q\" ü.png");
	return !strcmp(id, FILE_ID);
}

static bool reads(const char *value, const char *expected)
{
	struct err e = {0};
	struct buf b;
	bool as;

	buf_init(&b, 4096);
	as = gradio_read_value(&b, text(value), find, NULL, &e) == 0 &&
	     !strcmp(buf_str(&b), expected);
	buf_done(&b);
	return as;
}

TEST(values_without_files_pass_as_they_are)
{
	const char *value = "[1e400,{\"a\":[],\"b\":\"\\u0000\\ud800\"},-0.10]";

	CHECK(reads(value, value));
	CHECK(reads("{\"meta\":{\"_type\":\"other\"},\"path\":\"/etc/passwd\"}",
		"{\"meta\":{\"_type\":\"other\"},\"path\":\"/etc/passwd\"}"));
}

TEST(a_file_that_was_given_out_is_known_wherever_it_stands)
{
	CHECK(reads("[{\"x\":{\"path\":\"files/" FILE_ID "/cat.png\",\"orig_name\":\"lies\","
		    "\"meta\":{\"_type\":\"gradio.FileData\"}}}]",
		"[{\"x\":{\"file\":\"" FILE_ID "\",\"name\":\"na me \\\"q\\\" ü.png\",\"type\":"
		"\"image/png\",\"size\":3}}]"));
}

TEST(other_paths_are_refused)
{
	static const char *const paths[] = {"/etc/passwd", "../../secret", "files/",
		"files/0000000000000000000000000s/x", "files/" FILE_ID "x", "",
		"http://10.0.0.1/files/" FILE_ID};
	struct err e = {0};
	struct buf b;
	char value[256];

	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		(void)snprintf(value, sizeof(value),
			"{\"path\":\"%s\",\"meta\":{\"_type\":\"gradio.FileData\"}}", paths[i]);
		CHECK(gradio_read_value(&b, text(value), find, NULL, &e) == -EINVAL);
	}
	buf_done(&b);
}

TEST(a_result_s_file_has_a_path_without_escapes_and_keeps_its_ending)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(gradio_write_value(&b, text("[{\"file\":\"" FILE_ID "\"},{\"file\":\"nothing\"}]"),
		      "http://h/api", find, NULL) == 0);
	CHECK(strstr(buf_str(&b), "\"path\":\"files/" FILE_ID "/na_me_q_.png\""));
	CHECK(strstr(buf_str(&b), "\"url\":\"http://h/api/file=files/" FILE_ID "/na_me_q_.png\""));
	CHECK(strstr(buf_str(&b), "{\"file\":\"nothing\"}"));
	CHECK(json_text_valid(b.data, b.len));
	buf_done(&b);
}

static bool differs(const char *old, const char *new, size_t n, const char *expected)
{
	struct buf b;
	bool as;

	buf_init(&b, 4096);
	as = gradio_write_diff(&b, text(old), text(new), n) == 0 && !strcmp(buf_str(&b), expected);
	buf_done(&b);
	return as;
}

TEST(texts_grow_at_their_end_and_everything_else_is_replaced)
{
	CHECK(differs("[\"ab\",1]", "[\"abc\\n\",1]", 2, "[[[\"append\",[],\"c\\n\"]],[]]"));
	CHECK(differs("[\"\"]", "[\"a\"]", 1, "[[[\"replace\",[],\"a\"]]]"));
	CHECK(differs("[\"ab\"]", "[\"b\"]", 1, "[[[\"replace\",[],\"b\"]]]"));
	CHECK(differs("[{\"n\":1}]", "[{\"n\":2}]", 1, "[[[\"replace\",[],{\"n\":2}]]]"));
	CHECK(differs("[1]", "[1]", 2, "[[],[]]"));
}

TEST(a_message_is_one_line_whatever_stands_between_tokens)
{
	struct buf b;

	buf_init(&b, 4096);
	CHECK(gradio_completed(&b, "e1", text("[\r\n1,\n2]"), 0.5) == 0);
	CHECK(strchr(buf_str(&b), '\n') == buf_str(&b) + b.len - 2);
	CHECK(!strchr(buf_str(&b), '\r') && !strncmp(buf_str(&b), "data: {", 7));
	CHECK(json_text_valid(b.data + 6, b.len - 8));
	buf_done(&b);
}

TEST(a_failure_has_no_key_that_the_python_client_does_not_take)
{
	json_error_t e;
	json_t *o, *output;
	struct buf b;

	buf_init(&b, 4096);
	CHECK(gradio_failed(&b, "e1", "boom \"—\"", "Error") == 0);
	o = json_loads(buf_str(&b) + 6, 0, &e);
	output = json_object_get(o, "output");
	CHECK(json_object_size(output) == 4 && json_is_false(json_object_get(o, "success")));
	CHECK(!strcmp(json_string_value(json_object_get(output, "error")), "boom \"—\""));
	json_decref(o);
	buf_done(&b);
}

static uint8_t click(const char *event)
{
	return !strcmp(event, "click");
}

TEST(config_and_info_name_every_function_by_ids_that_exist)
{
	static const char api_text[] =
		"[{\"name\":\"f\",\"node\":7,\"event\":\"click\",\"inputs\":[{\"name\":\"text\","
		"\"component\":\"textbox\",\"type\":\"string\",\"required\":true},{\"name\":\"n\","
		"\"component\":\"number\",\"type\":\"number\",\"default\":2}],\"outputs\":[{"
		"\"name\":\"out\",\"component\":\"state\",\"type\":\"json\"}],\"stream\":true},"
		"{\"name\":\"no event\"},{\"name\":\"f\",\"event\":\"click\"},7]";
	const struct gradio_about about = {.root = "http://h/s", .title = "T", .revision = "r"};
	json_t *api = json_loads(api_text, 0, NULL), *config, *info, *d, *parameters;
	struct function_table t;

	CHECK(functions_read(api, click, &t) == 0 && t.n == 1);
	CHECK(t.list[0].node == 7 && t.list[0].kind == 1 && t.list[0].stream);
	CHECK(function_find(&t, "f", 1) && !function_find(&t, "f2", 2));
	config = gradio_config(&about, &t);
	d = json_array_get(json_object_get(config, "dependencies"), 0);
	CHECK(json_integer_value(json_object_get(d, "id")) == GRADIO_FIRST);
	CHECK(json_array_size(json_object_get(config, "components")) == 3);
	CHECK(json_array_size(json_object_get(d, "inputs")) == 2);
	CHECK(json_is_null(json_object_get(config, "space_id")));
	CHECK(json_is_false(json_object_get(config, "connect_heartbeat")));
	info = gradio_info(&t);
	parameters = json_object_get(
		json_object_get(json_object_get(info, "named_endpoints"), "/f"), "parameters");
	CHECK(json_is_false(
		json_object_get(json_array_get(parameters, 0), "parameter_has_default")));
	CHECK(json_integer_value(
		      json_object_get(json_array_get(parameters, 1), "parameter_default")) == 2);
	CHECK(json_is_object(json_object_get(info, "unnamed_endpoints")));
	json_decref(info);
	json_decref(config);
	functions_done(&t);
	json_decref(api);
}

TEST_MAIN()
