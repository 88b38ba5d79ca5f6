#include "gateway/adapters/named.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "gateway/adapters/schema.h"
#include "gateway/files.h"

#define FILES_DEPTH 16 /* how deep in a result files are looked for */

/* --- arguments --- */

static int refuse(
	char *field, size_t size, const char *name, size_t n, const char *what, struct err *e)
{
	(void)snprintf(field, size, "%.*s", (int)utf8_cut(name, n, size - 1), name);
	return err_set(e, -EINVAL, "%.*s: %s", (int)utf8_cut(name, n, 80), name, what);
}

static bool has_name(const json_t *names, struct slice key)
{
	size_t i;
	json_t *name;

	json_array_foreach(names, i, name)
	{
		if (slice_is_string(key, json_string_value(name)))
			return true;
	}
	return false;
}

static int check_names(
	const json_t *names, struct slice object, char *field, size_t size, struct err *e)
{
	struct slice_walk walk;
	struct slice key, value;

	if (!slice_walk_begin(object, &walk) || !walk.object)
		return err_set(e, -EBADMSG, "the arguments must be a JSON object");
	while (slice_walk_next(&walk, &key, &value))
		if (!has_name(names, key))
			return refuse(field, size, (const char *)key.at + 1, key.n - 2,
				"the function has no parameter of this name", e);
	return 0;
}

/* A data: URL, at a place for a file; or each of a list. */
static bool is_data(struct slice s)
{
	return s.n > 7 && !memcmp(s.at, "\"data:", 6);
}

static int add_file(
	const struct named_files *files, struct slice value, struct buf *b, struct err *e)
{
	return files && is_data(value) ? files->keep(value, b, files->data, e)
				       : buf_add(b, value.at, value.n);
}

static int add_argument(const json_t *port, const struct named_files *files, struct slice value,
	struct buf *b, struct err *e)
{
	struct slice_walk walk;
	struct slice part;
	bool first = true;
	int r;

	if (!schema_is_file(port))
		return buf_add(b, value.at, value.n);
	if (!slice_walk_begin(value, &walk) || walk.object)
		return add_file(files, value, b, e);
	r = buf_add_str(b, "[");
	for (; r == 0 && slice_walk_next(&walk, NULL, &part); first = false) {
		r = first ? 0 : buf_add_str(b, ",");
		if (r == 0)
			r = add_file(files, part, b, e);
	}
	return r < 0 ? r : buf_add_str(b, "]");
}

/* What was left out before the next one is null; behind the last it is not even that. */
static int add_left_out(struct buf *b, size_t from, size_t to)
{
	int r = 0;

	for (; from < to && r == 0; from++)
		r = buf_add_str(b, from > 0 ? ",null" : "null");
	return r == 0 && to > 0 ? buf_add_str(b, ",") : r;
}

int named_arguments(const json_t *function, struct slice object, const struct named_files *files,
	struct buf *b, char *ret_field, size_t field_size, struct err *e)
{
	const json_t *inputs = json_object_get(function, "inputs");
	json_t *names = schema_names(inputs), *port;
	size_t i, written = 0;
	int r = names ? check_names(names, object, ret_field, field_size, e) : -ENOMEM;

	if (r == 0)
		r = buf_add_str(b, "[");
	json_array_foreach(inputs, i, port)
	{
		const char *name = json_string_value(json_array_get(names, i));
		struct slice value = slice_member(object, name);

		if (r == 0 && !value.at && schema_is_required(port))
			r = refuse(ret_field, field_size, name, strlen(name),
				"missing, and it is required", e);
		if (r < 0 || !value.at)
			continue;
		r = add_left_out(b, written, i);
		if (r == 0)
			r = add_argument(port, files, value, b, e);
		if (r == -EBADMSG || r == -EMSGSIZE)
			(void)snprintf(ret_field, field_size, "%s", name);
		written = i + 1;
	}
	json_decref(names);
	return r < 0 ? r : buf_add_str(b, "]");
}

bool named_field(const json_t *function, const char *words, char *ret, size_t size)
{
	static const char head[] = "argument '";
	json_t *names, *name;
	bool found = false;
	size_t i, n;

	if (strncmp(words, head, sizeof(head) - 1))
		return false;
	words += sizeof(head) - 1;
	n = strcspn(words, "'");
	names = schema_names(json_object_get(function, "inputs"));
	json_array_foreach(names, i, name)
	{
		if (json_string_length(name) == n && n < size &&
			!memcmp(json_string_value(name), words, n)) {
			(void)snprintf(ret, size, "%.*s", (int)n, words);
			found = true;
		}
	}
	json_decref(names);
	return found;
}

/* --- results --- */

static void add_urls(json_t *value, const char *url, int depth)
{
	const char *id, *key;
	json_t *part;
	size_t i;

	if (depth > FILES_DEPTH)
		return;
	json_array_foreach(value, i, part) add_urls(part, url, depth + 1);
	if (!json_is_object(value))
		return;
	json_object_foreach(value, key, part) add_urls(part, url, depth + 1);
	id = json_string_value(json_object_get(value, "file"));
	if (id && file_id_is_valid(id, strlen(id)))
		(void)json_object_set_new(value, "url", json_sprintf("%s/-/file/%s", url, id));
}

static int add_result(struct slice value, const char *url, struct buf *b)
{
	json_t *v = NULL;
	int r;

	/* Only what may hold a file is taken apart. */
	if (!memmem(value.at, value.n, "\"file\"", 6) ||
		json_parse(value.at, value.n, value.n, &v, NULL) < 0)
		return buf_add(b, value.at, value.n);
	add_urls(v, url, 1);
	r = json_write(b, v);
	json_decref(v);
	return r;
}

int named_results(const json_t *function, struct slice results, const char *url, struct buf *b)
{
	json_t *names = schema_names(json_object_get(function, "outputs")), *name;
	struct slice_walk walk = {0};
	size_t i;
	int r = names ? buf_add_str(b, "{") : -ENOMEM;

	(void)slice_walk_begin(results, &walk);
	json_array_foreach(names, i, name)
	{
		struct slice value;

		if (r == 0)
			r = buf_addf(b, "%s\"%s\":", i > 0 ? "," : "", json_string_value(name));
		if (r < 0)
			break;
		r = walk.at && slice_walk_next(&walk, NULL, &value) ? add_result(value, url, b)
								    : buf_add_str(b, "null");
	}
	json_decref(names);
	return r < 0 ? r : buf_add_str(b, "}");
}
