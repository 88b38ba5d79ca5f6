#include "inference/jinja/values.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1000000 /* of one rendering */
#define DEPTH_MAX 64

json_t *value_fail(struct run *run, int code, const char *format, ...)
{
	char words[200];
	va_list args;

	if (run->e->code)
		return NULL;
	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	(void)err_set(run->e, code, "chat template: %s", words);
	return NULL;
}

bool value_spend(struct run *run, size_t steps)
{
	run->steps += steps;
	if (run->steps <= STEPS_MAX)
		return true;
	(void)value_fail(run, -EOVERFLOW, "takes too many steps");
	return false;
}

bool value_spend_on(struct run *run, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t steps = json_array_size(v) / 4;

	if (json_is_string(v))
		steps = json_string_length(v) / STEP_BYTES;
	json_object_foreach((json_t *)v, key, item) steps += 1 + strlen(key) / STEP_BYTES;
	return value_spend(run, steps);
}

json_t *value_text(struct run *run, const char *s, size_t n)
{
	json_t *v;

	if (n > VALUE_MAX)
		return value_fail(run, -ENOSPC, "a text is over 1 MiB");
	if (!value_spend(run, n / STEP_BYTES))
		return NULL;
	v = json_stringn_nocheck(s, n);
	return v ? v : value_fail(run, -ENOMEM, "out of memory");
}

bool value_is_true(const struct run *run, const json_t *v)
{
	if (v == run->undefined)
		return false;
	switch (json_typeof(v)) {
	case JSON_STRING:
		return json_string_length(v) > 0;
	case JSON_ARRAY:
		return json_array_size(v) > 0;
	case JSON_OBJECT:
		return json_object_size(v) > 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return json_number_value(v) != 0;
	default:
		return json_is_true(v);
	}
}

bool value_is_number(const json_t *v)
{
	return json_is_number(v) || json_is_boolean(v);
}

static double number_of(const json_t *v)
{
	return json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
}

bool value_int(const json_t *v, json_int_t *ret)
{
	if (!json_is_integer(v) && !json_is_boolean(v))
		return false;
	*ret = json_is_integer(v) ? json_integer_value(v) : json_is_true(v);
	return true;
}

/* A step for each part, however often parts are shared; not deeper than anybody writes. */
static bool spend_parts(struct run *run, json_t *v, int depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > VALUE_DEPTH_MAX)
		(void)value_fail(run, -EOVERFLOW, "a value is nested too deep");
	if (run->e->code || !value_spend(run, 1) || !value_spend_on(run, v))
		return false;
	json_array_foreach(v, i, item) if (!spend_parts(run, item, depth + 1)) return false;
	json_object_foreach(v, key, item) if (!spend_parts(run, item, depth + 1)) return false;
	return true;
}

json_t *value_copy(struct run *run, json_t *v)
{
	return spend_parts(run, v, 0) ? json_deep_copy(v) : NULL;
}

bool value_equal(struct run *run, const json_t *a, const json_t *b)
{
	if (a == b)
		return true;
	if (a == run->undefined || b == run->undefined)
		return false;
	if (value_is_number(a) && value_is_number(b))
		return number_of(a) == number_of(b);
	return json_typeof(a) == json_typeof(b) && spend_parts(run, (json_t *)a, 0) &&
	       json_equal(a, b);
}

bool value_contains(struct run *run, const json_t *list, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (list == run->undefined || v == run->undefined)
		return false;
	if (!value_spend_on(run, v) || (!json_is_object(list) && !value_spend_on(run, list)))
		return false;
	if (json_is_string(list) && json_is_string(v))
		return memmem(json_string_value(list), json_string_length(list),
			       json_string_value(v), json_string_length(v)) != NULL;
	if (json_is_object(list) && json_is_string(v))
		return json_object_get(list, json_string_value(v)) != NULL;
	json_array_foreach(list, i, item) if (value_equal(run, item, v)) return true;
	return false;
}

bool value_order(struct run *run, const json_t *a, const json_t *b, int *ret)
{
	if (value_is_number(a) && value_is_number(b)) {
		double x = number_of(a), y = number_of(b);

		*ret = x < y ? -1 : x > y;
		return true;
	}
	if (!json_is_string(a) || !json_is_string(b) || !value_spend_on(run, a))
		return false;
	*ret = strcmp(json_string_value(a), json_string_value(b));
	return true;
}

/* The shortest of the decimal forms that read back as the same number, as Python writes it. */
static int write_real(double x, struct buf *out)
{
	char text[40];

	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	if (fabs(x) >= 1 && fabs(x) < 1e16 && strchr(text, 'e'))
		(void)snprintf(text, sizeof(text), "%.0f", x);
	if (!strpbrk(text, ".en"))
		(void)strncat(text, ".0", sizeof(text) - strlen(text) - 1);
	return buf_add_str(out, text);
}

