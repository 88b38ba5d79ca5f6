#include "gateway/adapters/mcp.h"

#include <errno.h>

#include "base/json.h"
#include "tests/support/test.h"

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.at, text, s.n);
}

static struct slice text(const char *json)
{
	return slice_of(json, strlen(json));
}

static int read_text(const char *text, struct mcp_message *m)
{
	struct err e = {0};
	int r = mcp_read((const uint8_t *)text, strlen(text), m, &e);

	CHECK(r == 0 || e.text[0]);
	return r;
}

static json_t *parsed(struct buf *b)
{
	json_t *v = NULL;
	struct err e = {0};

	CHECK(json_parse(b->data, b->len, 1 << 20, &v, &e) == 0);
	buf_done(b);
	return v;
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	CHECK(text);
	return text;
}

TEST(a_message_is_a_request_a_notification_or_a_response)
{
	struct mcp_message m;

	CHECK(read_text("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":{\"a\":1}}",
		      &m) == 0);
	CHECK(m.kind == MCP_REQUEST && is(m.id, "7") && !strcmp(m.method, "ping"));
	CHECK(is(m.params, "{\"a\":1}"));
	CHECK(read_text("{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", &m) == 0);
	CHECK(m.kind == MCP_NOTIFICATION && !m.params.at);
	CHECK(read_text("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}", &m) == 0);
	CHECK(m.kind == MCP_RESPONSE);
}

TEST(what_is_no_message_is_refused_with_the_id_it_had)
{
	static const struct {
		const char *text;
		int code;
		const char *id;
	} cases[] = {{"", -EBADMSG, NULL}, {"{", -EBADMSG, NULL}, {"[]", -EINVAL, NULL},
		{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -EINVAL, NULL},
		{"{\"id\":1,\"method\":\"ping\"}", -EINVAL, "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":2}", -EINVAL, "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", -EINVAL, "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}", -EINVAL, "1"},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", -EINVAL, NULL},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", -EINVAL, NULL}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mcp_message m;

		CHECK(read_text(cases[i].text, &m) == cases[i].code);
		CHECK(cases[i].id ? m.id.at && is(m.id, cases[i].id) : !m.id.at);
	}
}

TEST(initialize_answers_the_version_that_was_asked_for_or_its_own)
{
	static const struct about about = {
		.owner = "a", .name = "b", .title = "T", .url = "u", .revision = "1"};
	static const struct {
		const char *asked, *got;
	} cases[] = {{"2025-06-18", "2025-06-18"}, {"2024-11-05", "2024-11-05"},
		{"1999-01-01", MCP_VERSION}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[200];
		struct mcp_message m;
		json_t *v, *result;
		struct buf b;

		(void)snprintf(text, sizeof(text),
			"{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"method\":\"initialize\",\"params\":{"
			"\"protocolVersion\":\"%s\"}}",
			cases[i].asked);
		CHECK(read_text(text, &m) == 0);
		buf_init(&b, 1 << 16);
		CHECK(mcp_initialize(&b, &m, &about) == 0);
		v = parsed(&b);
		result = json_object_get(v, "result");
		CHECK(!strcmp(text_at(v, "id"), "i"));
		CHECK(!strcmp(text_at(result, "protocolVersion"), cases[i].got));
		CHECK(json_is_object(
			json_object_get(json_object_get(result, "capabilities"), "tools")));
		json_decref(v);
	}
}

TEST(each_function_is_a_tool_with_its_schemas)
{
	struct about about = {.owner = "a", .name = "b", .title = "T", .url = "u", .revision = "1"};
	json_t *functions = json_pack("[{ss s[{ss ss}]} {ss}]", "name", "f", "inputs", "name", "x",
		"type", "string", "name", "no/name");
	json_t *v, *tools, *tool;
	struct buf b;

	about.functions = functions;
	buf_init(&b, 1 << 16);
	CHECK(mcp_tools(&b, text("1"), &about) == 0);
	v = parsed(&b);
	tools = json_object_get(json_object_get(v, "result"), "tools");
	tool = json_array_get(tools, 0);
	CHECK(json_array_size(tools) == 1 && !strcmp(text_at(tool, "name"), "f"));
	CHECK(!strcmp(text_at(json_object_get(tool, "inputSchema"), "type"), "object"));
	CHECK(!strcmp(text_at(json_object_get(tool, "outputSchema"), "type"), "object"));
	json_decref(v);
	json_decref(functions);
}

