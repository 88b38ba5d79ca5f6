#include "gateway/adapters/named.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/adapters/schema.h"
#include "gateway/files.h"

#define FILES_DEPTH 16 /* how deep in a result files are looked for */

static int find(const json_t *names, const char *name)
{
	size_t i;
	json_t *other;

	json_array_foreach(names, i, other)
	{
		if (!strcmp(json_string_value(other), name))
			return (int)i;
	}
	return -1;
}

static int refuse(char *field, size_t size, const char *name, const char *what, struct err *e)
{
	(void)snprintf(field, size, "%s", name);
	return err_set(e, -EINVAL, "%.80s: %s", name, what);
}

int named_arguments(const json_t *function, const json_t *named, json_t **ret, char *ret_field,
	size_t field_size, struct err *e)
{
	const json_t *inputs = json_object_get(function, "inputs");
	json_t *names = schema_names(inputs), *list = json_array(), *port;
	const char *key;
	json_t *value;
	size_t i;
	int r = names && list ? 0 : -ENOMEM;

	json_object_foreach((json_t *)named, key, value)
	{
		if (r == 0 && find(names, key) < 0)
			r = refuse(ret_field, field_size, key,
				"the function has no parameter of this name", e);
	}
	json_array_foreach(inputs, i, port)
	{
		const char *name = json_string_value(json_array_get(names, i));

		value = name ? json_object_get(named, name) : NULL;
		if (r == 0 && !value && schema_is_required(port))
			r = refuse(ret_field, field_size, name, "missing, and it is required", e);
		if (r == 0 &&
			json_array_append_new(list, value ? json_incref(value) : json_null()) < 0)
			r = -ENOMEM;
	}
	json_decref(names);
	if (r < 0)
		json_decref(list);
	else
		*ret = list;
	return r;
}

/* A copy in which each {"file": id, …} has a url. */
static json_t *with_urls(const json_t *value, const char *url, int depth)
{
	const char *id, *key;
	json_t *copy, *part;
	size_t i;

	if (depth > FILES_DEPTH || !(json_is_object(value) || json_is_array(value)))
		return json_incref((json_t *)value);
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, i, part)(void)
			json_array_append_new(copy, with_urls(part, url, depth + 1));
		return copy;
	}
	copy = json_object();
	json_object_foreach((json_t *)value, key, part)(void)
		json_object_set_new_nocheck(copy, key, with_urls(part, url, depth + 1));
	id = json_string_value(json_object_get(value, "file"));
	if (id && file_id_is_valid(id, strlen(id)))
		(void)json_object_set_new(copy, "url", json_sprintf("%s/-/file/%s", url, id));
	return copy;
}

json_t *named_results(const json_t *function, const json_t *results, const char *url)
{
	json_t *names = schema_names(json_object_get(function, "outputs")), *o = json_object();
	const char *name;
	json_t *value;
	size_t i;

	for (i = 0; i < json_array_size(names); i++) {
		name = json_string_value(json_array_get(names, i));
		value = json_array_get(results, i);
		(void)json_object_set_new(o, name, value ? with_urls(value, url, 1) : json_null());
	}
	json_decref(names);
	return o;
}
