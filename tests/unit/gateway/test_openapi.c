#include "gateway/adapters/openapi.h"

#include "base/json.h"
#include "tests/support/test.h"

static json_t *document(bool private, const char *functions)
{
	struct about about = {.owner = "ada",
		.name = "x",
		.title = "X",
		.url = "http://h/spaces/ada/x",
		.revision = "1",
		.private = private};
	json_t *list = NULL, *o;
	struct err e = {0};

	CHECK(json_parse(functions, strlen(functions), 1 << 20, &list, &e) == 0);
	about.functions = list;
	o = openapi_document(&about);
	CHECK(o);
	json_decref(list);
	return o;
}

TEST(each_function_is_a_path_and_a_name_that_is_no_path_is_left_out)
{
	json_t *o = document(false,
		"[{\"name\":\"f\",\"description\":\"Does.\",\"inputs\":[{\"name\":\"a\",\"type\":"
		"\"string\"}],\"outputs\":[]},{\"name\":\"../g\"},7]");
	json_t *paths = json_object_get(o, "paths");
	json_t *post = json_object_get(json_object_get(paths, "/-/api/f"), "post");

	CHECK(json_object_size(paths) == 3);
	CHECK(!strcmp(json_string_value(json_object_get(post, "operationId")), "f"));
	CHECK(!strcmp(json_string_value(json_object_get(post, "description")), "Does."));
	CHECK(json_object_get(json_object_get(post, "responses"), "429"));
	CHECK(json_object_get(paths, "/-/upload") && json_object_get(paths, "/-/file/{id}"));
	json_decref(o);
}

TEST(a_private_space_needs_a_token_and_a_public_one_takes_it)
{
	json_t *open = document(false, "[]"), *closed = document(true, "null");

	CHECK(json_array_size(json_object_get(open, "security")) == 2);
	CHECK(json_array_size(json_object_get(closed, "security")) == 1);
	json_decref(open);
	json_decref(closed);
}

TEST_MAIN()
