#include "base/json.h"

#include <errno.h>
#include <string.h>

/* jansson's own depth limit is fixed at build time and far above ours, so count first: brackets
 * outside strings, which is exact for every valid document and safe for every other. */
static int check_depth(const char *text, size_t n, struct err *e)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > JSON_DEPTH_MAX)
				return err_set(
					e, -EBADMSG, "JSON: nested deeper than %d", JSON_DEPTH_MAX);
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return 0;
}

int json_parse(const void *text, size_t n, size_t max, json_t **ret, struct err *e)
{
	json_error_t why;
	json_t *v;
	int r;

	if (n > max)
		return err_set(e, -EMSGSIZE, "JSON: %zu bytes, the limit is %zu", n, max);
	r = check_depth(text, n, e);
	if (r < 0)
		return r;
	v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!v)
		return err_set(e, -EBADMSG, "JSON: line %d: %s", why.line, why.text);
	*ret = v;
	return 0;
}

static int append_chunk(const char *bytes, size_t n, void *data)
{
	return buf_add(data, bytes, n) < 0 ? -1 : 0;
}

int json_write(struct buf *b, const json_t *v)
{
	size_t start = b->len;

	if (json_dump_callback(v, append_chunk, b, JSON_COMPACT | JSON_ENCODE_ANY) == 0)
		return 0;
	b->len = start;
	return -ENOSPC;
}

static int check_str(const json_t *v, const char *key, size_t max, const char **ret, struct err *e)
{
	if (!json_is_string(v))
		return err_set(e, -EINVAL, "%s: must be a string", key);
	if (json_string_length(v) > max)
		return err_set(e, -EINVAL, "%s: %zu bytes, the limit is %zu", key,
			json_string_length(v), max);
	*ret = json_string_value(v);
	return 0;
}

static int check_int(
	const json_t *v, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	int64_t n;

	if (!json_is_integer(v))
		return err_set(e, -EINVAL, "%s: must be a whole number", key);
	n = json_integer_value(v);
	if (n < min || n > max)
		return err_set(e, -EINVAL, "%s: %lld is outside %lld to %lld", key, (long long)n,
			(long long)min, (long long)max);
	*ret = n;
	return 0;
}

int json_get_str(const json_t *o, const char *key, size_t max, const char **ret, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		return err_set(e, -ENOENT, "%s: missing", key);
	return check_str(v, key, max, ret, e);
}

int json_get_int(
	const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		return err_set(e, -ENOENT, "%s: missing", key);
	return check_int(v, key, min, max, ret, e);
}

int json_opt_str(const json_t *o, const char *key, size_t max, const char *fallback,
	const char **ret, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v)) {
		*ret = fallback;
		return 0;
	}
	return check_str(v, key, max, ret, e);
}

int json_opt_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *ret, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v)) {
		*ret = fallback;
		return 0;
	}
	return check_int(v, key, min, max, ret, e);
}

bool json_opt_bool(const json_t *o, const char *key, bool fallback)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}
