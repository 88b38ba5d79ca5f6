#include "gateway/adapters/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What gradio_client's predict() and submit() take for themselves. */
static const char *const reserved[] = {"api_name", "fn_index", "headers", "result_callbacks"};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text && *text ? text : NULL;
}

/* --- names --- */

const char *schema_function_name(const json_t *function)
{
	const char *name = text_of(function, "name");
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_")
			: 0;

	return n > 0 && n <= PORT_NAME_MAX && !name[n] ? name : NULL;
}

static bool is_taken(const json_t *seen, const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (!strcmp(reserved[i], name))
			return true;
	return json_object_get(seen, name);
}

/* Runs of anything else become one '_', none of them first or last. */
static void clean_name(const char *text, char ret[PORT_NAME_MAX + 1])
{
	size_t n = 0;

	for (; *text && n < PORT_NAME_MAX; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && (isalnum(c) || c == '_')) {
			if (n == 0 && isdigit(c))
				ret[n++] = '_';
			if (n < PORT_NAME_MAX)
				ret[n++] = (char)c;
		} else if (n > 0 && ret[n - 1] != '_') {
			ret[n++] = '_';
		}
	}
	while (n > 1 && ret[n - 1] == '_')
		n--;
	ret[n] = '\0';
}

/*
 * seen: the names so far. next: the number behind the last that was tried, by the part of a stem
 * that no number cuts off; without it many of one name would each try all that the others have.
 */
static int make_unique(json_t *seen, json_t *next, char name[PORT_NAME_MAX + 1])
{
	char stem[PORT_NAME_MAX + 1], key[PORT_NAME_MAX - 10];
	json_int_t i;
	int r = 0;

	if (is_taken(seen, name)) {
		memcpy(stem, name, sizeof(stem));
		(void)snprintf(key, sizeof(key), "%.*s", (int)sizeof(key) - 1, stem);
		i = json_integer_value(json_object_get(next, key));
		for (i = i < 2 ? 2 : i; is_taken(seen, name); i++) {
			char tail[24];
			int n = snprintf(tail, sizeof(tail), "_%lld", (long long)i);

			(void)snprintf(
				name, PORT_NAME_MAX + 1, "%.*s%s", PORT_NAME_MAX - n, stem, tail);
		}
		r = json_object_set_new(next, key, json_integer(i));
	}
	return r < 0 ? r : json_object_set_new(seen, name, json_true());
}

json_t *schema_names(const json_t *ports)
{
	json_t *names = json_array(), *seen = json_object(), *next = json_object();
	size_t i;
	json_t *port;

	json_array_foreach(ports, i, port)
	{
		const char *text = text_of(port, "name");
		char name[PORT_NAME_MAX + 1] = "";

		if (text)
			clean_name(text, name);
		if (!name[0] && text_of(port, "component"))
			clean_name(text_of(port, "component"), name);
		if (!name[0])
			memcpy(name, "value", sizeof("value"));
		if (make_unique(seen, next, name) < 0 ||
			json_array_append_new(names, json_string(name)) < 0) {
			json_decref(names);
			names = NULL;
			break;
		}
	}
	json_decref(seen);
	json_decref(next);
	return names;
}

/* --- one value --- */

struct shape {
	const char *component; /* NULL: any */
	const char *type;      /* of components.def; NULL: any */
	bool file;
	json_t *(*schema)(void); /* NULL: file says it */
};

static json_t *string_schema(void)
{
	return json_pack("{ss}", "type", "string");
}

static json_t *number_schema(void)
{
	return json_pack("{ss}", "type", "number");
}

static json_t *boolean_schema(void)
{
	return json_pack("{ss}", "type", "boolean");
}

static json_t *label_schema(void)
{
	return json_pack("{ss s{ss ss s{s{ss} s{ss s{ss s{s{ss} s{ss}}}}}}", "type", "object",
		"properties", "label", "type", "string", "confidences", "type", "array", "items",
		"type", "object", "properties", "label", "type", "string", "confidence", "type",
		"number");
}

