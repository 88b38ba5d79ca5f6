/* The app's components as JSON, for pages, workers and the overlay alike. */
#include <stdlib.h>
#include <string.h>

#include "proto/constants.h"
#include "tests/sim/sim.h"

static const char *key_of(uint32_t node, char ret[12])
{
	(void)snprintf(ret, 12, "%u", node);
	return ret;
}

json_t *comps_new(void)
{
	return json_pack("{s{si} s{ss} s{ss} s{ss} s{s[]}}", "108", "value", 0, "109", "value", "",
		"110", "value", "", "111", "value", "", "112", "value");
}

/* The container and the last key or index of a path. */
static json_t *walk(json_t *at, char *path, char **ret_last)
{
	char *slash;

	while ((slash = strchr(path, '/'))) {
		json_t *next;

		*slash = '\0';
		next = json_is_array(at) ? json_array_get(at, strtoul(path, NULL, 10))
					 : json_object_get(at, path);
		if (!next)
			broken("a patch into %s, which is not there", path);
		at = next;
		path = slash + 1;
	}
	*ret_last = path;
	return at;
}

static void put(json_t *at, const char *last, json_t *value)
{
	size_t i = strtoul(last, NULL, 10);

	if (!json_is_array(at))
		(void)json_object_set_new(at, last, value);
	else if (i == json_array_size(at))
		(void)json_array_append_new(at, value);
	else if (json_array_set_new(at, i, value) < 0)
		broken("a patch of item %zu of %zu", i, json_array_size(at));
}

static void append(json_t *at, const char *last, const uint8_t *value, size_t n)
{
	json_t *old = json_is_array(at) ? json_array_get(at, strtoul(last, NULL, 10))
					: json_object_get(at, last);
	const char *text = json_is_string(old) ? json_string_value(old) : "";
	size_t length = strlen(text);
	char *whole = sim_malloc(length + n + 1);

	memcpy(whole, text, length);
	memcpy(whole + length, value, n);
	whole[length + n] = '\0';
	put(at, last, json_string(whole));
	free(whole);
}

static void cut(json_t *at, const char *last)
{
	if (!json_is_array(at)) {
		(void)json_object_del(at, last);
		return;
	}
	while (json_array_size(at) > strtoul(last, NULL, 10))
		(void)json_array_remove(at, json_array_size(at) - 1);
}

void comps_apply(json_t *comps, uint32_t node, uint8_t op, const char *path, size_t path_length,
	const uint8_t *value, size_t n)
{
	char key[12], copy[64], *last;
	json_t *at = json_object_get(comps, key_of(node, key));

	if (!at) {
		at = json_object();
		(void)json_object_set_new(comps, key, at);
	}
	if (path_length >= sizeof(copy))
		broken("a path of %zu bytes", path_length);
	memcpy(copy, path, path_length);
	copy[path_length] = '\0';
	at = walk(at, copy, &last);
	switch (op) {
	case PATCH_SET:
		put(at, last, json_loadb((const char *)value, n, JSON_DECODE_ANY, NULL));
		break;
	case PATCH_APPEND:
		append(at, last, value, n);
		break;
	default:
		cut(at, last);
	}
}

void comps_apply_frame(json_t *comps, const struct frame *patch)
{
	struct patch p;

	if (patch_read(&p, patch, NULL) < 0)
		broken("a malformed patch");
	comps_apply(comps, p.node, p.op, p.path, p.path_length, p.value, p.length);
}

json_t *comps_value(const json_t *comps, uint32_t node)
{
	char key[12];

	return json_object_get(json_object_get(comps, key_of(node, key)), "value");
}

json_t *tree_new(const char *bundle)
{
	static const char *const retry = "{s{sb}}";
	json_t *children = json_array();
	json_t *tree;

	for (uint32_t n = NODE_ADD; n <= NODE_LIST; n++) {
		json_t *node = json_pack("{sI ss ss}", "n", (json_int_t)n, "key", "x", "type", "x");

		if (n == NODE_SAFE)
			(void)json_object_set_new(
				node, "on", json_pack(retry, "click", "retry", 1));
		if (n == NODE_PASSWORD)
			(void)json_object_set_new(node, "props", json_pack("{sb}", "password", 1));
		(void)json_array_append_new(children, node);
	}
	tree = json_pack("{ss s{si ss ss so}}", "title", bundle, "root", "n", 1, "key", "column",
		"type", "column", "children", children);
	if (!tree)
		broken("out of memory");
	return tree;
}
