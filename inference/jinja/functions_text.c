/* Filters and methods of texts and numbers. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/jinja/functions_inside.h"
#include "inference/tokenizers/unicode.h"

/* Takes what was gone over off the steps once it is one. */
static bool pay(struct run *run, size_t *bytes, size_t more)
{
	size_t steps = (*bytes += more) / STEP_BYTES;

	*bytes %= STEP_BYTES;
	return value_spend(run, steps);
}

static bool in_set(uint32_t c, const char *set, size_t n)
{
	uint32_t member;
	int used;

	if (!set)
		return unicode_is_space(c) || (c >= 0x1c && c <= 0x1f);
	for (; n > 0; set += used, n -= (size_t)used) {
		used = utf8_read(set, n, &member);
		if (used <= 0)
			break;
		if (member == c)
			return true;
	}
	return false;
}

static json_t *strip_sides(
	struct run *run, json_t *a, const struct args *args, bool left, bool right)
{
	const json_t *chars = function_arg(args, 0, "chars");
	const char *s = json_string_value(a), *set = json_string_value(chars);
	size_t n = json_string_length(a), from = 0, set_n = json_string_length(chars), paid = 0;
	uint32_t c;
	int used;

	if (!function_need_text(run, a, "trim"))
		return NULL;
	while (left && from < n && pay(run, &paid, set_n) &&
		(used = utf8_read(s + from, n - from, &c)) > 0 && in_set(c, set, set_n))
		from += (size_t)used;
	while (right && n > from && pay(run, &paid, set_n)) {
		size_t last = n - 1;

		while (last > from && ((unsigned char)s[last] & 0xc0) == 0x80)
			last--;
		if (utf8_read(s + last, n - last, &c) <= 0 || !in_set(c, set, set_n))
			break;
		n = last;
	}
	return value_text(run, s + from, n - from);
}

json_t *fn_trim(struct run *run, json_t *a, const struct args *args)
{
	return strip_sides(run, a, args, true, true);
}

json_t *fn_lstrip(struct run *run, json_t *a, const struct args *args)
{
	return strip_sides(run, a, args, true, false);
}

json_t *fn_rstrip(struct run *run, json_t *a, const struct args *args)
{
	return strip_sides(run, a, args, false, true);
}

enum letters { LOWER, UPPER, CAPITAL, TITLE };

/* ASCII letters change; the others stay, but for lower case, which Unicode knows one by one. */
static json_t *change_case(struct run *run, json_t *a, enum letters how)
{
	CLEANUP(buf_done) struct buf out;
	const char *s = json_string_value(a);
	size_t n = json_string_length(a);
	bool word = false;
	int r = 0;

	buf_init(&out, VALUE_MAX);
	if (!function_need_text(run, a, "a change of case"))
		return NULL;
	for (size_t i = 0, used; i < n && r == 0; i += used) {
		uint32_t c;
		int length = utf8_read(s + i, n - i, &c);
		bool up = how == UPPER || (how == CAPITAL && i == 0) || (how == TITLE && !word);

		used = length > 0 ? (size_t)length : 1;
		word = length > 0 && unicode_is_word(c) && !unicode_is_number(c);
		if (length == 1)
			r = utf8_add(&out, (uint32_t)(up ? toupper((int)c) : tolower((int)c)));
		else if (up || length <= 0)
			r = buf_add(&out, s + i, used);
		else
			r = unicode_add_lower(&out, c);
	}
	return r < 0 ? value_fail(run, r, "a text is over 1 MiB")
		     : value_text(run, buf_str(&out), out.len);
}

json_t *fn_lower(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, LOWER);
}

json_t *fn_upper(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, UPPER);
}

json_t *fn_capitalize(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, CAPITAL);
}

json_t *fn_title(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, TITLE);
}

static json_t *has_end(struct run *run, json_t *a, const struct args *args, bool tail)
{
	json_t *b = function_arg(args, 0, NULL);
	size_t n = json_string_length(a), part = json_string_length(b);

	if (json_is_array(b)) { /* any of them */
		for (size_t i = 0; i < json_array_size(b); i++) {
			struct args one = {.list = {json_array_get(b, i)}, .n = 1};
			json_t *v = has_end(run, a, &one, tail);

			if (!v || json_is_true(v))
				return v;
		}
		return json_false();
	}
	if (!function_need_text(run, a, "startswith") ||
		!function_need_text(run, b, "startswith") || !value_spend_on(run, b))
		return NULL;
	return json_boolean(part <= n && !memcmp(json_string_value(a) + (tail ? n - part : 0),
						 json_string_value(b), part));
}

json_t *fn_startswith(struct run *run, json_t *a, const struct args *args)
{
	return has_end(run, a, args, false);
}

json_t *fn_endswith(struct run *run, json_t *a, const struct args *args)
{
	return has_end(run, a, args, true);
}

