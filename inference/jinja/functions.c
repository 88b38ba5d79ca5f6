#include "inference/jinja/functions.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/tokenizers/unicode.h"

#define RANGE_MAX 10000

/* The argument of this keyword, or in this place. NULL: not given. */
static json_t *arg(const struct args *args, size_t place, const char *name)
{
	size_t at = 0;

	for (size_t i = 0; i < args->n; i++) {
		if (args->names[i] ? name && !strcmp(args->names[i], name) : at == place)
			return args->list[i];
		at += !args->names[i];
	}
	return NULL;
}

static json_t *need_text(struct run *run, const json_t *v, const char *what)
{
	if (json_is_string(v))
		return (json_t *)v;
	return value_fail(run, -EINVAL, "%s needs a text", what);
}

static json_t *made(struct run *run, json_t *v)
{
	return v ? v : value_fail(run, -ENOMEM, "out of memory");
}

/* The list that Python would go through: items, keys, characters. A new list. */
static json_t *list_of(struct run *run, json_t *a)
{
	json_t *list, *item;
	const char *key;

	if (json_is_array(a))
		return json_incref(a);
	list = json_array();
	if (!list)
		return made(run, NULL);
	if (json_is_object(a) && a != run->undefined) {
		json_object_foreach(a, key, item)
		{
			(void)json_array_append_new(list, json_string(key));
		}
	} else if (json_is_string(a)) {
		const char *s = json_string_value(a);
		size_t n = json_string_length(a);

		for (size_t at = 0, used; at < n; at += used) {
			used = value_byte(s + at, n - at, 1);
			(void)json_array_append_new(list, json_stringn_nocheck(s + at, used));
		}
	} else if (a != run->undefined) {
		json_decref(list);
		return value_fail(run, -EINVAL, "a list is needed");
	}
	if (value_spend(run, json_array_size(list)))
		return list;
	json_decref(list);
	return NULL;
}

/* --- texts --- */

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
	const json_t *chars = arg(args, 0, "chars");
	const char *s = json_string_value(a), *set = json_string_value(chars);
	size_t n = json_string_length(a), from = 0, set_n = json_string_length(chars);
	uint32_t c;
	int used;

	if (!need_text(run, a, "trim"))
		return NULL;
	while (left && from < n && (used = utf8_read(s + from, n - from, &c)) > 0 &&
		in_set(c, set, set_n))
		from += (size_t)used;
	while (right && n > from) {
		size_t last = n - 1;

		while (last > from && ((unsigned char)s[last] & 0xc0) == 0x80)
			last--;
		if (utf8_read(s + last, n - last, &c) <= 0 || !in_set(c, set, set_n))
			break;
		n = last;
	}
	return value_text(run, s + from, n - from);
}

static json_t *fn_trim(struct run *run, json_t *a, const struct args *args)
{
	return strip_sides(run, a, args, true, true);
}

static json_t *fn_lstrip(struct run *run, json_t *a, const struct args *args)
{
	return strip_sides(run, a, args, true, false);
}

static json_t *fn_rstrip(struct run *run, json_t *a, const struct args *args)
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
	if (!need_text(run, a, "a change of case"))
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

static json_t *fn_lower(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, LOWER);
}

static json_t *fn_upper(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, UPPER);
}

static json_t *fn_capitalize(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, CAPITAL);
}

static json_t *fn_title(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return change_case(run, a, TITLE);
}

static json_t *has_end(struct run *run, json_t *a, const struct args *args, bool tail)
{
	json_t *b = arg(args, 0, NULL);
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
	if (!need_text(run, a, "startswith") || !need_text(run, b, "startswith"))
		return NULL;
	return json_boolean(part <= n && !memcmp(json_string_value(a) + (tail ? n - part : 0),
						 json_string_value(b), part));
}

static json_t *fn_startswith(struct run *run, json_t *a, const struct args *args)
{
	return has_end(run, a, args, false);
}

