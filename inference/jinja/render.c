#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/jinja/jinja.h"
#include "inference/jinja/node.h"

#define VARIABLES_MAX 512
#define DEPTH_MAX 200

/* How a body ended. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct scope {
	struct run run; /* first: functions get it */
	const struct jinja *j;
	struct buf *out;
	struct {
		const char *name;
		json_t *value; /* owned */
	} variables[VARIABLES_MAX];
	size_t n, base; /* base: where the innermost body's own begin */
	int depth;
	enum flow flow;
};

static json_t *eval(struct scope *s, const struct node *n);
static int run_body(struct scope *s, const struct node *n);

static int code(const struct scope *s)
{
	return s->run.e->code ? s->run.e->code : -ENOMEM;
}

static json_t *made(struct scope *s, json_t *v)
{
	return v ? v : value_fail(&s->run, -ENOMEM, "out of memory");
}

/* --- variables --- */

static int set_variable(struct scope *s, const char *name, json_t *value)
{
	if (!value)
		return code(s);
	for (size_t i = s->base; i < s->n; i++)
		if (!strcmp(s->variables[i].name, name)) {
			json_decref(s->variables[i].value);
			s->variables[i].value = value;
			return 0;
		}
	if (s->n == VARIABLES_MAX) {
		json_decref(value);
		(void)value_fail(&s->run, -EOVERFLOW, "over %d variables", VARIABLES_MAX);
		return -EOVERFLOW;
	}
	s->variables[s->n].name = name;
	s->variables[s->n++].value = value;
	return 0;
}

static json_t *find_variable(const struct scope *s, const char *name)
{
	for (size_t i = s->n; i-- > 0;)
		if (!strcmp(s->variables[i].name, name))
			return json_incref(s->variables[i].value);
	return json_incref(s->run.undefined);
}

/* A body's own variables begin here. Returns what leave() needs. */
static size_t enter(struct scope *s)
{
	size_t was = s->base;

	s->base = s->n;
	return was;
}

static void leave(struct scope *s, size_t was)
{
	while (s->n > s->base)
		json_decref(s->variables[--s->n].value);
	s->base = was;
}

/* name = value, ns.name = value, or a, b = values. Takes value. */
static int assign(struct scope *s, const struct node *targets, json_t *value)
{
	size_t i = 0;
	int r = 0;

	if (!value)
		return code(s);
	for (const struct node *t = targets; t && r == 0; t = t->next, i++) {
		json_t *part = targets->next ? json_array_get(value, i) : value;

		if (!part) {
			(void)value_fail(&s->run, -EINVAL, "not enough values to unpack");
			r = -EINVAL;
		} else if (t->kind == NODE_NAME) {
			r = set_variable(s, t->name, json_incref(part));
		} else {
			json_t *space = eval(s, t->a);

			/* A copy, so that no namespace can come to hold itself. */
			if (!json_is_object(space) || space == s->run.undefined || !t->name ||
				!value_spend(&s->run, 16) ||
				json_object_set_new(space, t->name,
					json_is_object(part) || json_is_array(part)
						? value_copy(&s->run, part)
						: json_incref(part)) < 0) {
				(void)value_fail(
					&s->run, -EINVAL, "only a namespace has attributes to set");
				r = code(s);
			}
			json_decref(space);
		}
	}
	json_decref(value);
	return r;
}

/* --- operators --- */

static json_t *concat(struct scope *s, const json_t *a, const json_t *b)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, VALUE_MAX);
	r = value_write(&s->run, a, &text);
	if (r == 0)
		r = value_write(&s->run, b, &text);
	return r < 0 ? value_fail(&s->run, -ENOSPC, "a text is over 1 MiB")
		     : value_text(&s->run, buf_str(&text), text.len);
}

static json_t *join_lists(struct scope *s, json_t *a, json_t *b)
{
	json_t *list = json_copy(a);

	if (!list || json_array_extend(list, b) < 0 ||
		!value_spend(&s->run, json_array_size(list))) {
		json_decref(list);
		return made(s, NULL);
	}
	return list;
}