json_t *fn_replace(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf out;
	json_t *old = function_arg(args, 0, "old"), *fresh = function_arg(args, 1, "new");
	const char *s = json_string_value(a), *at;
	size_t n = json_string_length(a), old_n = json_string_length(old);
	json_int_t left = -1;
	int r = 0;

	buf_init(&out, VALUE_MAX);
	if (!function_need_text(run, a, "replace") || !function_need_text(run, old, "replace") ||
		!function_need_text(run, fresh, "replace"))
		return NULL;
	if (function_arg(args, 2, "count"))
		(void)value_int(function_arg(args, 2, "count"), &left);
	if (old_n == 0)
		return value_fail(run, -EINVAL, "replace needs something to replace");
	for (; r == 0 && left != 0 && (at = memmem(s, n, json_string_value(old), old_n)); left--) {
		r = buf_add(&out, s, (size_t)(at - s));
		if (r == 0)
			r = buf_add(&out, json_string_value(fresh), json_string_length(fresh));
		n -= (size_t)(at - s) + old_n;
		s = at + old_n;
	}
	if (r == 0)
		r = buf_add(&out, s, n);
	return r < 0 ? value_fail(run, r, "a text is over 1 MiB")
		     : value_text(run, buf_str(&out), out.len);
}

/* Words between white space, or what stands between a separator. */
json_t *fn_split(struct run *run, json_t *a, const struct args *args)
{
	json_t *by = function_arg(args, 0, "sep"), *list;
	const char *s = json_string_value(a);
	size_t n = json_string_length(a), by_n = json_string_length(by);
	json_int_t left = -1;

	if (!function_need_text(run, a, "split") || (json_is_string(by) && by_n == 0))
		return value_fail(run, -EINVAL, "split needs a text and a separator");
	if (function_arg(args, 1, "maxsplit"))
		(void)value_int(function_arg(args, 1, "maxsplit"), &left);
	list = json_array();
	while (list) {
		const char *at;
		size_t part = 0;

		if (!json_is_string(by)) {
			for (; n > 0 && isspace((unsigned char)*s); n--)
				s++;
			if (n == 0)
				return list;
			while (part < n && !isspace((unsigned char)s[part]))
				part++;
		} else {
			at = left == 0 ? NULL : memmem(s, n, json_string_value(by), by_n);
			part = at ? (size_t)(at - s) : n;
		}
		if (left == 0)
			part = n;
		left--;
		if (!value_spend(run, 1) ||
			json_array_append_new(list, json_stringn_nocheck(s, part)) < 0)
			break;
		s += part;
		n -= part;
		if (json_is_string(by) && n == 0)
			return list;
		s += json_is_string(by) ? by_n : 0;
		n -= json_is_string(by) ? by_n : 0;
	}
	json_decref(list);
	return function_made(run, NULL);
}

json_t *fn_find(struct run *run, json_t *a, const struct args *args)
{
	json_t *b = function_arg(args, 0, NULL);
	const char *at;

	if (!function_need_text(run, a, "find") || !function_need_text(run, b, "find"))
		return NULL;
	at = memmem(json_string_value(a), json_string_length(a), json_string_value(b),
		json_string_length(b));
	return json_integer(at ? (json_int_t)value_length(
					 json_string_value(a), (size_t)(at - json_string_value(a)))
			       : -1);
}

json_t *function_text(struct run *run, const struct buf *text, int r)
{
	return r < 0 ? value_fail(run, r, "a text is over 1 MiB")
		     : value_text(run, buf_str(text), text->len);
}

json_t *fn_string(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;

	(void)args;
	buf_init(&text, VALUE_MAX);
	return function_text(run, &text, value_write(run, a, &text));
}

json_t *fn_tojson(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_int_t indent = 0;

	buf_init(&text, VALUE_MAX);
	if (function_arg(args, 1, "indent"))
		(void)value_int(function_arg(args, 1, "indent"), &indent);
	if (a == run->undefined || indent < 0 || indent > 16)
		return value_fail(run, -EINVAL, "tojson needs a value");
	return function_text(run, &text, value_json(a, (size_t)indent, &text));
}

json_t *fn_indent(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_int_t width = 4;
	bool first = function_arg(args, 1, "first") &&
		     value_is_true(run, function_arg(args, 1, "first"));
	bool start = true;
	int r = 0;

	buf_init(&text, VALUE_MAX);
	if (function_arg(args, 0, "width"))
		(void)value_int(function_arg(args, 0, "width"), &width);
	if (!function_need_text(run, a, "indent") || width < 0 || width > 64)
		return value_fail(run, -EINVAL, "indent needs a text");
	for (size_t i = 0; i < json_string_length(a) && r == 0; i++) {
		char c = json_string_value(a)[i];

		if (start && c != '\n' && (i > 0 || first))
			r = buf_addf(&text, "%*s", (int)width, "");
		start = c == '\n';
		if (r == 0)
			r = buf_add(&text, &c, 1);
	}
	return function_text(run, &text, r);
}

/* --- numbers --- */

json_t *fn_int(struct run *run, json_t *a, const struct args *args)
{
	(void)run;
	(void)args;
	if (json_is_string(a))
		return json_integer(strtoll(json_string_value(a), NULL, 10));
	return json_integer(
		json_is_boolean(a) ? json_is_true(a) : (json_int_t)json_number_value(a));
}

json_t *fn_float(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return function_made(run, json_real(json_is_string(a) ? strtod(json_string_value(a), NULL)
							      : json_number_value(a)));
}

json_t *fn_abs(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	if (json_is_integer(a))
		return json_integer(llabs(json_integer_value(a)));
	return function_made(run, json_real(fabs(json_number_value(a))));
}