static json_t *turns_schema(void)
{
	return json_pack("{ss s{ss s{s{ss s[sss]} s{}} s[ss]}}", "type", "array", "items", "type",
		"object", "properties", "role", "type", "string", "enum", "user", "assistant",
		"system", "content", "required", "role", "content");
}

static json_t *sketch_schema(void)
{
	return json_pack("{ss s{s{ss} s{ss} s{ss s{ss ss}}}}", "type", "object", "properties",
		"width", "type", "integer", "height", "type", "integer", "pixels", "type", "array",
		"items", "type", "integer", "description", "0 paper to 255 ink, row by row");
}

static json_t *message_schema(void)
{
	return json_pack("{ss s{s{ss} s{ss s{ss s{s{ss}} s[s]}}}}", "type", "object", "properties",
		"text", "type", "string", "files", "type", "array", "items", "type", "object",
		"properties", "file", "type", "string", "required", "file");
}

static json_t *table_schema(void)
{
	return json_pack("{ss}", "description",
		"a table: {\"headers\": […], \"rows\": [[…], …]}, or an array of objects");
}

static json_t *datetime_schema(void)
{
	return json_pack("{ss ss}", "type", "string", "description",
		"\"2026-11-26\", \"13:05\" or \"2026-11-26T13:05\"");
}

static const struct shape shapes[] = {
	{NULL, "file", true, NULL},
	{NULL, "files", true, NULL},
	{"image", NULL, true, NULL},
	{"file", NULL, true, NULL},
	{"audio", NULL, true, NULL},
	{"video", NULL, true, NULL},
	{"label", NULL, false, label_schema},
	{"chatbot", NULL, false, turns_schema},
	{"sketch", NULL, false, sketch_schema},
	{"multimodal", NULL, false, message_schema},
	{"dataframe", NULL, false, table_schema},
	{"datetime", NULL, false, datetime_schema},
	{"checkbox_group", NULL, false, string_schema}, /* of each, as the next */
	{"range_slider", NULL, false, number_schema},
	{NULL, "string", false, string_schema},
	{NULL, "number", false, number_schema},
	{NULL, "boolean", false, boolean_schema},
};

static const struct shape *shape_of(const json_t *port)
{
	const char *component = json_string_value(json_object_get(port, "component"));
	const char *type = json_string_value(json_object_get(port, "type"));

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		const struct shape *s = &shapes[i];

		if ((!s->component || (component && !strcmp(component, s->component))) &&
			(!s->type || (type && !strcmp(type, s->type))))
			return s;
	}
	return NULL;
}

bool schema_is_file(const json_t *port)
{
	const struct shape *s = shape_of(port);

	return s && s->file;
}

static bool is_component(const json_t *port, const char *name)
{
	const char *component = json_string_value(json_object_get(port, "component"));

	return component && !strcmp(component, name);
}

bool schema_is_list(const json_t *port)
{
	const char *type = json_string_value(json_object_get(port, "type"));

	return json_is_true(json_object_get(port, "multiple")) ||
	       (type && !strcmp(type, "files")) || is_component(port, "checkbox_group") ||
	       is_component(port, "range_slider");
}

bool schema_is_required(const json_t *port)
{
	return json_is_true(json_object_get(port, "required"));
}

static json_t *file_schema(bool output)
{
	if (output)
		return json_pack("{ss ss s{s{ss} s{ss} s{ss} s{ss} s{ss}}}", "type", "object",
			"description", "a file; its bytes are at url", "properties", "file", "type",
			"string", "name", "type", "string", "type", "type", "string", "size",
			"type", "integer", "url", "type", "string");
	return json_pack("{ss s[{ss s{s{ss ss} s{ss}} s[s]} {ss ss ss}]}", "description",
		"a file: the answer of the Space's upload path, or a data: URL", "anyOf", "type",
		"object", "properties", "file", "type", "string", "description",
		"id of an uploaded file", "name", "type", "string", "required", "file", "type",
		"string", "pattern", "^data:", "description",
		"data:MEDIA/TYPE;base64,… of at most 4 MiB");
}