static json_t *fn_endswith(struct run *run, json_t *a, const struct args *args)
{
	return has_end(run, a, args, true);
}

static json_t *fn_replace(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf out;
	json_t *old = arg(args, 0, "old"), *fresh = arg(args, 1, "new");
	const char *s = json_string_value(a), *at;
	size_t n = json_string_length(a), old_n = json_string_length(old);
	json_int_t left = -1;
	int r = 0;

	buf_init(&out, VALUE_MAX);
	if (!need_text(run, a, "replace") || !need_text(run, old, "replace") ||
		!need_text(run, fresh, "replace"))
		return NULL;
	if (arg(args, 2, "count"))
		(void)value_int(arg(args, 2, "count"), &left);
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
static json_t *fn_split(struct run *run, json_t *a, const struct args *args)
{
	json_t *by = arg(args, 0, "sep"), *list;
	const char *s = json_string_value(a);
	size_t n = json_string_length(a), by_n = json_string_length(by);
	json_int_t left = -1;

	if (!need_text(run, a, "split") || (json_is_string(by) && by_n == 0))
		return value_fail(run, -EINVAL, "split needs a text and a separator");
	if (arg(args, 1, "maxsplit"))
		(void)value_int(arg(args, 1, "maxsplit"), &left);
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
	return made(run, NULL);
}

static json_t *fn_find(struct run *run, json_t *a, const struct args *args)
{
	json_t *b = arg(args, 0, NULL);
	const char *at;

	if (!need_text(run, a, "find") || !need_text(run, b, "find"))
		return NULL;
	at = memmem(json_string_value(a), json_string_length(a), json_string_value(b),
		json_string_length(b));
	return json_integer(at ? (json_int_t)value_length(
					 json_string_value(a), (size_t)(at - json_string_value(a)))
			       : -1);
}

static json_t *write_to_text(struct run *run, const struct buf *text, int r)
{
	return r < 0 ? value_fail(run, r, "a text is over 1 MiB")
		     : value_text(run, buf_str(text), text->len);
}

static json_t *fn_string(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;

	(void)args;
	buf_init(&text, VALUE_MAX);
	return write_to_text(run, &text, value_write(run, a, &text));
}

static json_t *fn_tojson(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_int_t indent = 0;

	buf_init(&text, VALUE_MAX);
	if (arg(args, 1, "indent"))
		(void)value_int(arg(args, 1, "indent"), &indent);
	if (a == run->undefined || indent < 0 || indent > 16)
		return value_fail(run, -EINVAL, "tojson needs a value");
	return write_to_text(run, &text, value_json(a, (size_t)indent, &text));
}

static json_t *fn_indent(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_int_t width = 4;
	bool first = arg(args, 1, "first") && value_is_true(run, arg(args, 1, "first"));
	bool start = true;
	int r = 0;

	buf_init(&text, VALUE_MAX);
	if (arg(args, 0, "width"))
		(void)value_int(arg(args, 0, "width"), &width);
	if (!need_text(run, a, "indent") || width < 0 || width > 64)
		return value_fail(run, -EINVAL, "indent needs a text");
	for (size_t i = 0; i < json_string_length(a) && r == 0; i++) {
		char c = json_string_value(a)[i];

		if (start && c != '\n' && (i > 0 || first))
			r = buf_addf(&text, "%*s", (int)width, "");
		start = c == '\n';
		if (r == 0)
			r = buf_add(&text, &c, 1);
	}
	return write_to_text(run, &text, r);
}

/* --- numbers --- */

static json_t *fn_int(struct run *run, json_t *a, const struct args *args)
{
	(void)run;
	(void)args;
	if (json_is_string(a))
		return json_integer(strtoll(json_string_value(a), NULL, 10));
	return json_integer(
		json_is_boolean(a) ? json_is_true(a) : (json_int_t)json_number_value(a));
}

static json_t *fn_float(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return made(run, json_real(json_is_string(a) ? strtod(json_string_value(a), NULL)
						     : json_number_value(a)));
}

static json_t *fn_abs(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	if (json_is_integer(a))
		return json_integer(llabs(json_integer_value(a)));
	return made(run, json_real(fabs(json_number_value(a))));
}

/* --- lists and objects --- */

static json_t *fn_length(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	if (json_is_array(a))
		return json_integer((json_int_t)json_array_size(a));
	if (json_is_object(a))
		return json_integer((json_int_t)json_object_size(a));
	if (json_is_string(a))
		return json_integer(
			(json_int_t)value_length(json_string_value(a), json_string_length(a)));
	return value_fail(run, -EINVAL, "length needs a list or a text");
}

static json_t *fn_list(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = list_of(run, a), *copy;

	(void)args;
	copy = list ? json_copy(list) : NULL;
	json_decref(list);
	return copy;
}

static json_t *at_end(struct run *run, json_t *a, bool last)
{
	json_t *list = list_of(run, a), *v;

	if (!list)
		return NULL;
	v = json_array_get(list, last ? json_array_size(list) - 1 : 0);
	v = json_incref(v ? v : run->undefined);
	json_decref(list);
	return v;
}

static json_t *fn_first(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return at_end(run, a, false);
}

static json_t *fn_last(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return at_end(run, a, true);
}

static json_t *fn_reverse(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = list_of(run, a), *turned = json_array();

	(void)args;
	for (size_t i = json_array_size(list); list && turned && i-- > 0;)
		(void)json_array_append(turned, json_array_get(list, i));
	json_decref(list);
	if (list)
		return made(run, turned);
	json_decref(turned);
	return NULL;
}

static json_t *fn_join(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_t *by = arg(args, 0, "d"), *name = arg(args, 1, "attribute");
	json_t *list = list_of(run, a), *item;
	size_t i;
	int r = list ? 0 : -EINVAL;

	buf_init(&text, VALUE_MAX);
	json_array_foreach(list, i, item)
	{
		if (json_is_string(name))
			item = json_object_get(item, json_string_value(name));
		if (r == 0 && i > 0 && json_is_string(by))
			r = buf_add(&text, json_string_value(by), json_string_length(by));
		if (r == 0)
			r = value_write(run, item ? item : run->undefined, &text);
	}
	json_decref(list);
	return list ? write_to_text(run, &text, r) : NULL;
}

/* sep.join(list) */
static json_t *fn_join_method(struct run *run, json_t *a, const struct args *args)
{
	struct args by = {.list = {a}, .n = 1};
	json_t *list = arg(args, 0, NULL);

	return list ? fn_join(run, list, &by) : value_fail(run, -EINVAL, "join needs a list");
}

static json_t *pairs_of(struct run *run, json_t *a, int what)
{
	json_t *list = json_array(), *item;
	const char *key;

	if (!json_is_object(a) || a == run->undefined) {
		json_decref(list);
		return value_fail(run, -EINVAL, "items, keys and values need an object");
	}
	json_object_foreach(a, key, item)
	{
		(void)json_array_append_new(list, what == 0   ? json_pack("[s, O]", key, item)
						  : what == 1 ? json_string(key)
							      : json_incref(item));
	}
	return made(run, list);
}

static json_t *fn_items(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 0);
}