TEST(a_call_names_its_tool_and_may_ask_for_progress)
{
	struct mcp_message m = {.kind = MCP_REQUEST};
	struct mcp_call c;
	struct err e = {0};

	m.params = text("{\"name\":\"f\",\"arguments\":{\"a\":1},\"_meta\":{\"progressToken\":3}}");
	CHECK(mcp_read_call(&m, &c, &e) == 0);
	CHECK(!strcmp(c.tool, "f") && is(c.arguments, "{\"a\":1}") && is(c.token, "3"));
	m.params = text("{\"name\":\"f\"}");
	CHECK(mcp_read_call(&m, &c, &e) == 0 && is(c.arguments, "{}") && !c.token.at);
	m.params = text("{\"name\":\"f\",\"arguments\":[]}");
	CHECK(mcp_read_call(&m, &c, &e) == -EINVAL);
	m.params = (struct slice){0};
	CHECK(mcp_read_call(&m, &c, &e) == -EINVAL);
}

static bool file(const char *id, char ret_type[64], struct buf *bytes, void *data)
{
	(void)data;
	(void)snprintf(ret_type, 64, "%s", id[0] == 'p' ? "image/png" : "application/pdf");
	return buf_add_str(bytes, "foo") == 0;
}

static json_t *result_of(const char *outputs, const char *named)
{
	json_t *f = NULL, *v, *result;
	struct mcp_given given = {.file = file};
	struct err e = {0};
	struct buf b;

	CHECK(json_parse(outputs, strlen(outputs), 1 << 16, &f, &e) == 0);
	given.function = f;
	given.named = slice_of(named, strlen(named));
	buf_init(&b, 1 << 16);
	CHECK(mcp_call_result(&b, text("1"), &given) == 0);
	json_decref(f);
	v = parsed(&b);
	result = json_incref(json_object_get(v, "result"));
	json_decref(v);
	return result;
}

TEST(one_text_is_told_as_it_is_and_more_than_that_as_json)
{
	json_t *r = result_of("{\"outputs\":[{\"name\":\"out\"}]}", "{\"out\":\"a\\nb\"}");
	json_t *content = json_array_get(json_object_get(r, "content"), 0);

	CHECK(!strcmp(text_at(content, "text"), "a\nb"));
	CHECK(!strcmp(text_at(json_object_get(r, "structuredContent"), "out"), "a\nb"));
	json_decref(r);
	r = result_of("{\"outputs\":[{},{}]}", "{\"a\":\"x\",\"b\":1}");
	content = json_array_get(json_object_get(r, "content"), 0);
	CHECK(!strcmp(text_at(content, "text"), "{\"a\":\"x\",\"b\":1}"));
	json_decref(r);
}

TEST(pictures_are_shown_and_other_files_linked)
{
	json_t *r =
		result_of("{\"outputs\":[{},{}]}", "{\"a\":{\"file\":\"p\",\"url\":\"http:u\"},"
						   "\"b\":[{\"file\":\"q\",\"name\":\"n\",\"url\":"
						   "\"http:v\"}]}");
	json_t *content = json_object_get(r, "content");
	json_t *picture = json_array_get(content, 1), *link = json_array_get(content, 2);

	CHECK(json_array_size(content) == 3);
	CHECK(!strcmp(text_at(picture, "type"), "image") &&
		!strcmp(text_at(picture, "data"), "Zm9v"));
	CHECK(!strcmp(text_at(link, "type"), "resource_link") &&
		!strcmp(text_at(link, "uri"), "http:v"));
	json_decref(r);
}

TEST(a_note_on_the_way_says_how_far_it_is)
{
	json_t *v, *params;
	struct buf b;

	buf_init(&b, 4096);
	CHECK(mcp_progress(&b, text("\"t\""), 2, 5, "half \"way\"", 10) == 0);
	v = parsed(&b);
	params = json_object_get(v, "params");
	CHECK(!strcmp(text_at(v, "method"), "notifications/progress"));
	CHECK(!strcmp(text_at(params, "progressToken"), "t") &&
		!strcmp(text_at(params, "message"), "half \"way\""));
	CHECK(json_number_value(json_object_get(params, "total")) == 5);
	json_decref(v);
	buf_init(&b, 4096);
	CHECK(mcp_log(&b, "success", text("{}")) == 0);
	v = parsed(&b);
	CHECK(!strcmp(text_at(json_object_get(v, "params"), "level"), "info"));
	json_decref(v);
}

TEST_MAIN()