/* The values of {label, value} or of plain choices; NULL: there are none, or too many to list. */
#define CHOICES_LISTED 200
static json_t *choices_enum(const json_t *port)
{
	const json_t *choices = json_object_get(port, "choices");
	json_t *list, *choice;
	size_t i;

	if (json_array_size(choices) == 0 || json_array_size(choices) > CHOICES_LISTED)
		return NULL;
	list = json_array();
	json_array_foreach(choices, i, choice)
	{
		json_t *value = json_is_object(choice) ? json_object_get(choice, "value") : choice;

		if (value)
			(void)json_array_append(list, value);
	}
	return list;
}

static void copy_limit(json_t *schema, const char *to, const json_t *port, const char *from)
{
	json_t *limit = json_object_get(port, from);

	if (json_is_number(limit))
		(void)json_object_set(schema, to, limit);
}

/* What one value must be besides its type; of a list: each. */
static void add_limits(json_t *schema, const json_t *port)
{
	const char *type = json_string_value(json_object_get(schema, "type"));
	json_t *list = json_is_true(json_object_get(port, "custom")) ? NULL : choices_enum(port);

	if (list)
		(void)json_object_set_new(schema, "enum", list);
	if (type && !strcmp(type, "number")) {
		copy_limit(schema, "minimum", port, "min");
		copy_limit(schema, "maximum", port, "max");
	}
	if (type && !strcmp(type, "string") && !list)
		copy_limit(schema, "maxLength", port, "max_length");
}

/* JSON Schema's "type" may be an array: so a result may be null. */
static void allow_null(json_t *schema)
{
	json_t *type = json_object_get(schema, "type");

	if (json_is_string(type))
		(void)json_object_set_new(schema, "type", json_pack("[Os]", type, "null"));
}

json_t *schema_port(const json_t *port, bool output)
{
	const struct shape *s = shape_of(port);
	json_t *schema = s && s->file ? file_schema(output) : s ? s->schema() : json_object();
	json_t *value = json_object_get(port, "default");
	const char *words = text_of(port, "label");

	if (!output)
		add_limits(schema, port);
	if (schema_is_list(port))
		schema = json_pack("{ss so}", "type", "array", "items", schema);
	if (is_component(port, "range_slider"))
		(void)json_object_update_new(
			schema, json_pack("{si si}", "minItems", 2, "maxItems", 2));
	if (output)
		allow_null(schema);
	if (words)
		(void)json_object_set_new(schema, "title", json_string(words));
	words = text_of(port, "info");
	if (words)
		(void)json_object_set_new(schema, "description", json_string(words));
	if (!output && value && !json_is_null(value))
		(void)json_object_set(schema, "default", value);
	return schema;
}

/* --- all of them --- */

static json_t *object_schema(const json_t *ports, bool output)
{
	json_t *names = schema_names(ports);
	json_t *properties = json_object(), *required = json_array();
	size_t i;
	json_t *port;

	json_array_foreach(ports, i, port)
	{
		const char *name = json_string_value(json_array_get(names, i));

		if (!name)
			break;
		(void)json_object_set_new(properties, name, schema_port(port, output));
		if (output || schema_is_required(port))
			(void)json_array_append_new(required, json_string(name));
	}
	json_decref(names);
	return json_pack("{ss so so sb}", "type", "object", "properties", properties, "required",
		required, "additionalProperties", 0);
}

json_t *schema_inputs(const json_t *function)
{
	return object_schema(json_object_get(function, "inputs"), false);
}

json_t *schema_outputs(const json_t *function)
{
	return object_schema(json_object_get(function, "outputs"), true);
}