static json_t *fn_keys(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 1);
}

static json_t *fn_values(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 2);
}

static json_t *fn_get(struct run *run, json_t *a, const struct args *args)
{
	const char *key = json_string_value(arg(args, 0, NULL));
	json_t *v = key && a != run->undefined ? json_object_get(a, key) : NULL;

	if (!json_is_object(a))
		return value_fail(run, -EINVAL, "get needs an object");
	v = v ? v : arg(args, 1, NULL);
	return v ? json_incref(v) : json_null();
}

static json_t *fn_append(struct run *run, json_t *a, const struct args *args)
{
	json_t *v = arg(args, 0, NULL);

	/* A copy, so that no list can come to hold itself. */
	if (!json_is_array(a) || !v || !value_spend(run, 16) ||
		json_array_append_new(a, json_deep_copy(v)) < 0)
		return value_fail(run, -EINVAL, "append needs a list");
	return json_null();
}

/* What a list's items are looked at by: an attribute, or themselves. */
static json_t *key_of(const struct run *run, json_t *item, const json_t *attribute)
{
	json_t *v = item;

	if (json_is_string(attribute))
		v = item == run->undefined ? NULL
					   : json_object_get(item, json_string_value(attribute));
	return v ? v : run->undefined;
}

static json_t *fn_map(struct run *run, json_t *a, const struct args *args)
{
	json_t *attribute = arg(args, 9, "attribute"), *filter = arg(args, 0, NULL);
	json_t *list = list_of(run, a), *out = json_array(), *item;
	const struct function *f =
		filter ? function_find(ROLE_FILTER, json_string_value(filter)) : NULL;
	size_t i;

	if (list && !attribute && !f)
		(void)value_fail(run, -EINVAL, "map needs an attribute or the name of a filter");
	json_array_foreach(list, i, item)
	{
		json_t *v = f ? f->run(run, item, &(struct args){0})
			      : json_incref(key_of(run, item, attribute));

		if (!v || run->e->code)
			break;
		(void)json_array_append_new(out, v);
	}
	json_decref(list);
	if (list && !run->e->code)
		return made(run, out);
	json_decref(out);
	return NULL;
}

