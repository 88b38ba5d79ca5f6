#include "gateway/adapters/tools.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"

#define CALL_OPEN "<tool_call>"
#define CALL_CLOSE "</tool_call>"
#define CALLS_MAX 64 /* in one answer */
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* --- reading --- */

static const char *name_of(const json_t *function)
{
	return json_string_value(json_object_get(function, "name"));
}

static const json_t *find_function(const json_t *functions, const char *name)
{
	const json_t *function;
	size_t i;

	json_array_foreach(
		functions, i, function) if (!strcmp(name_of(function), name)) return function;
	return NULL;
}

static int add_function(json_t *functions, size_t i, const json_t *tool, struct err *e)
{
	json_t *function = json_object_get(tool, "function");
	const json_t *parameters = json_object_get(function, "parameters");
	const char *type = json_string_value(json_object_get(tool, "type"));
	const char *name = name_of(function);

	if (!type || strcmp(type, "function") != 0)
		return err_set(e, -EINVAL, "tools[%zu].type: must be function", i);
	if (!name || !*name || strlen(name) > TOOL_NAME_MAX ||
		strspn(name, NAME_LETTERS) != strlen(name))
		return err_set(e, -EINVAL,
			"tools[%zu].function.name: must be 1 to 64 letters, digits, '_' or '-'", i);
	if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
		return err_set(
			e, -EINVAL, "tools[%zu].function.parameters: must be a JSON schema", i);
	if (find_function(functions, name))
		return err_set(
			e, -EINVAL, "tools[%zu].function.name: '%s' is there twice", i, name);
	return json_array_append(functions, function) < 0 ? err_set(e, -ENOMEM, "out of memory")
							  : 0;
}