static json_t *repeat(struct scope *s, const json_t *text, json_int_t times)
{
	CLEANUP(buf_done) struct buf out;
	int r = 0;

	buf_init(&out, VALUE_MAX);
	for (; times > 0 && r == 0; times--)
		r = json_string_length(text) == 0
			    ? -EINVAL
			    : buf_add(&out, json_string_value(text), json_string_length(text));
	return r == -ENOSPC ? value_fail(&s->run, r, "a text is over 1 MiB")
			    : value_text(&s->run, buf_str(&out), out.len);
}

#define SMALL_MAX (1 << 30)

static json_t *whole(struct scope *s, enum op op, json_int_t x, json_int_t y)
{
	json_int_t quotient;

	/* llabs() of the least number is no number. */
	if (x < -SMALL_MAX || x > SMALL_MAX || y < -SMALL_MAX || y > SMALL_MAX)
		return value_fail(&s->run, -EINVAL, "arithmetic needs small numbers");
	if ((op == OP_FLOOR || op == OP_MOD) && y == 0)
		return value_fail(&s->run, -EINVAL, "division by zero");
	switch (op) {
	case OP_ADD:
		return json_integer(x + y);
	case OP_SUB:
		return json_integer(x - y);
	case OP_MUL:
		return json_integer(x * y);
	default:
		quotient = x / y - (x % y != 0 && (x < 0) != (y < 0));
		return json_integer(op == OP_FLOOR ? quotient : x - quotient * y);
	}
}

static json_t *arithmetic(struct scope *s, enum op op, const json_t *a, const json_t *b)
{
	double x = json_number_value(a), y = json_number_value(b), v;
	json_int_t i, j;

	if (op != OP_DIV && op != OP_POW && value_int(a, &i) && value_int(b, &j))
		return whole(s, op, i, j);
	if (!value_is_number(a) || !value_is_number(b) || a == s->run.undefined ||
		b == s->run.undefined)
		return value_fail(&s->run, -EINVAL, "these two cannot be calculated with");
	if (y == 0 && (op == OP_DIV || op == OP_FLOOR || op == OP_MOD))
		return value_fail(&s->run, -EINVAL, "division by zero");
	v = op == OP_ADD     ? x + y
	    : op == OP_SUB   ? x - y
	    : op == OP_MUL   ? x * y
	    : op == OP_DIV   ? x / y
	    : op == OP_FLOOR ? floor(x / y)
	    : op == OP_MOD   ? x - floor(x / y) * y
			     : pow(x, y);
	if (op == OP_POW && json_is_integer(a) && json_is_integer(b) && fabs(v) < 1e15 && y >= 0)
		return json_integer((json_int_t)v);
	return isfinite(v) ? json_real(v) : value_fail(&s->run, -EINVAL, "a number is too large");
}

static json_t *eval_sum(struct scope *s, enum op op, json_t *a, json_t *b)
{
	json_int_t times;

	if (op == OP_JOIN)
		return concat(s, a, b);
	if (op == OP_ADD && json_is_array(a) && json_is_array(b))
		return join_lists(s, a, b);
	if (op == OP_ADD && (json_is_string(a) || json_is_string(b))) {
		if (!json_is_string(a) || !json_is_string(b))
			return value_fail(&s->run, -EINVAL,
				"only a text can be added to a text (~ joins the others)");
		return concat(s, a, b);
	}
	if (op == OP_MUL && json_is_string(a) && value_int(b, &times))
		return repeat(s, a, times);
	if (op == OP_MUL && json_is_string(b) && value_int(a, &times))
		return repeat(s, b, times);
	return arithmetic(s, op, a, b);
}

static json_t *eval_compare(struct scope *s, enum op op, const json_t *a, const json_t *b)
{
	int order;

	if (op == OP_EQ || op == OP_NE)
		return json_boolean(value_equal(&s->run, a, b) == (op == OP_EQ));
	if (op == OP_IN || op == OP_NOT_IN) {
		if (b != s->run.undefined && !json_is_array(b) && !json_is_object(b) &&
			!json_is_string(b))
			return value_fail(&s->run, -EINVAL, "in needs a list or a text");
		return json_boolean(value_contains(&s->run, b, a) == (op == OP_IN));
	}
	if (a == s->run.undefined || b == s->run.undefined || !value_order(&s->run, a, b, &order))
		return value_fail(&s->run, -EINVAL, "these two have no order");
	return json_boolean(op == OP_LE   ? order <= 0
			    : op == OP_GE ? order >= 0
			    : op == OP_LT ? order < 0
					  : order > 0);
}

