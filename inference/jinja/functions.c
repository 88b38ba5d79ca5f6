#include "inference/jinja/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/jinja/functions_inside.h"

#define RANGE_MAX 10000
#define ATTRIBUTE_MAX 256

json_t *function_arg(const struct args *args, size_t place, const char *name)
{
	size_t at = 0;

	for (size_t i = 0; i < args->n; i++) {
		if (args->names[i] ? name && !strcmp(args->names[i], name) : at == place)
			return args->list[i];
		at += !args->names[i];
	}
	return NULL;
}

json_t *function_attribute(struct run *run, const struct args *args, size_t place, const char *name)
{
	json_t *v = function_arg(args, place, name);

	if (json_string_length(v) <= ATTRIBUTE_MAX)
		return v;
	return value_fail(run, -EMSGSIZE, "an attribute's name of %zu bytes, the limit is %d",
		json_string_length(v), ATTRIBUTE_MAX);
}

json_t *function_need_text(struct run *run, const json_t *v, const char *what)
{
	if (json_is_string(v))
		return (json_t *)v;
	return value_fail(run, -EINVAL, "%s needs a text", what);
}

json_t *function_made(struct run *run, json_t *v)
{
	return v ? v : value_fail(run, -ENOMEM, "out of memory");
}

json_t *function_list(struct run *run, json_t *a)
{
	json_t *list, *item;
	const char *key;

	if (json_is_array(a))
		return json_incref(a);
	if (json_is_string(a) &&
		!value_spend(run, value_length(json_string_value(a), json_string_length(a))))
		return NULL;
	list = json_array();
	if (!list)
		return function_made(run, NULL);
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
	return list;
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
	json_t *b = function_arg(args, 0, NULL);
	int order;

	if (!b || !value_order(run, a, b, &order))
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
	json_t *b = function_arg(args, 0, NULL);

	return json_boolean(b && value_equal(run, a, b));
}

static json_t *is_ne(struct run *run, json_t *a, const struct args *args)
{
	json_t *b = function_arg(args, 0, NULL);

	return json_boolean(!b || !value_equal(run, a, b));
}

static json_t *is_divisibleby(struct run *run, json_t *a, const struct args *args)
{
	json_int_t by = 0, n = 0;

	if (!value_int(a, &n) || !function_arg(args, 0, NULL) ||
		!value_int(function_arg(args, 0, NULL), &by) || by == 0)
		return value_fail(run, -EINVAL, "divisibleby needs whole numbers");
	return json_boolean(by == -1 || n % by == 0);
}

static json_t *is_in(struct run *run, json_t *a, const struct args *args)
{
	json_t *list = function_arg(args, 0, NULL);

	return list ? json_boolean(value_contains(run, list, a))
		    : value_fail(run, -EINVAL, "in needs a list");
}

/* --- free functions --- */

static json_t *fn_raise(struct run *run, json_t *a, const struct args *args)
{
	const char *words = json_string_value(function_arg(args, 0, "message"));

	(void)a;
	return value_fail(run, -EINVAL, "%s", words ? words : "refused");
}

static json_t *fn_namespace(struct run *run, json_t *a, const struct args *args)
{
	json_t *space = json_object();

	(void)a;
	for (size_t i = 0; i < args->n && space; i++) {
		if (!value_spend_on(run, args->list[i]))
			break;
		if (args->names[i])
			(void)json_object_set_new(
				space, args->names[i], value_copy(run, args->list[i]));
		else if (json_is_object(args->list[i]))
			(void)json_object_update(space, args->list[i]);
	}
	return function_made(run, space);
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
		return function_made(run, list);
	json_decref(list);
	return value_fail(
		run, -EINVAL, "range needs up to 3 whole numbers, %d apart at most", RANGE_MAX);
}

static json_t *fn_strftime_now(struct run *run, json_t *a, const struct args *args)
{
	const char *format = json_string_value(function_arg(args, 0, "format"));
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

json_t *function_call(struct run *run, const struct function *f, json_t *a, const struct args *args)
{
	bool left = f->role == ROLE_TEST || !a || value_spend_on(run, a);

	for (size_t i = 0; i < args->n && left; i++)
		left = value_spend_on(run, args->list[i]);
	return left ? f->run(run, a, args) : NULL;
}

const struct function *function_find(enum role role, const char *name)
{
	for (size_t i = 0; name && i < sizeof(functions) / sizeof(functions[0]); i++)
		if (functions[i].role == role && !strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}