/* select, reject, selectattr, rejectattr: items that pass a test, or do not. */
static json_t *sift(
	struct run *run, json_t *a, const struct args *args, bool by_attribute, bool keep)
{
	json_t *attribute = by_attribute ? arg(args, 0, NULL) : NULL;
	json_t *test = arg(args, by_attribute, NULL), *more = arg(args, by_attribute + 1u, NULL);
	json_t *list = list_of(run, a), *out = json_array(), *item;
	const struct function *f = test ? function_find(ROLE_TEST, json_string_value(test)) : NULL;
	struct args rest = {.list = {more}, .n = more ? 1 : 0};
	size_t i;

	if (list && test && !f)
		(void)value_fail(run, -EINVAL, "there is no such test");
	json_array_foreach(list, i, item)
	{
		json_t *key = key_of(run, item, attribute);
		json_t *v = f ? f->run(run, key, &rest) : json_boolean(value_is_true(run, key));

		if (!v || run->e->code)
			break;
		if (value_is_true(run, v) == keep)
			(void)json_array_append(out, item);
		json_decref(v);
	}
	json_decref(list);
	if (list && !run->e->code)
		return made(run, out);
	json_decref(out);
	return NULL;
}

static json_t *fn_select(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, false, true);
}

static json_t *fn_reject(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, false, false);
}

static json_t *fn_selectattr(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, true, true);
}

static json_t *fn_rejectattr(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, true, false);
}

static json_t *fn_unique(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = list_of(run, a), *out = json_array(), *item, *seen;
	size_t i, j;

	(void)args;
	json_array_foreach(list, i, item)
	{
		bool had = false;

		json_array_foreach(out, j, seen) had = had || value_equal(run, item, seen);
		if (!value_spend(run, j))
			break;
		if (!had)
			(void)json_array_append(out, item);
	}
	json_decref(list);
	return list && !run->e->code ? out : (json_decref(out), NULL);
}

/* By insertion: lists in templates are short, and steps are counted. */
static json_t *sort_by(struct run *run, json_t *list, const json_t *attribute, bool reverse)
{
	json_t *out = json_array(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		size_t at = json_array_size(out);
		int order = 0;

		for (; at > 0; at--) {
			json_t *before = key_of(run, json_array_get(out, at - 1), attribute);

			if (!value_order(key_of(run, item, attribute), before, &order))
				(void)value_fail(run, -EINVAL, "sort needs numbers or texts");
			if (!value_spend(run, 1) || (reverse ? order <= 0 : order >= 0))
				break;
		}
		if (run->e->code)
			break;
		(void)json_array_insert(out, at, item);
	}
	if (!run->e->code)
		return made(run, out);
	json_decref(out);
	return NULL;
}

