/* Filters and methods of lists and objects. */
#include <errno.h>
#include <string.h>

#include "inference/jinja/functions_inside.h"

json_t *fn_length(struct run *run, json_t *a, const struct args *args)
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

json_t *fn_list(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = function_list(run, a), *copy;

	(void)args;
	copy = list ? json_copy(list) : NULL;
	json_decref(list);
	return copy;
}

static json_t *at_end(struct run *run, json_t *a, bool last)
{
	json_t *list = function_list(run, a), *v;

	if (!list)
		return NULL;
	v = json_array_get(list, last ? json_array_size(list) - 1 : 0);
	v = json_incref(v ? v : run->undefined);
	json_decref(list);
	return v;
}

json_t *fn_first(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return at_end(run, a, false);
}

json_t *fn_last(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return at_end(run, a, true);
}

json_t *fn_reverse(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = function_list(run, a), *turned = json_array();

	(void)args;
	for (size_t i = json_array_size(list); list && turned && i-- > 0;)
		(void)json_array_append(turned, json_array_get(list, i));
	json_decref(list);
	if (list)
		return function_made(run, turned);
	json_decref(turned);
	return NULL;
}

json_t *fn_join(struct run *run, json_t *a, const struct args *args)
{
	CLEANUP(buf_done) struct buf text;
	json_t *by = function_arg(args, 0, "d"),
	       *name = function_attribute(run, args, 1, "attribute");
	json_t *list = function_list(run, a), *item;
	size_t i;
	int r = list ? 0 : -EINVAL;

	buf_init(&text, VALUE_MAX);
	json_array_foreach(list, i, item)
	{
		if (!value_spend(run, 1))
			break;
		if (json_is_string(name))
			item = json_object_get(item, json_string_value(name));
		if (r == 0 && i > 0 && json_is_string(by))
			r = buf_add(&text, json_string_value(by), json_string_length(by));
		if (r == 0)
			r = value_write(run, item ? item : run->undefined, &text);
	}
	json_decref(list);
	return list ? function_text(run, &text, r) : NULL;
}

/* sep.join(list) */
json_t *fn_join_method(struct run *run, json_t *a, const struct args *args)
{
	struct args by = {.list = {a}, .n = 1};
	json_t *list = function_arg(args, 0, NULL);

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
	return function_made(run, list);
}

json_t *fn_items(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 0);
}

json_t *fn_keys(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 1);
}

json_t *fn_values(struct run *run, json_t *a, const struct args *args)
{
	(void)args;
	return pairs_of(run, a, 2);
}

json_t *fn_get(struct run *run, json_t *a, const struct args *args)
{
	const char *key = json_string_value(function_arg(args, 0, NULL));
	json_t *v = key && a != run->undefined ? json_object_get(a, key) : NULL;

	if (!json_is_object(a))
		return value_fail(run, -EINVAL, "get needs an object");
	v = v ? v : function_arg(args, 1, NULL);
	return v ? json_incref(v) : json_null();
}

json_t *fn_append(struct run *run, json_t *a, const struct args *args)
{
	json_t *v = function_arg(args, 0, NULL);

	/* A copy, so that no list can come to hold itself. */
	if (!json_is_array(a) || !v || !value_spend(run, 16) ||
		json_array_append_new(a, value_copy(run, v)) < 0)
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

json_t *fn_map(struct run *run, json_t *a, const struct args *args)
{
	json_t *attribute = function_attribute(run, args, 9, "attribute"),
	       *filter = function_arg(args, 0, NULL);
	json_t *list = function_list(run, a), *out = json_array(), *item;
	const struct function *f =
		filter ? function_find(ROLE_FILTER, json_string_value(filter)) : NULL;
	size_t i;

	if (list && !attribute && !f)
		(void)value_fail(run, -EINVAL, "map needs an attribute or the name of a filter");
	json_array_foreach(list, i, item)
	{
		json_t *v = f ? function_call(run, f, item, &(struct args){0})
			      : json_incref(key_of(run, item, attribute));

		if (!v || run->e->code)
			break;
		(void)json_array_append_new(out, v);
	}
	json_decref(list);
	if (list && !run->e->code)
		return function_made(run, out);
	json_decref(out);
	return NULL;
}

/* select, reject, selectattr, rejectattr: items that pass a test, or do not. */
static json_t *sift(
	struct run *run, json_t *a, const struct args *args, bool by_attribute, bool keep)
{
	json_t *attribute = by_attribute ? function_attribute(run, args, 0, NULL) : NULL;
	json_t *test = function_arg(args, by_attribute, NULL),
	       *more = function_arg(args, by_attribute + 1u, NULL);
	json_t *list = function_list(run, a), *out = json_array(), *item;
	const struct function *f = test ? function_find(ROLE_TEST, json_string_value(test)) : NULL;
	struct args rest = {.list = {more}, .n = more ? 1 : 0};
	size_t i;

	if (list && test && !f)
		(void)value_fail(run, -EINVAL, "there is no such test");
	json_array_foreach(list, i, item)
	{
		json_t *key = key_of(run, item, attribute);
		json_t *v = f ? function_call(run, f, key, &rest)
			      : json_boolean(value_is_true(run, key));

		if (!v || run->e->code)
			break;
		if (value_is_true(run, v) == keep)
			(void)json_array_append(out, item);
		json_decref(v);
	}
	json_decref(list);
	if (list && !run->e->code)
		return function_made(run, out);
	json_decref(out);
	return NULL;
}

json_t *fn_select(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, false, true);
}

json_t *fn_reject(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, false, false);
}

json_t *fn_selectattr(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, true, true);
}

json_t *fn_rejectattr(struct run *run, json_t *a, const struct args *args)
{
	return sift(run, a, args, true, false);
}

json_t *fn_unique(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = function_list(run, a), *out = json_array(), *item, *seen;
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

			if (!value_order(run, key_of(run, item, attribute), before, &order))
				(void)value_fail(run, -EINVAL, "sort needs numbers or texts");
			if (!value_spend(run, 1) || (reverse ? order <= 0 : order >= 0))
				break;
		}
		if (run->e->code)
			break;
		(void)json_array_insert(out, at, item);
	}
	if (!run->e->code)
		return function_made(run, out);
	json_decref(out);
	return NULL;
}

json_t *fn_sort(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = function_list(run, a), *reverse = function_arg(args, 0, "reverse"), *out;

	out = list ? sort_by(run, list, function_attribute(run, args, 2, "attribute"),
			     reverse && value_is_true(run, reverse))
		   : NULL;
	json_decref(list);
	return out;
}

json_t *fn_dictsort(struct run *run, json_t *a, const struct args *args)
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

json_t *fn_default(struct run *run, json_t *a, const struct args *args)
{
	json_t *fallback = function_arg(args, 0, "default_value"),
	       *boolean = function_arg(args, 1, "boolean");
	bool missing = a == run->undefined ||
		       (boolean && value_is_true(run, boolean) && !value_is_true(run, a));

	if (!missing)
		return json_incref(a);
	return fallback ? json_incref(fallback) : value_text(run, "", 0);
}

json_t *fn_same(struct run *run, json_t *a, const struct args *args)
{
	(void)run;
	(void)args;
	return json_incref(a);
}
