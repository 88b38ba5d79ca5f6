#include "gateway/adapters/gradio/info.h"

#include <ctype.h>
#include <string.h>

#include "gateway/adapters/schema.h"

static const char *component_of(const json_t *port)
{
	const char *name = json_string_value(json_object_get(port, "component"));

	/* A state component would be hidden from whoever calls. */
	return name && *name && strcmp(name, "state") != 0 ? name : "json";
}

static const char *label_of(const json_t *port, const char *name)
{
	const char *label = json_string_value(json_object_get(port, "label"));

	return label && *label ? label : name;
}

static const char *text_of(const json_t *names, size_t i)
{
	const char *text = json_string_value(json_array_get(names, i));

	return text ? text : "value";
}

/* --- config --- */

static json_t *describe_component(json_int_t id, const json_t *port, const char *name)
{
	const char *type = component_of(port);

	return json_pack("{sI ss s{ss ss sb}}", "id", id, "type", type, "props", "name", type,
		"label", label_of(port, name), "visible", 1);
}

/* Adds components for the ports and gives their ids. */
static json_t *place_ports(const json_t *ports, json_t *components)
{
	json_t *ids = json_array(), *names = schema_names(ports), *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		json_int_t id = (json_int_t)json_array_size(components) + 1;

		(void)json_array_append_new(
			components, describe_component(id, port, text_of(names, i)));
		(void)json_array_append_new(ids, json_integer(id));
	}
	json_decref(names);
	return ids;
}

static json_t *describe_dependency(size_t i, const struct function *f, json_t *components)
{
	json_t *inputs = place_ports(f->inputs, components);
	json_t *outputs = place_ports(f->outputs, components);

	return json_pack("{sI ss ss sb sb ss so so s[] s[] s{sb sb}}", "id",
		(json_int_t)i + GRADIO_FIRST, "api_name", f->name, "api_visibility", "public",
		"backend_fn", 1, "queue", 1, "connection", "sse", "inputs", inputs, "outputs",
		outputs, "targets", "cancels", "types", "generator", f->stream, "cancel", 0);
}

static json_t *ids_of(const json_t *list)
{
	json_t *ids = json_array(), *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		(void)json_array_append(ids, json_object_get(o, "id"));
	}
	return ids;
}

static json_t *describe_page(const json_t *components, const json_t *dependencies)
{
	return json_pack("{s{so so s{}}}", "", "components", ids_of(components), "dependencies",
		ids_of(dependencies), "layout");
}

json_t *gradio_config(const struct gradio_about *about, const struct function_table *t)
{
	json_t *components = json_array(), *dependencies = json_array();

	for (size_t i = 0; i < t->n; i++)
		(void)json_array_append_new(
			dependencies, describe_dependency(i, &t->list[i], components));
	/* space_id and connect_heartbeat: see the contract; a client would take a token elsewhere,
	 * and a process of Node would never end. */
	return json_pack("{ss ss ss ss ss ss ss sb sb sb sb sn sI sn so so so}", "version",
		"5.49.1", "protocol", "sse_v3", "api_prefix", GRADIO_PREFIX, "root", about->root,
		"app_id", about->revision, "title", about->title, "mode", "blocks", "enable_queue",
		1, "show_error", 1, "connect_heartbeat", 0, "run_history", 0, "space_id",
		"max_file_size", (json_int_t)about->upload_bytes, "username", "page",
		describe_page(components, dependencies), "components", components, "dependencies",
		dependencies);
}

/* --- info --- */

static json_t *file_schema(void)
{
	return json_pack("{ss ss s[ss] s{s{ss} s{ss} s{ss} s{ss} s{ss} s{ss} s{ss s{s{ss ss}}}}}",
		"type", "object", "title", "FileData", "required", "path", "meta", "properties",
		"path", "type", "string", "url", "type", "string", "size", "type", "integer",
		"orig_name", "type", "string", "mime_type", "type", "string", "is_stream", "type",
		"boolean", "meta", "type", "object", "properties", "_type", "const",
		"gradio.FileData", "type", "string");
}

/* What each type of components.def is to these clients. */
static const struct {
	const char *type, *python;
} plain_types[] = {
	{"string", "str"},
	{"number", "float"},
	{"boolean", "bool"},
};

static json_t *list_of(json_t *schema, bool list)
{
	return list ? json_pack("{ss so}", "type", "array", "items", schema) : schema;
}

static json_t *type_of(const json_t *port, const char **ret_python)
{
	const char *type = json_string_value(json_object_get(port, "type"));
	bool list = schema_is_list(port);

	if (schema_is_file(port)) {
		*ret_python = list ? "list[filepath]" : "filepath";
		return list_of(file_schema(), list);
	}
	for (size_t i = 0; type && i < sizeof(plain_types) / sizeof(*plain_types); i++) {
		if (strcmp(plain_types[i].type, type) != 0)
			continue;
		*ret_python = list ? "list" : plain_types[i].python;
		return list_of(json_pack("{ss}", "type", type), list);
	}
	*ret_python = "str | float | bool | list | dict";
	return json_pack("{ss}", "description", "any valid json");
}

static json_t *describe_port(const json_t *port, const char *name)
{
	const char *python;
	json_t *type = type_of(port, &python);
	char component[64];

	(void)snprintf(component, sizeof(component), "%s", component_of(port));
	component[0] = (char)toupper((unsigned char)component[0]);
	return json_pack("{ss so s{ss ss} ss}", "label", label_of(port, name), "type", type,
		"python_type", "type", python, "description", "", "component", component);
}

static json_t *describe_parameter(const json_t *port, const char *name)
{
	json_t *o = describe_port(port, name);
	json_t *fallback = json_object_get(port, "default");
	bool required = schema_is_required(port);

	if (!o)
		return NULL;
	(void)json_object_set_new(o, "parameter_name", json_string(name));
	(void)json_object_set_new(o, "parameter_has_default", json_boolean(!required));
	(void)json_object_set_new(o, "parameter_default",
		!required && fallback ? json_deep_copy(fallback) : json_null());
	(void)json_object_set_new(o, "example_input", json_null());
	return o;
}

static json_t *describe_ports(
	const json_t *ports, json_t *(*describe)(const json_t *port, const char *name))
{
	json_t *list = json_array(), *names = schema_names(ports), *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		(void)json_array_append_new(list, describe(port, text_of(names, i)));
	}
	json_decref(names);
	return list;
}

static json_t *describe_function(const struct function *f)
{
	const char *words = json_string_value(json_object_get(f->entry, "description"));

	return json_pack("{ss ss so so}", "description", words ? words : "", "api_visibility",
		"public", "parameters", describe_ports(f->inputs, describe_parameter), "returns",
		describe_ports(f->outputs, describe_port));
}

json_t *gradio_info(const struct function_table *t)
{
	json_t *named = json_object();
	char key[PORT_NAME_MAX + 2];

	for (size_t i = 0; i < t->n; i++) {
		(void)snprintf(key, sizeof(key), "/%s", t->list[i].name);
		(void)json_object_set_new(named, key, describe_function(&t->list[i]));
	}
	return json_pack("{so s{}}", "named_endpoints", named, "unnamed_endpoints");
}