static json_t *fn_sort(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = list_of(run, a), *reverse = arg(args, 0, "reverse"), *out;

	out = list ? sort_by(run, list, arg(args, 2, "attribute"),
			     reverse && value_is_true(run, reverse))
		   : NULL;
	json_decref(list);
	return out;
}

static json_t *fn_dictsort(struct run *run, json_t *a, const struct args *args)
{
	json_t *keys = pairs_of(run, a, 1), *sorted, *out = NULL, *key;
	size_t i;

	(void)args;
	sorted = keys ? sort_by(run, keys, NULL, false) : NULL;
	if (sorted)
		out = json_array();
	json_array_foreach(sorted, i, key)
	{
		(void)json_array_append_new(
			out, json_pack("[O, O]", key, json_object_get(a, json_string_value(key))));
	}
	json_decref(keys);
	json_decref(sorted);
	return out;
}

static json_t *fn_default(struct run *run, json_t *a, const struct args *args)
{
	json_t *fallback = arg(args, 0, "default_value"), *boolean = arg(args, 1, "boolean");
	bool missing = a == run->undefined ||
		       (boolean && value_is_true(run, boolean) && !value_is_true(run, a));

	if (!missing)
		return json_incref(a);
	return fallback ? json_incref(fallback) : value_text(run, "", 0);
}

static json_t *fn_same(struct run *run, json_t *a, const struct args *args)
{
	(void)run;
	(void)args;
	return json_incref(a);
}

/* --- tests --- */

#define TEST(name, condition)                                                                      \
	static json_t *is_##name(struct run *run, json_t *a, const struct args *args)              \
	{                                                                                          \
		bool defined = a != run->undefined;                                                \
                                                                                                   \
		(void)args;                                                                        \
		(void)defined;                                                                     \
		return json_boolean(condition);                                                    \
	}

TEST(defined, defined)
TEST(undefined, !defined)
TEST(none, json_is_null(a))
TEST(string, json_is_string(a))
TEST(number, defined &&value_is_number(a))
TEST(integer, json_is_integer(a))
TEST(float, json_is_real(a))
TEST(boolean, json_is_boolean(a))
TEST(true, json_is_true(a))
TEST(false, json_is_false(a))
TEST(mapping, defined &&json_is_object(a))
TEST(sequence, defined && (json_is_array(a) || json_is_object(a) || json_is_string(a)))
TEST(odd, json_is_integer(a) && json_integer_value(a) % 2 != 0)
TEST(even, json_is_integer(a) && json_integer_value(a) % 2 == 0)

/* The first argument, and an order to it where there is one. */
static json_t *compare(struct run *run, json_t *a, const struct args *args, int low, int high)
{
	json_t *b = arg(args, 0, NULL);
	int order;

	if (!b || !value_order(a, b, &order))
		return value_fail(run, -EINVAL, "these have no order");
	order = order < 0 ? -1 : order > 0;
	return json_boolean(order >= low && order <= high);
}

static json_t *is_lt(struct run *run, json_t *a, const struct args *args)
{
	return compare(run, a, args, -1, -1);
}

static json_t *is_le(struct run *run, json_t *a, const struct args *args)
{
	return compare(run, a, args, -1, 0);
}

static json_t *is_gt(struct run *run, json_t *a, const struct args *args)
{
	return compare(run, a, args, 1, 1);
}

static json_t *is_ge(struct run *run, json_t *a, const struct args *args)
{
	return compare(run, a, args, 0, 1);
}

static json_t *is_eq(struct run *run, json_t *a, const struct args *args)
{
	json_t *b = arg(args, 0, NULL);

	return json_boolean(b && value_equal(run, a, b));
}