static json_t *eval_sign(struct scope *s, enum op op, json_t *a)
{
	if (op == OP_NOT)
		return json_boolean(!value_is_true(&s->run, a));
	if (!value_is_number(a) || a == s->run.undefined)
		return value_fail(&s->run, -EINVAL, "a sign needs a number");
	if (op == OP_PLUS)
		return json_incref(a);
	return json_is_real(a) ? json_real(-json_real_value(a))
			       : json_integer(-(json_int_t)json_number_value(a));
}

static json_t *eval_operator(struct scope *s, const struct node *n)
{
	json_t *a = eval(s, n->a), *b, *v;

	if (!a)
		return NULL;
	if (n->op == OP_OR || n->op == OP_AND) {
		if (value_is_true(&s->run, a) == (n->op == OP_OR))
			return a;
		json_decref(a);
		return eval(s, n->b);
	}
	if (n->op == OP_NOT || n->op == OP_NEGATE || n->op == OP_PLUS) {
		v = eval_sign(s, n->op, a);
		json_decref(a);
		return v;
	}
	b = eval(s, n->b);
	v = !b                                 ? NULL
	    : n->op >= OP_IN && n->op <= OP_GT ? eval_compare(s, n->op, a, b)
					       : eval_sum(s, n->op, a, b);
	json_decref(a);
	json_decref(b);
	return v;
}

/* --- parts of values --- */

static json_t *char_at(struct scope *s, const json_t *text, json_int_t i)
{
	const char *t = json_string_value(text);
	size_t n = json_string_length(text), at;
	json_int_t length;

	if (!value_spend_on(&s->run, text))
		return NULL;
	length = (json_int_t)value_length(t, n);
	i += i < 0 ? length : 0;
	if (i < 0 || i >= length)
		return json_incref(s->run.undefined);
	at = value_byte(t, n, (size_t)i);
	return value_text(&s->run, t + at, value_byte(t + at, n - at, 1));
}

static json_t *eval_item(struct scope *s, json_t *a, const json_t *b)
{
	json_t *v = NULL;
	json_int_t i;

	if (a == s->run.undefined)
		return json_incref(a);
	if (json_is_string(b) && !value_spend_on(&s->run, b))
		return NULL;
	if (json_is_string(b))
		v = json_object_get(a, json_string_value(b));
	else if (value_int(b, &i) && json_is_string(a))
		return char_at(s, a, i);
	else if (value_int(b, &i) && json_is_array(a)) {
		i += i < 0 ? (json_int_t)json_array_size(a) : 0;
		v = i < 0 ? NULL : json_array_get(a, (size_t)i);
	}
	return json_incref(v ? v : s->run.undefined);
}

/* A bound as Python takes it: from the end where negative, and inside [low, high]. */
static json_int_t bound(
	const json_t *v, json_int_t n, json_int_t fallback, json_int_t low, json_int_t high)
{
	json_int_t i;

	if (!v || !value_int(v, &i))
		return fallback;
	i += i < 0 ? n : 0;
	return i < low ? low : i > high ? high : i;
}

static json_t *eval_slice(
	struct scope *s, const json_t *a, const json_t *from, const json_t *to, const json_t *by)
{
	CLEANUP(buf_done) struct buf text;
	const char *t = json_string_value(a);
	size_t bytes = json_string_length(a);
	json_int_t n = json_is_string(a) ? (json_int_t)value_length(t, bytes)
					 : (json_int_t)json_array_size(a);
	json_int_t step = 1, i, end;
	json_t *list = json_is_array(a) ? json_array() : NULL;
	int r = 0;