static int read_functions(const json_t *tools, struct tools *t, struct err *e)
{
	const json_t *tool;
	size_t i;

	if (!json_is_array(tools) || json_array_size(tools) > TOOLS_MAX)
		return err_set(e, -EINVAL, "tools: must be an array of at most %d", TOOLS_MAX);
	t->functions = json_array();
	if (!t->functions)
		return err_set(e, -ENOMEM, "out of memory");
	json_array_foreach(tools, i, tool)
	{
		int r = add_function(t->functions, i, tool, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Only that function is left. */
static int choose_function(const json_t *choice, struct tools *t, struct err *e)
{
	const char *type = json_string_value(json_object_get(choice, "type"));
	const char *name = name_of(json_object_get(choice, "function"));
	const json_t *function;
	json_t *one;

	if (!type || strcmp(type, "function") != 0 || !name)
		return err_set(e, -EINVAL,
			"tool_choice: must be none, auto, required, or a function by its name");
	function = t->functions ? find_function(t->functions, name) : NULL;
	if (!function)
		return err_set(e, -EINVAL, "tool_choice: tools has no function '%.64s'", name);
	one = json_pack("[O]", function);
	if (!one)
		return err_set(e, -ENOMEM, "out of memory");
	json_decref(t->functions);
	t->functions = one;
	t->forced = true;
	return 0;
}

static int read_choice(const json_t *choice, struct tools *t, struct err *e)
{
	const char *word = json_string_value(choice);

	if (!word)
		return choose_function(choice, t, e);
	if (!strcmp(word, "auto"))
		return 0;
	if (!strcmp(word, "none")) {
		tools_done(t);
		return 0;
	}
	if (strcmp(word, "required") != 0)
		return choose_function(NULL, t, e);
	if (json_array_size(t->functions) == 0)
		return err_set(e, -EINVAL, "tool_choice: required, and tools has none");
	t->forced = true;
	return 0;
}

int tools_read(const json_t *tools, const json_t *choice, struct tools *ret, const char **ret_field,
	struct err *e)
{
	int r = 0;

	*ret = (struct tools){0};
	*ret_field = "tools";
	if (tools && !json_is_null(tools))
		r = read_functions(tools, ret, e);
	if (r == 0 && choice && !json_is_null(choice)) {
		*ret_field = "tool_choice";
		r = read_choice(choice, ret, e);
	}
	if (r < 0 || json_array_size(ret->functions) == 0)
		tools_done(ret);
	return r;
}

void tools_done(struct tools *t)
{
	json_decref(t->functions);
	*t = (struct tools){0};
}

/* --- what the model is told --- */

int tools_describe(const struct tools *t, struct buf *b)
{
	const json_t *function;
	size_t i;
	int r = buf_add_str(b,
		"# Tools\n\nYou may call one or more functions to assist with the user "
		"query.\n\nYou are provided with function signatures within "
		"<tools></tools> XML tags:\n<tools>");

	json_array_foreach(t->functions, i, function)
	{
		if (r == 0)
			r = buf_add_str(b, "\n{\"type\": \"function\", \"function\": ");
		if (r == 0)
			r = json_write(b, function);
		if (r == 0)
			r = buf_add_str(b, "}");
	}
	if (r == 0)
		r = buf_add_str(b, "\n</tools>\n\n");
	if (r < 0)
		return r;
	if (t->forced)
		return buf_add_str(b, "Answer with one function call only, a json object with "
				      "function name and arguments:\n{\"name\": <function-name>, "
				      "\"arguments\": <args-json-object>}");
	return buf_add_str(b,
		"For each function call, return a json object with function name and arguments "
		"within " CALL_OPEN CALL_CLOSE " XML tags:\n" CALL_OPEN
		"\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n" CALL_CLOSE);
}

static json_t *schema_of(const json_t *function)
{
	json_t *parameters = json_object_get(function, "parameters");

	parameters = json_is_object(parameters) ? json_incref(parameters)
						: json_pack("{s:s}", "type", "object");
	return json_pack("{s:s, s:{s:{s:[s]}, s:o}, s:[ss], s:b}", "type", "object", "properties",
		"name", "enum", name_of(function), "arguments", parameters, "required", "name",
		"arguments", "additionalProperties", 0);
}

json_t *tools_format(const struct tools *t)
{
	json_t *list = json_array(), *schema;
	const json_t *function;
	size_t i;

	json_array_foreach(t->functions, i, function)
	{
		if (json_array_append_new(list, schema_of(function)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	schema = json_array_size(list) == 1 ? json_incref(json_array_get(list, 0))
					    : json_pack("{s:O}", "anyOf", list);
	json_decref(list);
	return json_pack("{s:s, s:{s:s, s:o}}", "type", "json_schema", "json_schema", "name",
		"tool_call", "schema", schema);
}

/* --- earlier turns --- */

/* arguments is a text of JSON there; where it is none, it goes in as it is, as a text. */
static int write_call(const json_t *call, struct buf *b)
{
	const json_t *function = json_object_get(call, "function");
	const json_t *text = json_object_get(function, "arguments");
	CLEANUP(json_unrefp) json_t *arguments = NULL, *o = NULL;
	struct err ignored;
	int r;

	if (!name_of(function) || !json_is_string(text))
		return -EINVAL;
	if (json_parse(json_string_value(text), json_string_length(text), SIZE_MAX, &arguments,
		    &ignored) < 0)
		arguments = json_incref((json_t *)text);
	o = json_pack("{s:s, s:O}", "name", name_of(function), "arguments", arguments);
	if (!o)
		return -ENOMEM;
	r = buf_add_str(b, b->len ? "\n" CALL_OPEN "\n" : CALL_OPEN "\n");
	if (r == 0)
		r = json_write(b, o);
	return r < 0 ? r : buf_add_str(b, "\n" CALL_CLOSE);
}

int tools_write_calls(const json_t *calls, struct buf *b)
{
	const json_t *call;
	size_t i;

	if (!json_is_array(calls))
		return -EINVAL;
	json_array_foreach(calls, i, call)
	{
		int r = write_call(call, b);

		if (r < 0)
			return r;
	}
	return 0;
}

int tools_write_result(const char *text, size_t n, struct buf *b)
{
	int r = buf_add_str(b, b->len ? "\n<tool_response>\n" : "<tool_response>\n");

	if (r == 0)
		r = buf_add(b, text, n);
	return r < 0 ? r : buf_add_str(b, "\n</tool_response>");
}

/* --- what the model has written --- */

/* 1: it is a call of one of them, added. 0: it is none. */
static int take_call(const struct tools *t, const char *text, size_t n, json_t *calls)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	CLEANUP(buf_done) struct buf arguments;
	const json_t *v;
	struct err ignored;
	char id[ID_LEN + 1];
	int r;

	buf_init(&arguments, 1u << 20);
	if (json_parse(text, n, 1u << 20, &o, &ignored) < 0)
		return 0;
	v = json_object_get(o, "arguments");
	if (!name_of(o) || !find_function(t->functions, name_of(o)) || (v && !json_is_object(v)))
		return 0;
	r = v ? json_write(&arguments, v) : buf_add_str(&arguments, "{}");
	if (r < 0)
		return r;
	random_id(id);
	return json_array_append_new(calls,
		       json_pack("{s:s+, s:s, s:{s:s, s:s}}", "id", "call_", id, "type", "function",
			       "function", "name", name_of(o), "arguments", buf_str(&arguments))) <
			       0
		       ? -ENOMEM
		       : 1;
}

static int find_tagged(const struct tools *t, const char *text, json_t *calls)
{
	const char *at = strstr(text, CALL_OPEN), *end;
	int n = 0;

	for (; at && n < CALLS_MAX; at = strstr(end, CALL_OPEN)) {
		int r;

		at += strlen(CALL_OPEN);
		end = strstr(at, CALL_CLOSE);
		if (!end) /* the tag is often what ends the text */
			end = at + strlen(at);
		r = take_call(t, at, (size_t)(end - at), calls);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

int tools_find(const struct tools *t, const char *text, json_t **ret_calls, size_t *ret_n)
{
	const char *tag = strstr(text, CALL_OPEN);
	size_t words = 0;
	json_t *calls = json_array();
	int n = calls ? 0 : -ENOMEM;

	if (n == 0 && t->forced)
		n = take_call(t, text, strlen(text), calls);
	if (n == 0 && tag) {
		n = find_tagged(t, text, calls);
		words = (size_t)(tag - text);
	}
	if (n <= 0) {
		json_decref(calls);
		return n;
	}
	while (words > 0 && strchr(" \t\r\n", text[words - 1]))
		words--;
	*ret_n = words;
	*ret_calls = calls;
	return n;
}