static json_t *is_ne(struct run *run, json_t *a, const struct args *args)
{
	json_t *b = arg(args, 0, NULL);

	return json_boolean(!b || !value_equal(run, a, b));
}

static json_t *is_divisibleby(struct run *run, json_t *a, const struct args *args)
{
	json_int_t by = 0, n = 0;

	if (!value_int(a, &n) || !arg(args, 0, NULL) || !value_int(arg(args, 0, NULL), &by) ||
		by == 0)
		return value_fail(run, -EINVAL, "divisibleby needs whole numbers");
	return json_boolean(by == -1 || n % by == 0);
}

static json_t *is_in(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = arg(args, 0, NULL);

	return list ? json_boolean(value_contains(run, list, a))
		    : value_fail(run, -EINVAL, "in needs a list");
}

/* --- free functions --- */

static json_t *fn_raise(struct run *run, json_t *a, const struct args *args)
{
	const char *words = json_string_value(arg(args, 0, "message"));

	(void)a;
	return value_fail(run, -EINVAL, "%s", words ? words : "refused");
}

static json_t *fn_namespace(struct run *run, json_t *a, const struct args *args)
{
	json_t *space = json_object();

	(void)a;
	for (size_t i = 0; i < args->n && space; i++) {
		if (args->names[i])
			(void)json_object_set_new(
				space, args->names[i], json_deep_copy(args->list[i]));
		else if (json_is_object(args->list[i]))
			(void)json_object_update(space, args->list[i]);
	}
	return made(run, space);
}

static json_t *fn_range(struct run *run, json_t *a, const struct args *args)
{
	json_int_t from = 0, to = 0, step = 1;
	json_t *list = json_array();
	bool ok = args->n > 0 && value_int(args->list[0], args->n > 1 ? &from : &to) &&
		  (args->n < 2 || value_int(args->list[1], &to)) &&
		  (args->n < 3 || value_int(args->list[2], &step));

	(void)a;
	ok = ok && step != 0 && llabs(from) < 1 << 30 && llabs(to) < 1 << 30 &&
	     llabs(step) < 1 << 30;
	for (; ok && list && (step > 0 ? from < to : from > to); from += step) {
		ok = json_array_size(list) < RANGE_MAX && value_spend(run, 1);
		(void)json_array_append_new(list, json_integer(from));
	}
	if (ok)
		return made(run, list);
	json_decref(list);
	return value_fail(
		run, -EINVAL, "range needs up to 3 whole numbers, %d apart at most", RANGE_MAX);
}

static json_t *fn_strftime_now(struct run *run, json_t *a, const struct args *args)
{
	const char *format = json_string_value(arg(args, 0, "format"));
	time_t now = time(NULL);
	char text[128];
	struct tm parts;

	(void)a;
	if (!format || strlen(format) > 64 || !gmtime_r(&now, &parts))
		return value_fail(run, -EINVAL, "strftime_now needs a format");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return value_text(run, text, strftime(text, sizeof(text), format, &parts));
#pragma GCC diagnostic pop
}