static int write_quoted(const char *s, size_t n, struct buf *out)
{
	char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
	int r = buf_add(out, &quote, 1);

	for (size_t i = 0; i < n && r == 0; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n' || c == '\r' || c == '\t')
			r = buf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else if (c < 0x20 || c == 0x7f)
			r = buf_addf(out, "\\x%02x", c);
		else if (c == '\\' || c == (unsigned char)quote)
			r = buf_addf(out, "\\%c", c);
		else
			r = buf_add(out, s + i, 1);
	}
	return r < 0 ? r : buf_add(out, &quote, 1);
}

static int write_json_text(const char *s, size_t n, struct buf *out)
{
	static const char escaped[] = "\"\\\n\r\t\b\f", as[] = "\"\\nrtbf";
	int r = buf_add(out, "\"", 1);

	for (size_t i = 0; i < n && r == 0; i++) {
		unsigned char c = (unsigned char)s[i];
		const char *at = c ? strchr(escaped, c) : NULL;

		if (at)
			r = buf_addf(out, "\\%c", as[at - escaped]);
		else if (c < 0x20)
			r = buf_addf(out, "\\u%04x", c);
		else
			r = buf_add(out, s + i, 1);
	}
	return r < 0 ? r : buf_add(out, "\"", 1);
}

/* How a value is written: Python's repr, or JSON with or without lines. */
struct style {
	bool python;
	size_t indent;
};

static int write_any(const json_t *v, const struct style *s, size_t depth, struct buf *out);

static int new_line(const struct style *s, size_t depth, struct buf *out)
{
	return s->indent ? buf_addf(out, "\n%*s", (int)(s->indent * depth), "") : 0;
}

/* What stands before the next of a list's parts. */
static int separate(const struct style *s, bool first, size_t depth, struct buf *out)
{
	int r = first ? 0 : buf_add_str(out, s->indent ? "," : ", ");

	return r < 0 ? r : new_line(s, depth, out);
}

static int write_array(const json_t *v, const struct style *s, size_t depth, struct buf *out)
{
	const json_t *item;
	size_t i;
	int r = buf_add(out, "[", 1);

	json_array_foreach(v, i, item)
	{
		if (r == 0)
			r = separate(s, i == 0, depth + 1, out);
		if (r == 0)
			r = write_any(item, s, depth + 1, out);
	}
	if (r == 0 && json_array_size(v) > 0)
		r = new_line(s, depth, out);
	return r < 0 ? r : buf_add(out, "]", 1);
}

static int write_object(const json_t *v, const struct style *s, size_t depth, struct buf *out)
{
	const char *key;
	json_t *item;
	bool first = true;
	int r = buf_add(out, "{", 1);

	json_object_foreach((json_t *)v, key, item)
	{
		if (r == 0)
			r = separate(s, first, depth + 1, out);
		if (r == 0)
			r = s->python ? write_quoted(key, strlen(key), out)
				      : write_json_text(key, strlen(key), out);
		if (r == 0)
			r = buf_add_str(out, ": ");
		if (r == 0)
			r = write_any(item, s, depth + 1, out);
		first = false;
	}
	if (r == 0 && !first)
		r = new_line(s, depth, out);
	return r < 0 ? r : buf_add(out, "}", 1);
}

static int write_any(const json_t *v, const struct style *s, size_t depth, struct buf *out)
{
	if (depth > DEPTH_MAX)
		return -ENOSPC;
	switch (json_typeof(v)) {
	case JSON_STRING:
		return (s->python ? write_quoted : write_json_text)(
			json_string_value(v), json_string_length(v), out);
	case JSON_INTEGER:
		return buf_addf(out, "%lld", (long long)json_integer_value(v));
	case JSON_REAL:
		return write_real(json_real_value(v), out);
	case JSON_TRUE:
		return buf_add_str(out, s->python ? "True" : "true");
	case JSON_FALSE:
		return buf_add_str(out, s->python ? "False" : "false");
	case JSON_NULL:
		return buf_add_str(out, s->python ? "None" : "null");
	case JSON_ARRAY:
		return write_array(v, s, depth, out);
	default:
		return write_object(v, s, depth, out);
	}
}

int value_repr(const json_t *v, struct buf *out)
{
	return write_any(v, &(struct style){.python = true}, 0, out);
}

int value_json(const json_t *v, size_t indent, struct buf *out)
{
	return write_any(v, &(struct style){.indent = indent}, 0, out);
}

int value_write(const struct run *run, const json_t *v, struct buf *out)
{
	if (v == run->undefined)
		return 0;
	return json_is_string(v) ? buf_add(out, json_string_value(v), json_string_length(v))
				 : value_repr(v, out);
}

size_t value_length(const char *s, size_t n)
{
	size_t points = 0;

	for (size_t i = 0; i < n; i++)
		points += ((unsigned char)s[i] & 0xc0) != 0x80;
	return points;
}

size_t value_byte(const char *s, size_t n, size_t i)
{
	size_t at = 0;

	for (; at < n; at++)
		if (((unsigned char)s[at] & 0xc0) != 0x80 && i-- == 0)
			break;
	return at;
}
