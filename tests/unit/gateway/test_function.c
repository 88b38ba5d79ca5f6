#include "gateway/call/function.h"

#include "base/buf.h"
#include "gateway/adapters/agents.h"
#include "gateway/adapters/mcp.h"
#include "gateway/adapters/openapi.h"
#include "tests/support/test.h"

static uint8_t click(const char *event)
{
	return !strcmp(event, "click");
}

static json_t *function_of(const char *name, size_t n_inputs)
{
	json_t *inputs = json_array();

	for (size_t i = 0; i < n_inputs; i++)
		CHECK(json_array_append_new(inputs, json_pack("{ss}", "name", "same")) == 0);
	return json_pack("{ss ss so}", "name", name, "event", "click", "inputs", inputs);
}

TEST(what_is_over_a_limit_is_in_no_document_either)
{
	json_t *api = json_array();
	struct function_table t;
	struct about about = {.owner = "o",
		.name = "n",
		.title = "T",
		.revision = "r",
		.url = "http://h/spaces/o/n"};
	struct buf page, tools;
	json_t *document;

	CHECK(json_array_append_new(api, function_of("vast", 100000)) == 0);
	CHECK(json_array_append_new(api, function_of("just", FUNCTION_VALUES_MAX)) == 0);
	CHECK(json_array_append_new(api, function_of("just", 1)) == 0);
	CHECK(json_array_append_new(api, json_integer(7)) == 0);
	CHECK(functions_read(api, click, &t) == 0);
	CHECK(t.n == 1 && json_array_size(t.api) == 1);
	json_decref(api);
	CHECK(function_find(&t, "just", 4) && !function_find(&t, "vast", 4));
	about.functions = t.api;
	buf_init(&page, 1 << 20);
	buf_init(&tools, 1 << 20);
	CHECK(agents_write(&page, &about) == 0 &&
		mcp_tools(&tools, (struct slice){0}, &about) == 0);
	CHECK(strstr(buf_str(&page), "### just") && !strstr(buf_str(&page), "vast"));
	CHECK(strstr(buf_str(&tools), "same_128\"") && !strstr(buf_str(&tools), "vast"));
	document = openapi_document(&about);
	CHECK(json_object_get(json_object_get(document, "paths"), "/-/api/just"));
	CHECK(!json_object_get(json_object_get(document, "paths"), "/-/api/vast"));
	json_decref(document);
	buf_done(&page);
	buf_done(&tools);
	functions_done(&t);
}

TEST(there_are_only_so_many)
{
	json_t *api = json_array();
	struct function_table t;
	char name[16];

	for (int i = 0; i < FUNCTIONS_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		CHECK(json_array_append_new(api, function_of(name, 0)) == 0);
	}
	CHECK(functions_read(api, click, &t) == 0);
	CHECK(t.n == FUNCTIONS_MAX && json_array_size(t.api) == FUNCTIONS_MAX);
	functions_done(&t);
	json_decref(api);
}

TEST_MAIN()