static const struct function functions[] = {
	{ROLE_FILTER, "abs", fn_abs},
	{ROLE_FILTER, "capitalize", fn_capitalize},
	{ROLE_FILTER, "count", fn_length},
	{ROLE_FILTER, "d", fn_default},
	{ROLE_FILTER, "default", fn_default},
	{ROLE_FILTER, "dictsort", fn_dictsort},
	{ROLE_FILTER, "first", fn_first},
	{ROLE_FILTER, "float", fn_float},
	{ROLE_FILTER, "indent", fn_indent},
	{ROLE_FILTER, "int", fn_int},
	{ROLE_FILTER, "items", fn_items},
	{ROLE_FILTER, "join", fn_join},
	{ROLE_FILTER, "last", fn_last},
	{ROLE_FILTER, "length", fn_length},
	{ROLE_FILTER, "list", fn_list},
	{ROLE_FILTER, "lower", fn_lower},
	{ROLE_FILTER, "map", fn_map},
	{ROLE_FILTER, "reject", fn_reject},
	{ROLE_FILTER, "rejectattr", fn_rejectattr},
	{ROLE_FILTER, "replace", fn_replace},
	{ROLE_FILTER, "reverse", fn_reverse},
	{ROLE_FILTER, "safe", fn_same},
	{ROLE_FILTER, "select", fn_select},
	{ROLE_FILTER, "selectattr", fn_selectattr},
	{ROLE_FILTER, "sort", fn_sort},
	{ROLE_FILTER, "string", fn_string},
	{ROLE_FILTER, "title", fn_title},
	{ROLE_FILTER, "tojson", fn_tojson},
	{ROLE_FILTER, "trim", fn_trim},
	{ROLE_FILTER, "unique", fn_unique},
	{ROLE_FILTER, "upper", fn_upper},
	{ROLE_TEST, "boolean", is_boolean},
	{ROLE_TEST, "defined", is_defined},
	{ROLE_TEST, "divisibleby", is_divisibleby},
	{ROLE_TEST, "eq", is_eq},
	{ROLE_TEST, "equalto", is_eq},
	{ROLE_TEST, "==", is_eq},
	{ROLE_TEST, "even", is_even},
	{ROLE_TEST, "false", is_false},
	{ROLE_TEST, "float", is_float},
	{ROLE_TEST, "ge", is_ge},
	{ROLE_TEST, "gt", is_gt},
	{ROLE_TEST, "greaterthan", is_gt},
	{ROLE_TEST, "in", is_in},
	{ROLE_TEST, "integer", is_integer},
	{ROLE_TEST, "iterable", is_sequence},
	{ROLE_TEST, "le", is_le},
	{ROLE_TEST, "lessthan", is_lt},
	{ROLE_TEST, "lt", is_lt},
	{ROLE_TEST, "mapping", is_mapping},
	{ROLE_TEST, "ne", is_ne},
	{ROLE_TEST, "none", is_none},
	{ROLE_TEST, "number", is_number},
	{ROLE_TEST, "odd", is_odd},
	{ROLE_TEST, "sameas", is_eq},
	{ROLE_TEST, "sequence", is_sequence},
	{ROLE_TEST, "string", is_string},
	{ROLE_TEST, "true", is_true},
	{ROLE_TEST, "undefined", is_undefined},
	{ROLE_METHOD, "append", fn_append},
	{ROLE_METHOD, "capitalize", fn_capitalize},
	{ROLE_METHOD, "endswith", fn_endswith},
	{ROLE_METHOD, "find", fn_find},
	{ROLE_METHOD, "get", fn_get},
	{ROLE_METHOD, "items", fn_items},
	{ROLE_METHOD, "join", fn_join_method},
	{ROLE_METHOD, "keys", fn_keys},
	{ROLE_METHOD, "lower", fn_lower},
	{ROLE_METHOD, "lstrip", fn_lstrip},
	{ROLE_METHOD, "replace", fn_replace},
	{ROLE_METHOD, "rstrip", fn_rstrip},
	{ROLE_METHOD, "split", fn_split},
	{ROLE_METHOD, "startswith", fn_startswith},
	{ROLE_METHOD, "strip", fn_trim},
	{ROLE_METHOD, "title", fn_title},
	{ROLE_METHOD, "upper", fn_upper},
	{ROLE_METHOD, "values", fn_values},
	{ROLE_FREE, "dict", fn_namespace},
	{ROLE_FREE, "namespace", fn_namespace},
	{ROLE_FREE, "raise_exception", fn_raise},
	{ROLE_FREE, "range", fn_range},
	{ROLE_FREE, "strftime_now", fn_strftime_now},
};

const struct function *function_find(enum role role, const char *name)
{
	for (size_t i = 0; name && i < sizeof(functions) / sizeof(functions[0]); i++)
		if (functions[i].role == role && !strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}