	buf_init(&text, VALUE_MAX);
	if (!json_is_array(a) && !json_is_string(a))
		return value_fail(&s->run, -EINVAL, "a slice needs a list or a text");
	if (!value_spend_on(&s->run, a))
		return NULL;
	if (by && value_int(by, &step) && step == 0)
		step = 1;
	i = bound(from, n, step > 0 ? 0 : n - 1, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
	end = bound(to, n, step > 0 ? n : -1, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
	if (json_is_string(a) && step == 1) {
		size_t first = value_byte(t, bytes, (size_t)i);

		return value_text(&s->run, t + first,
			end > i ? value_byte(t + first, bytes - first, (size_t)(end - i)) : 0);
	}
	for (; (step > 0 ? i < end : i > end) && r == 0; i += step) {
		if (!value_spend(&s->run, 1 + bytes / STEP_BYTES))
			break;
		size_t at = list ? 0 : value_byte(t, bytes, (size_t)i);

		r = list ? json_array_append(list, json_array_get(a, (size_t)i))
			 : buf_add(&text, t + at, value_byte(t + at, bytes - at, 1));
	}
	return list ? list : value_text(&s->run, buf_str(&text), text.len);
}

static json_t *eval_list(struct scope *s, const struct node *n)
{
	json_t *list = json_array();

	for (const struct node *item = n->args; item && list; item = item->next) {
		json_t *v = eval(s, item);

		if (!v || json_array_append_new(list, v) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return made(s, list);
}

static json_t *eval_dict(struct scope *s, const struct node *n)
{
	json_t *dict = json_object();

	for (const struct node *key = n->args; key && dict; key = key->next->next) {
		json_t *k = eval(s, key), *v = k ? eval(s, key->next) : NULL;

		if (k && !json_is_string(k))
			(void)value_fail(&s->run, -EINVAL, "keys are texts");
		else if (k)
			(void)value_spend_on(&s->run, k);
		if (!v || s->run.e->code ||
			json_object_set_new_nocheck(dict, json_string_value(k), v) < 0) {
			if (s->run.e->code)
				json_decref(v);
			json_decref(k);
			json_decref(dict);
			return NULL;
		}
		json_decref(k);
	}
	return made(s, dict);
}

static json_t *eval_parts(struct scope *s, const struct node *n)
{
	CLEANUP(json_decrefp) json_t *a = eval(s, n->a);
	CLEANUP(json_decrefp) json_t *b = a && n->b ? eval(s, n->b) : NULL;
	CLEANUP(json_decrefp) json_t *c = a && n->c ? eval(s, n->c) : NULL;
	CLEANUP(json_decrefp) json_t *d = a && n->d ? eval(s, n->d) : NULL;

	if (!a || s->run.e->code)
		return NULL;
	return n->kind == NODE_ITEM ? eval_item(s, a, b) : eval_slice(s, a, b, c, d);
}

/* --- calls --- */

static int eval_args(struct scope *s, const struct node *list, struct args *ret)
{
	for (const struct node *n = list; n; n = n->next) {
		json_t *v = eval(s, n->a);

		if (!v)
			return code(s);
		ret->names[ret->n] = n->name;
		ret->list[ret->n++] = v;
	}
	return 0;
}

static void args_done(struct args *args)
{
	for (size_t i = 0; i < args->n; i++)
		json_decref(args->list[i]);
}

static json_t *eval_call(struct scope *s, const struct node *n)
{
	json_t *a = n->a ? eval(s, n->a) : NULL, *v = NULL;
	struct args args = {0};

	if ((!n->a || a) && eval_args(s, n->args, &args) == 0)
		v = function_call(&s->run, n->function, a, &args);
	args_done(&args);
	json_decref(a);
	if (v && n->negated) {
		bool yes = json_is_true(v);

		json_decref(v);
		v = json_boolean(!yes);
	}
	return v;
}

static const struct node *find_macro(const struct scope *s, const char *name)
{
	for (size_t i = s->j->n_macros; i-- > 0;)
		if (!strcmp(s->j->macros[i].name, name))
			return s->j->macros[i].node;
	return NULL;
}

/* The macro's parameters from the arguments, by keyword or place, or their defaults. */
static int set_parameters(struct scope *s, const struct node *macro, const struct args *args)
{
	size_t place = 0;
	int r = 0;

	for (const struct node *p = macro->targets; p && r == 0; p = p->next, place++) {
		json_t *v = NULL;
		size_t at = 0;

		for (size_t i = 0; i < args->n; i++) {
			if (args->names[i] ? !strcmp(args->names[i], p->name) : at == place)
				v = args->list[i];
			at += !args->names[i];
		}
		v = v ? json_incref(v) : p->a ? eval(s, p->a) : json_incref(s->run.undefined);
		r = set_variable(s, p->name, v);
	}
	return r;
}

/* What the macro writes. */
static json_t *eval_macro(struct scope *s, const struct node *n)
{
	const struct node *macro = find_macro(s, n->name);
	struct args args = {0};
	struct buf *was = s->out, text;
	json_t *v = NULL;
	size_t scope;
	int r = eval_args(s, n->args, &args);

	buf_init(&text, VALUE_MAX);
	scope = enter(s);
	if (r == 0)
		r = set_parameters(s, macro, &args);
	s->out = &text;
	if (r == 0)
		r = run_body(s, macro->body);
	s->out = was;
	leave(s, scope);
	s->flow = FLOW_ON;
	args_done(&args);
	if (r == -ENOSPC)
		(void)value_fail(&s->run, r, "a text is over 1 MiB");
	else if (r == 0)
		v = value_text(&s->run, buf_str(&text), text.len);
	buf_done(&text);
	return v;
}

static json_t *eval_choice(struct scope *s, const struct node *n)
{
	json_t *a = eval(s, n->a);
	bool yes;

	if (!a)
		return NULL;
	yes = value_is_true(&s->run, a);
	json_decref(a);
	if (!yes && !n->otherwise)
		return json_incref(s->run.undefined);
	return eval(s, yes ? n->body : n->otherwise);
}

static json_t *eval(struct scope *s, const struct node *n)
{
	json_t *v = NULL;

	if (!value_spend(&s->run, 1))
		return NULL;
	if (s->depth > DEPTH_MAX)
		return value_fail(&s->run, -EOVERFLOW, "calls itself too deep");
	s->depth++;
	switch (n->kind) {
	case NODE_LITERAL:
		v = json_incref(n->value);
		break;
	case NODE_NAME:
		v = find_variable(s, n->name);
		break;
	case NODE_LIST:
		v = eval_list(s, n);
		break;
	case NODE_DICT:
		v = eval_dict(s, n);
		break;
	case NODE_OPERATOR:
		v = eval_operator(s, n);
		break;
	case NODE_CHOICE:
		v = eval_choice(s, n);
		break;
	case NODE_CALL:
		v = eval_call(s, n);
		break;
	case NODE_MACRO_CALL:
		v = eval_macro(s, n);
		break;
	default:
		v = eval_parts(s, n);
		break;
	}
	s->depth--;
	return v;
}

/* --- statements --- */

static int run_output(struct scope *s, const struct node *n)
{
	json_t *v = eval(s, n->a);
	int r = v ? value_write(&s->run, v, s->out) : code(s);

	json_decref(v);
	return r;
}

static json_t *loop_facts(const json_t *list, size_t i)
{
	size_t n = json_array_size(list);
	json_t *facts = json_pack("{s:I, s:I, s:I, s:I, s:b, s:b, s:I}", "index0", (json_int_t)i,
		"index", (json_int_t)i + 1, "revindex", (json_int_t)(n - i), "revindex0",
		(json_int_t)(n - i) - 1, "first", i == 0, "last", i + 1 == n, "length",
		(json_int_t)n);

	if (i > 0)
		(void)json_object_set(facts, "previtem", json_array_get(list, i - 1));
	if (i + 1 < n)
		(void)json_object_set(facts, "nextitem", json_array_get(list, i + 1));
	return facts;
}

/* What the loop goes through, without what its condition leaves out. A new list. */
static json_t *loop_list(struct scope *s, const struct node *n)
{
	json_t *v = eval(s, n->a), *all, *chosen = json_array(), *item;
	size_t i;

	all = v ? function_call(&s->run, function_find(ROLE_FILTER, "list"), v, &(struct args){0})
		: NULL;
	json_decref(v);
	json_array_foreach(all, i, item)
	{
		size_t scope = enter(s);
		json_t *yes = assign(s, n->targets, json_incref(item)) < 0 ? NULL
			      : n->b                                       ? eval(s, n->b)
									   : json_true();

		leave(s, scope);
		if (!yes)
			break;
		if (value_is_true(&s->run, yes))
			(void)json_array_append(chosen, item);
		json_decref(yes);
	}
	json_decref(all);
	if (all && !s->run.e->code)
		return made(s, chosen);
	json_decref(chosen);
	return NULL;
}

static int run_for(struct scope *s, const struct node *n)
{
	CLEANUP(json_decrefp) json_t *list = loop_list(s, n);
	json_t *item;
	size_t i;
	int r = list ? 0 : code(s);

	if (list && json_array_size(list) == 0)
		return run_body(s, n->otherwise);
	json_array_foreach(list, i, item)
	{
		size_t scope = enter(s);

		r = assign(s, n->targets, json_incref(item));
		if (r == 0)
			r = set_variable(s, "loop", loop_facts(list, i));
		if (r == 0)
			r = run_body(s, n->body);
		leave(s, scope);
		if (r < 0 || s->flow == FLOW_BREAK)
			break;
		s->flow = FLOW_ON;
	}
	s->flow = FLOW_ON;
	return r;
}

static int run_if(struct scope *s, const struct node *n)
{
	json_t *a = eval(s, n->a);
	bool yes;

	if (!a)
		return code(s);
	yes = value_is_true(&s->run, a);
	json_decref(a);
	return run_body(s, yes ? n->body : n->otherwise);
}

/* {% set name %}…{% endset %} takes what its body writes. */
static int run_set(struct scope *s, const struct node *n)
{
	struct buf *was = s->out, text;
	json_t *v;
	int r = 0;

	if (n->a)
		return assign(s, n->targets, eval(s, n->a));
	buf_init(&text, VALUE_MAX);
	s->out = &text;
	r = run_body(s, n->body);
	s->out = was;
	v = r == 0 ? value_text(&s->run, buf_str(&text), text.len) : NULL;
	buf_done(&text);
	return r < 0 ? r : assign(s, n->targets, v);
}

static int run_one(struct scope *s, const struct node *n)
{
	switch (n->kind) {
	case NODE_TEXT:
		return buf_add(s->out, json_string_value(n->value), json_string_length(n->value));
	case NODE_FOR:
		return run_for(s, n);
	case NODE_IF:
		return run_if(s, n);
	case NODE_SET:
		return run_set(s, n);
	case NODE_GROUP:
		return run_body(s, n->body);
	case NODE_MACRO:
		return 0;
	case NODE_BREAK:
	case NODE_CONTINUE:
		s->flow = n->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
		return 0;
	default:
		return run_output(s, n);
	}
}

static int run_body(struct scope *s, const struct node *n)
{
	int r = 0;

	if (++s->depth > DEPTH_MAX)
		(void)value_fail(&s->run, -EOVERFLOW, "calls itself too deep");
	for (; n && r == 0 && s->flow == FLOW_ON; n = n->next)
		r = value_spend(&s->run, 1) && !s->run.e->code ? run_one(s, n) : code(s);
	s->depth--;
	return r;
}

int jinja_render(const struct jinja *j, json_t *variables, struct buf *out, struct err *e)
{
	struct err words = {0};
	struct scope *s = calloc(1, sizeof(*s));
	const char *name;
	json_t *v;
	int r = s ? 0 : -ENOMEM;

	if (s) {
		s->run = (struct run){.e = &words, .undefined = json_object()};
		s->j = j;
		s->out = out;
		r = s->run.undefined ? 0 : -ENOMEM;
	}
	json_object_foreach(variables, name, v)
	{
		if (r == 0)
			r = set_variable(s, name, json_incref(v));
	}
	if (r == 0)
		r = run_body(s, j->root);
	if (s) {
		s->base = 0;
		leave(s, 0);
		json_decref(s->run.undefined);
		free(s);
	}
	if (r == 0)
		return 0;
	return err_set(e, words.code ? words.code : r, "%s",
		words.code ? words.text
			   : (r == -ENOSPC ? "chat template: the text is too long"
					   : "chat template: out of memory"));
}
