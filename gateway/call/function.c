#include "gateway/call/function.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/adapters/schema.h"

static bool read_one(const json_t *entry, function_kind_fn kind_of, struct function *ret)
{
	const char *event = json_string_value(json_object_get(entry, "event"));
	json_int_t node = json_integer_value(json_object_get(entry, "node"));
	json_int_t concurrency = json_integer_value(json_object_get(entry, "concurrency"));

	*ret = (struct function){.name = schema_function_name(entry),
		.kind = event ? kind_of(event) : 0,
		.stream = json_is_true(json_object_get(entry, "stream")),
		.inputs = json_object_get(entry, "inputs"),
		.outputs = json_object_get(entry, "outputs"),
		.entry = entry};
	ret->n_inputs = json_array_size(ret->inputs);
	ret->n_outputs = json_array_size(ret->outputs);
	if (node >= 0 && node <= UINT32_MAX)
		ret->node = (uint32_t)node;
	if (concurrency > 0 && concurrency <= UINT32_MAX)
		ret->concurrency = (uint32_t)concurrency;
	return ret->name && ret->kind && ret->n_inputs <= FUNCTION_VALUES_MAX &&
	       ret->n_outputs <= FUNCTION_VALUES_MAX;
}

int functions_read(json_t *api, function_kind_fn kind_of, struct function_table *ret)
{
	size_t n = json_array_size(api), i;
	json_t *entry;

	*ret = (struct function_table){0};
	if (n == 0)
		return 0;
	ret->list = calloc(n < FUNCTIONS_MAX ? n : FUNCTIONS_MAX, sizeof(*ret->list));
	ret->api = json_array();
	if (!ret->list || !ret->api) {
		functions_done(ret);
		return -ENOMEM;
	}
	json_array_foreach(api, i, entry)
	{
		struct function f;

		if (ret->n < FUNCTIONS_MAX && read_one(entry, kind_of, &f) &&
			!function_find(ret, f.name, strlen(f.name)) &&
			json_array_append(ret->api, entry) == 0)
			ret->list[ret->n++] = f;
	}
	return 0;
}

void functions_done(struct function_table *t)
{
	json_decref(t->api);
	free(t->list);
	*t = (struct function_table){0};
}

const struct function *function_find(const struct function_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->list[i].name) == n && !memcmp(t->list[i].name, name, n))
			return &t->list[i];
	return NULL;
}
