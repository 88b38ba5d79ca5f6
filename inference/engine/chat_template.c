#include "inference/engine/chat_template.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 4096
#define DEPTH_MAX 48
#define STEPS_MAX 200000 /* of one rendering */
#define VALUE_MAX (1u << 20)
#define VARIABLES_MAX 64

enum kind {
	/* statements */
	TEXT,   /* value */
	OUTPUT, /* a */
	FOR,    /* name, a: what to go through, b: condition or NULL, body */
	IF,     /* a, body, otherwise */
	SET,    /* name, a */
	/* expressions */
	LITERAL,  /* value */
	NAME,     /* name */
	ITEM,     /* a[b], a.name */
	SLICE,    /* a[b:c] */
	OPERATOR, /* op, a, b */
	CALL,     /* fn, a: subject or first argument, b: further argument */
};

enum op { OR, AND, NOT, IN, NOT_IN, EQ, NE, LE, GE, LT, GT, ADD, SUB, JOIN, MOD, NEGATE };

struct node {
	enum kind kind;
	enum op op;
	const struct function *fn;
	const char *name; /* owned by the template's names */
	json_t *value;    /* owned */
	struct node *a, *b, *c, *body, *otherwise, *next;
};

struct chat_template {
	char *source; /* owned; names are cut from copies of it */
	char *bos, *eos;
	struct node *nodes; /* owned; used of NODES_MAX */
	size_t used;
	char *names; /* owned; all names, NUL-terminated */
	size_t names_used;
	struct node *root;
};

/* --- values: JSON, and one object that stands for "undefined" --- */

struct run {
	const struct chat_template *t;
	struct buf *out;
	struct err *e;
	json_t *undefined;
	struct {
		const char *name;
		json_t *value; /* owned */
	} variables[VARIABLES_MAX];
	size_t n_variables;
	unsigned steps;
	int depth;
};

static json_t *fail(struct run *run, int code, const char *words)
{
	(void)err_set(run->e, code, "chat template: %s", words);
	if (run->e->code == 0)
		run->e->code = code;
	return NULL;
}

static bool is_true(const struct run *run, const json_t *v)
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
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) != 0;
	default:
		return json_is_true(v);
	}
}

static json_t *string_of(struct run *run, const char *s, size_t n)
{
	json_t *v;

	if (n > VALUE_MAX)
		return fail(run, -ENOSPC, "a text is over 1 MiB");
	v = json_stringn_nocheck(s, n);
	return v ? v : fail(run, -ENOMEM, "out of memory");
}

/* --- functions: filters, tests, methods and the one call --- */

typedef json_t *(*function_fn)(struct run *run, json_t *a, json_t *b);

static json_t *strip_sides(struct run *run, json_t *a, bool left, bool right)
{
	const char *s = json_string_value(a);
	size_t n = json_string_length(a), from = 0;

	if (!json_is_string(a))
		return fail(run, -EINVAL, "trim needs a text");
	while (right && n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	while (left && from < n && isspace((unsigned char)s[from]))
		from++;
	return string_of(run, s + from, n - from);
}

static json_t *fn_trim(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return strip_sides(run, a, true, true);
}

static json_t *fn_lstrip(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return strip_sides(run, a, true, false);
}

static json_t *fn_rstrip(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return strip_sides(run, a, false, true);
}

static json_t *change_case(struct run *run, json_t *a, int (*change)(int))
{
	CLEANUP(freep) char *copy = NULL;
	size_t n = json_string_length(a);

	if (!json_is_string(a))
		return fail(run, -EINVAL, "upper and lower need a text");
	copy = malloc(n + 1);
	if (!copy)
		return fail(run, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		char c = json_string_value(a)[i];

		copy[i] = (unsigned char)c < 0x80 ? (char)change(c) : c;
	}
	return string_of(run, copy, n);
}

static json_t *fn_upper(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return change_case(run, a, toupper);
}

static json_t *fn_lower(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return change_case(run, a, tolower);
}

static json_t *fn_length(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	if (json_is_array(a))
		return json_integer((json_int_t)json_array_size(a));
	if (json_is_object(a))
		return json_integer((json_int_t)json_object_size(a));
	if (json_is_string(a))
		return json_integer((json_int_t)json_string_length(a));
	return fail(run, -EINVAL, "length needs a list or a text");
}

static json_t *fn_is_defined(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return json_boolean(a != run->undefined);
}

static json_t *fn_is_none(struct run *run, json_t *a, json_t *b)
{
	(void)run;
	(void)b;
	return json_boolean(json_is_null(a));
}

static json_t *fn_is_string(struct run *run, json_t *a, json_t *b)
{
	(void)run;
	(void)b;
	return json_boolean(json_is_string(a));
}

static json_t *fn_is_iterable(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return json_boolean(a != run->undefined &&
			    (json_is_array(a) || json_is_object(a) || json_is_string(a)));
}

static json_t *fn_startswith(struct run *run, json_t *a, json_t *b)
{
	if (!json_is_string(a) || !json_is_string(b))
		return fail(run, -EINVAL, "startswith needs texts");
	return json_boolean(
		json_string_length(b) <= json_string_length(a) &&
		!memcmp(json_string_value(a), json_string_value(b), json_string_length(b)));
}

static json_t *fn_endswith(struct run *run, json_t *a, json_t *b)
{
	size_t n = json_string_length(a), tail = json_string_length(b);

	if (!json_is_string(a) || !json_is_string(b))
		return fail(run, -EINVAL, "endswith needs texts");
	return json_boolean(
		tail <= n && !memcmp(json_string_value(a) + n - tail, json_string_value(b), tail));
}

static json_t *fn_raise(struct run *run, json_t *a, json_t *b)
{
	(void)b;
	return fail(run, -EINVAL, json_is_string(a) ? json_string_value(a) : "refused");
}

enum role { FILTER, TEST, METHOD, FREE };

static const struct function {
	enum role role;
	const char *name;
	bool second; /* takes one more argument */
	function_fn fn;
} functions[] = {
	{FILTER, "trim", false, fn_trim},
	{FILTER, "upper", false, fn_upper},
	{FILTER, "lower", false, fn_lower},
	{FILTER, "length", false, fn_length},
	{TEST, "defined", false, fn_is_defined},
	{TEST, "none", false, fn_is_none},
	{TEST, "string", false, fn_is_string},
	{TEST, "iterable", false, fn_is_iterable},
	{METHOD, "strip", false, fn_trim},
	{METHOD, "lstrip", false, fn_lstrip},
	{METHOD, "rstrip", false, fn_rstrip},
	{METHOD, "upper", false, fn_upper},
	{METHOD, "lower", false, fn_lower},
	{METHOD, "startswith", true, fn_startswith},
	{METHOD, "endswith", true, fn_endswith},
	{FREE, "raise_exception", false, fn_raise},
};

static const struct function *find_function(enum role role, const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (functions[i].role == role && !strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}

/* --- reading --- */

struct reader {
	struct chat_template *t;
	const char *start, *at, *end;
	struct err *e;
	int r;
	int depth;
	bool trim;      /* the tag before ended in '-': drop white space */
	bool trim_line; /* it was a block: drop one newline (trim_blocks) */
};

static struct node *refuse(struct reader *rd, const char *what, const char *name, size_t n)
{
	int line = 1;

	for (const char *c = rd->start; c < rd->at && c < rd->end; c++)
		line += *c == '\n';
	if (rd->r == 0)
		rd->r = err_set(rd->e, -ENOTSUP,
			"chat template, line %d: %s%s%.*s%s is not supported", line, what,
			n ? " '" : "", (int)(n > 40 ? 40 : n), name, n ? "'" : "");
	return NULL;
}

static struct node *node_new(struct reader *rd, enum kind kind)
{
	struct node *n;

	if (rd->t->used == NODES_MAX) {
		if (rd->r == 0)
			rd->r = err_set(
				rd->e, -EMSGSIZE, "chat template: over %d parts", NODES_MAX);
		return NULL;
	}
	n = &rd->t->nodes[rd->t->used++];
	*n = (struct node){.kind = kind};
	return n;
}

static void skip_space(struct reader *rd)
{
	while (rd->at < rd->end && isspace((unsigned char)*rd->at))
		rd->at++;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Takes a symbol, or a whole word. */
static bool accept(struct reader *rd, const char *what)
{
	size_t n = strlen(what);

	skip_space(rd);
	if ((size_t)(rd->end - rd->at) < n || memcmp(rd->at, what, n) != 0)
		return false;
	if (is_name(what[0]) && rd->at + n < rd->end && is_name(rd->at[n]))
		return false;
	rd->at += n;
	return true;
}

static void expect(struct reader *rd, const char *what)
{
	size_t left;

	if (rd->r < 0 || accept(rd, what))
		return;
	left = (size_t)(rd->end - rd->at);
	(void)refuse(rd, "the part before", rd->at, left > 12 ? 12 : left);
}

/* A name, kept for the template's life; NULL: there is none here. */
static const char *take_name(struct reader *rd)
{
	const char *from;
	char *copy;
	size_t n;

	skip_space(rd);
	from = rd->at;
	if (from == rd->end || !is_name(*from) || isdigit((unsigned char)*from))
		return NULL;
	while (rd->at < rd->end && is_name(*rd->at))
		rd->at++;
	n = (size_t)(rd->at - from);
	/* Each name costs a byte more than its source has; a separator always follows one, except
	 * at the very end, for which the store has a byte to spare. */
	copy = rd->t->names + rd->t->names_used;
	memcpy(copy, from, n);
	copy[n] = '\0';
	rd->t->names_used += n + 1;
	return copy;
}

static struct node *read_or(struct reader *rd);

static struct node *literal(struct reader *rd, json_t *v)
{
	struct node *n = v ? node_new(rd, LITERAL) : NULL;

	if (!n) {
		json_decref(v);
		if (rd->r == 0)
			rd->r = err_set(rd->e, -ENOMEM, "chat template: out of memory");
		return NULL;
	}
	n->value = v;
	return n;
}

static struct node *read_string(struct reader *rd)
{
	CLEANUP(buf_done) struct buf text;
	char quote = *rd->at++;

	buf_init(&text, CHAT_TEMPLATE_MAX);
	while (rd->at < rd->end && *rd->at != quote) {
		char c = *rd->at++;

		if (c == '\\' && rd->at < rd->end) {
			c = *rd->at++;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		if (buf_add(&text, &c, 1) < 0 && rd->r == 0)
			rd->r = err_set(rd->e, -ENOMEM, "chat template: out of memory");
	}
	if (rd->at == rd->end)
		return refuse(rd, "a text without its end", "", 0);
	rd->at++;
	return literal(rd, json_stringn_nocheck(buf_str(&text), text.len));
}

static struct node *read_number(struct reader *rd)
{
	json_int_t n = 0;

	while (rd->at < rd->end && isdigit((unsigned char)*rd->at) && n < 1000000000)
		n = n * 10 + (*rd->at++ - '0');
	return literal(rd, json_integer(n));
}

static struct node *read_call(struct reader *rd, enum role role, const char *name, struct node *a)
{
	const struct function *fn = find_function(role, name);
	struct node *n;

	if (!fn)
		return refuse(rd, role == METHOD ? "method" : "function", name, strlen(name));
	n = node_new(rd, CALL);
	if (!n)
		return NULL;
	n->fn = fn;
	n->a = a ? a : read_or(rd);
	if (fn->second)
		n->b = read_or(rd);
	expect(rd, ")");
	return n;
}

static struct node *read_word(struct reader *rd)
{
	static const struct constant {
		const char *name;
		json_t *(*make)(void);
	} constants[] = {{"true", json_true}, {"True", json_true}, {"false", json_false},
		{"False", json_false}, {"none", json_null}, {"None", json_null}};
	const char *name = take_name(rd);
	struct node *n;

	if (!name)
		return refuse(rd, "the part before", rd->at,
			(size_t)(rd->end - rd->at) > 12 ? 12 : (size_t)(rd->end - rd->at));
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (!strcmp(name, constants[i].name))
			return literal(rd, constants[i].make());
	if (accept(rd, "("))
		return read_call(rd, FREE, name, NULL);
	n = node_new(rd, NAME);
	if (n)
		n->name = name;
	return n;
}

static struct node *read_subscript(struct reader *rd, struct node *subject)
{
	struct node *first = accept(rd, ":") ? NULL : read_or(rd), *n;
	bool slice = !first || accept(rd, ":");

	n = node_new(rd, slice ? SLICE : ITEM);
	if (!n)
		return NULL;
	n->a = subject;
	n->b = first;
	if (slice && !accept(rd, "]")) {
		n->c = read_or(rd);
		expect(rd, "]");
	} else if (!slice) {
		expect(rd, "]");
	}
	return n;
}

static struct node *read_filter(struct reader *rd, struct node *subject)
{
	const char *name = take_name(rd);
	const struct function *fn = name ? find_function(FILTER, name) : NULL;
	struct node *n;

	if (!fn)
		return refuse(rd, "filter", name ? name : "", name ? strlen(name) : 0);
	n = node_new(rd, CALL);
	if (!n)
		return NULL;
	n->fn = fn;
	n->a = subject;
	return n;
}

static struct node *read_member(struct reader *rd, struct node *subject)
{
	const char *name = take_name(rd);
	struct node *n;

	if (!name)
		return refuse(rd, "a '.' without a name", "", 0);
	if (accept(rd, "("))
		return read_call(rd, METHOD, name, subject);
	n = node_new(rd, ITEM);
	if (n) {
		n->a = subject;
		n->b = literal(rd, json_string(name));
	}
	return n;
}

static struct node *read_postfix(struct reader *rd)
{
	struct node *n;

	skip_space(rd);
	if (rd->at < rd->end && (*rd->at == '\'' || *rd->at == '"'))
		n = read_string(rd);
	else if (rd->at < rd->end && isdigit((unsigned char)*rd->at))
		n = read_number(rd);
	else if (accept(rd, "(")) {
		n = read_or(rd);
		expect(rd, ")");
	} else
		n = read_word(rd);
	while (n && rd->r == 0) {
		if (accept(rd, "["))
			n = read_subscript(rd, n);
		else if (accept(rd, "."))
			n = read_member(rd, n);
		else if (accept(rd, "|"))
			n = read_filter(rd, n);
		else
			break;
	}
	return n;
}

static struct node *operator_node(struct reader *rd, enum op op, struct node *a, struct node *b)
{
	struct node *n = node_new(rd, OPERATOR);

	if (n) {
		n->op = op;
		n->a = a;
		n->b = b;
	}
	return n;
}

/* Binary operators by level, loosest first; "not" and "is" have places of their own. */
static const struct binary {
	int level;
	const char *sign;
	enum op op;
} binaries[] = {
	{0, "or", OR},
	{1, "and", AND},
	{3, "not in", NOT_IN},
	{3, "in", IN},
	{3, "==", EQ},
	{3, "!=", NE},
	{3, "<=", LE},
	{3, ">=", GE},
	{3, "<", LT},
	{3, ">", GT},
	{4, "+", ADD},
	{4, "~", JOIN},
	{5, "%", MOD},
};

#define LEVEL_NOT 2
#define LEVEL_COMPARE 3
#define LEVEL_SUM 4
#define LEVELS 6

static bool accept_binary(struct reader *rd, int level, enum op *ret)
{
	skip_space(rd);
	/* "-%}" and "%}" end the tag, they are no operators. */
	if (rd->end - rd->at >= 2 && rd->at[0] == '%' && rd->at[1] == '}')
		return false;
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++)
		if (binaries[i].level == level && accept(rd, binaries[i].sign)) {
			*ret = binaries[i].op;
			return true;
		}
	if (level == LEVEL_SUM && rd->end - rd->at >= 2 && rd->at[0] == '-' && rd->at[1] != '%' &&
		rd->at[1] != '}') {
		rd->at++;
		*ret = SUB;
		return true;
	}
	return false;
}

static struct node *read_test(struct reader *rd, struct node *subject)
{
	bool negated = accept(rd, "not");
	const char *name = take_name(rd);
	const struct function *fn = name ? find_function(TEST, name) : NULL;
	struct node *n;

	if (!fn)
		return refuse(rd, "test", name ? name : "", name ? strlen(name) : 0);
	n = node_new(rd, CALL);
	if (!n)
		return NULL;
	n->fn = fn;
	n->a = subject;
	return negated ? operator_node(rd, NOT, n, NULL) : n;
}

static struct node *read_level(struct reader *rd, int level)
{
	struct node *a;
	enum op op;

	if (level == LEVELS) {
		skip_space(rd);
		if (rd->at < rd->end && *rd->at == '-') {
			rd->at++;
			return operator_node(rd, NEGATE, read_postfix(rd), NULL);
		}
		return read_postfix(rd);
	}
	if (level == LEVEL_NOT && accept(rd, "not")) {
		if (++rd->depth > DEPTH_MAX)
			return refuse(rd, "that many times 'not'", "", 0);
		a = operator_node(rd, NOT, read_level(rd, LEVEL_NOT), NULL);
		rd->depth--;
		return a;
	}
	a = read_level(rd, level + 1);
	while (a && rd->r == 0) {
		if (accept_binary(rd, level, &op))
			a = operator_node(rd, op, a, read_level(rd, level + 1));
		else if (level == LEVEL_COMPARE && accept(rd, "is"))
			a = read_test(rd, a);
		else
			break;
	}
	return a;
}

static struct node *read_or(struct reader *rd)
{
	struct node *n;

	if (rd->r < 0)
		return NULL;
	if (++rd->depth > DEPTH_MAX) {
		rd->r = err_set(
			rd->e, -EMSGSIZE, "chat template: nested deeper than %d", DEPTH_MAX);
		return NULL;
	}
	n = read_level(rd, 0);
	rd->depth--;
	/* a if b else c */
	if (n && rd->r == 0 && accept(rd, "if")) {
		struct node *choice = node_new(rd, IF);

		if (!choice)
			return NULL;
		choice->body = n;
		choice->a = read_or(rd);
		choice->otherwise = accept(rd, "else") ? read_or(rd) : NULL;
		return choice;
	}
	return n;
}

/* --- statements --- */

/* Ends a tag: "-%}" or "%}" (close is the two last characters). */
static void end_tag(struct reader *rd, const char *close)
{
	skip_space(rd);
	rd->trim = rd->at < rd->end && *rd->at == '-';
	if (rd->trim)
		rd->at++;
	rd->trim_line = close[0] == '%';
	if ((size_t)(rd->end - rd->at) < 2 || memcmp(rd->at, close, 2) != 0) {
		size_t left = (size_t)(rd->end - rd->at);

		(void)refuse(rd, "the part before", rd->at, left > 12 ? 12 : left);
		return;
	}
	rd->at += 2;
}

/* The text up to the next tag, with the white space that the tags around it eat taken off. */
static struct node *read_text(struct reader *rd)
{
	const char *from = rd->at, *to, *tag = from;
	struct node *n;

	while (tag < rd->end && !(tag[0] == '{' && tag + 1 < rd->end && strchr("{%#", tag[1])))
		tag++;
	rd->at = tag;
	to = tag;
	if (rd->trim)
		while (from < to && isspace((unsigned char)*from))
			from++;
	else if (rd->trim_line && from < to && *from == '\n')
		from++;
	if (tag + 2 < rd->end && tag[2] == '-') {
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
	} else if (tag + 1 < rd->end && tag[1] != '{') { /* lstrip_blocks */
		const char *line = to;

		while (line > from && (line[-1] == ' ' || line[-1] == '\t'))
			line--;
		if (line == rd->start || line[-1] == '\n')
			to = line;
	}
	rd->trim = rd->trim_line = false;
	if (from == to)
		return NULL;
	n = node_new(rd, TEXT);
	if (n && !(n->value = json_stringn_nocheck(from, (size_t)(to - from))))
		rd->r = err_set(rd->e, -ENOMEM, "chat template: out of memory");
	return n;
}

static struct node *read_body(struct reader *rd, const char *const *ends, const char **ret_end);

static struct node *read_for(struct reader *rd)
{
	static const char *const ends[] = {"endfor", NULL};
	struct node *n = node_new(rd, FOR);
	const char *end;

	if (!n)
		return NULL;
	n->name = take_name(rd);
	expect(rd, "in");
	if (!n->name)
		return refuse(rd, "for without a name", "", 0);
	n->a = read_level(rd, 0); /* not read_or: "if" is the loop's condition here */
	if (rd->r == 0 && accept(rd, "if"))
		n->b = read_or(rd);
	end_tag(rd, "%}");
	n->body = read_body(rd, ends, &end);
	end_tag(rd, "%}");
	return n;
}

static struct node *read_if(struct reader *rd)
{
	static const char *const ends[] = {"elif", "else", "endif", NULL};
	static const char *const last[] = {"endif", NULL};
	struct node *n = node_new(rd, IF);
	const char *end;

	if (!n || ++rd->depth > DEPTH_MAX)
		return refuse(rd, "if nested that deep", "", 0);
	n->a = read_or(rd);
	end_tag(rd, "%}");
	n->body = read_body(rd, ends, &end);
	if (rd->r < 0)
		return NULL;
	if (!strcmp(end, "elif")) {
		n->otherwise = read_if(rd); /* takes the endif as well */
	} else {
		end_tag(rd, "%}");
		if (!strcmp(end, "else")) {
			n->otherwise = read_body(rd, last, &end);
			end_tag(rd, "%}");
		}
	}
	rd->depth--;
	return n;
}

static struct node *read_set(struct reader *rd)
{
	struct node *n = node_new(rd, SET);

	if (!n)
		return NULL;
	n->name = take_name(rd);
	if (!n->name || !accept(rd, "="))
		return refuse(rd, "this form of set", "", 0);
	n->a = read_or(rd);
	end_tag(rd, "%}");
	return n;
}

static struct node *read_statement(struct reader *rd, const char *word)
{
	if (!strcmp(word, "for"))
		return read_for(rd);
	if (!strcmp(word, "if"))
		return read_if(rd);
	if (!strcmp(word, "set"))
		return read_set(rd);
	return refuse(rd, "statement", word, strlen(word));
}

static void skip_comment(struct reader *rd)
{
	const char *end = memmem(rd->at, (size_t)(rd->end - rd->at), "#}", 2);

	if (!end) {
		(void)refuse(rd, "a comment without its end", "", 0);
		return;
	}
	rd->trim = end > rd->at && end[-1] == '-';
	rd->trim_line = true;
	rd->at = end + 2;
}

static struct node *read_output(struct reader *rd)
{
	struct node *n = node_new(rd, OUTPUT);

	if (n)
		n->a = read_or(rd);
	end_tag(rd, "}}");
	return n;
}

/* Statements until one of the ending words (NULL: until the end of the template). */
static struct node *read_body(struct reader *rd, const char *const *ends, const char **ret_end)
{
	struct node *first = NULL, **tail = &first;

	if (rd->depth++ > DEPTH_MAX)
		return refuse(rd, "a body nested that deep", "", 0);
	while (rd->r == 0) {
		struct node *n = read_text(rd);
		char kind;

		if (n) {
			*tail = n;
			tail = &n->next;
		}
		if (rd->at == rd->end) {
			if (ends)
				(void)refuse(rd, "a body without", ends[0], strlen(ends[0]));
			break;
		}
		kind = rd->at[1];
		rd->at += 2;
		if (kind == '#') {
			skip_comment(rd);
			continue;
		}
		if (rd->at < rd->end && *rd->at == '-')
			rd->at++;
		if (kind == '{') {
			n = read_output(rd);
		} else {
			const char *word = take_name(rd);

			for (size_t i = 0; word && ends && ends[i]; i++)
				if (!strcmp(word, ends[i])) {
					*ret_end = ends[i];
					rd->depth--;
					return first;
				}
			n = word ? read_statement(rd, word) : refuse(rd, "an empty tag", "", 0);
		}
		if (!n)
			break;
		*tail = n;
		tail = &n->next;
	}
	rd->depth--;
	return first;
}

int chat_template_new(const char *text, size_t n, const char *bos, const char *eos,
	struct chat_template **ret, struct err *e)
{
	CLEANUP(chat_template_freep) struct chat_template *t = calloc(1, sizeof(*t));
	struct err ignored = {0};
	struct reader rd = {.t = t, .e = e ? e : &ignored};

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	if (n > CHAT_TEMPLATE_MAX)
		return err_set(e, -EMSGSIZE, "chat template of %zu bytes, the limit is %u", n,
			CHAT_TEMPLATE_MAX);
	t->source = malloc(n + 1);
	t->names = malloc(2 * n + 2);
	t->nodes = calloc(NODES_MAX, sizeof(*t->nodes));
	t->bos = strdup(bos);
	t->eos = strdup(eos);
	if (t->source) {
		memcpy(t->source, text, n);
		t->source[n] = '\0';
	}
	if (!t->source || !t->names || !t->nodes || !t->bos || !t->eos)
		return err_set(e, -ENOMEM, "out of memory");
	rd.start = rd.at = t->source;
	rd.end = t->source + strlen(t->source);
	t->root = read_body(&rd, NULL, NULL);
	if (rd.r < 0)
		return rd.r;
	*ret = TAKE_PTR(t);
	return 0;
}

struct chat_template *chat_template_free(struct chat_template *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; t->nodes && i < t->used; i++)
		json_decref(t->nodes[i].value);
	free(t->nodes);
	free(t->names);
	free(t->source);
	free(t->bos);
	free(t->eos);
	free(t);
	return NULL;
}

/* --- rendering --- */

static json_t *eval(struct run *run, const struct node *n);

static int set_variable(struct run *run, const char *name, json_t *value)
{
	if (run->n_variables == VARIABLES_MAX) {
		json_decref(value);
		(void)fail(run, -EOVERFLOW, "over 64 variables");
		return -EOVERFLOW;
	}
	run->variables[run->n_variables].name = name;
	run->variables[run->n_variables++].value = value;
	return 0;
}

/* Forgets the variables that a body made. */
static void drop_variables(struct run *run, size_t keep)
{
	while (run->n_variables > keep)
		json_decref(run->variables[--run->n_variables].value);
}

static json_t *find_variable(const struct run *run, const char *name)
{
	for (size_t i = run->n_variables; i-- > 0;)
		if (!strcmp(run->variables[i].name, name))
			return json_incref(run->variables[i].value);
	return json_incref(run->undefined);
}

static json_t *eval_item(struct run *run, json_t *a, json_t *b)
{
	json_t *v = NULL;

	if (json_is_string(b) && a != run->undefined)
		v = json_object_get(a, json_string_value(b));
	if (json_is_integer(b) && json_is_array(a)) {
		json_int_t i = json_integer_value(b);

		if (i < 0)
			i += (json_int_t)json_array_size(a);
		v = i < 0 ? NULL : json_array_get(a, (size_t)i);
	}
	return json_incref(v ? v : run->undefined);
}

static size_t bound(const json_t *v, size_t n, size_t fallback)
{
	json_int_t i = json_is_integer(v) ? json_integer_value(v) : (json_int_t)fallback;

	if (i < 0)
		i += (json_int_t)n;
	return i < 0 ? 0 : (size_t)i > n ? n : (size_t)i;
}

static json_t *eval_slice(struct run *run, json_t *a, const json_t *from, const json_t *to)
{
	size_t n = json_is_array(a) ? json_array_size(a) : json_string_length(a);
	size_t i = bound(from, n, 0), end = bound(to, n, n);
	json_t *v;

	if (json_is_string(a))
		return string_of(run, json_string_value(a) + i, end > i ? end - i : 0);
	if (!json_is_array(a))
		return fail(run, -EINVAL, "a slice needs a list or a text");
	v = json_array();
	for (; v && i < end; i++)
		(void)json_array_append(v, json_array_get(a, i));
	return v ? v : fail(run, -ENOMEM, "out of memory");
}

static json_t *concat(struct run *run, const json_t *a, const json_t *b)
{
	CLEANUP(buf_done) struct buf text;
	const json_t *sides[] = {a, b};

	buf_init(&text, VALUE_MAX);
	for (int i = 0; i < 2; i++) {
		const json_t *v = sides[i];
		int r;

		if (json_is_string(v))
			r = buf_add(&text, json_string_value(v), json_string_length(v));
		else if (json_is_integer(v))
			r = buf_addf(&text, "%lld", (long long)json_integer_value(v));
		else
			return fail(run, -EINVAL, "only texts and numbers can be joined");
		if (r < 0)
			return fail(run, r, "a text is over 1 MiB");
	}
	return string_of(run, buf_str(&text), text.len);
}

static bool contains(const struct run *run, const json_t *list, const json_t *v)
{
	const json_t *item;
	size_t i;

	if (list == run->undefined || v == run->undefined)
		return false;
	if (json_is_string(list) && json_is_string(v))
		return memmem(json_string_value(list), json_string_length(list),
			       json_string_value(v), json_string_length(v)) != NULL;
	if (json_is_object(list) && json_is_string(v))
		return json_object_get(list, json_string_value(v)) != NULL;
	json_array_foreach(list, i, item) if (json_equal(item, v)) return true;
	return false;
}

static json_t *eval_sum(struct run *run, enum op op, const json_t *a, const json_t *b)
{
	json_int_t x = json_integer_value(a), y = json_integer_value(b);

	if (op == JOIN || (op == ADD && json_is_string(a)) || (op == ADD && json_is_string(b)))
		return concat(run, a, b);
	if (!json_is_integer(a) || !json_is_integer(b) || llabs(x) > 1 << 30 || llabs(y) > 1 << 30)
		return fail(run, -EINVAL, "arithmetic needs small whole numbers");
	if (op == MOD && y == 0)
		return fail(run, -EINVAL, "division by zero");
	return json_integer(op == ADD ? x + y : op == SUB ? x - y : ((x % y) + y) % y);
}

static json_t *eval_compare(struct run *run, enum op op, const json_t *a, const json_t *b)
{
	json_int_t x = json_integer_value(a), y = json_integer_value(b);

	if (op == EQ || op == NE)
		return json_boolean(((a == b) || (a != run->undefined && b != run->undefined &&
							 json_equal(a, b))) == (op == EQ));
	if (!json_is_integer(a) || !json_is_integer(b))
		return fail(run, -EINVAL, "order needs whole numbers");
	return json_boolean(op == LE ? x <= y : op == GE ? x >= y : op == LT ? x < y : x > y);
}

static json_t *eval_operator(struct run *run, const struct node *n)
{
	json_t *a = eval(run, n->a), *b, *v;

	if (!a)
		return NULL;
	if (n->op == OR || n->op == AND) {
		if (is_true(run, a) == (n->op == OR))
			return a;
		json_decref(a);
		return eval(run, n->b);
	}
	if (n->op == NOT || n->op == NEGATE) {
		v = n->op == NOT ? json_boolean(!is_true(run, a))
				 : json_integer(-json_integer_value(a));
		json_decref(a);
		return v;
	}
	b = eval(run, n->b);
	if (!b) {
		json_decref(a);
		return NULL;
	}
	if (n->op == IN || n->op == NOT_IN)
		v = json_boolean(contains(run, b, a) == (n->op == IN));
	else if (n->op >= EQ && n->op <= GT)
		v = eval_compare(run, n->op, a, b);
	else
		v = eval_sum(run, n->op, a, b);
	json_decref(a);
	json_decref(b);
	return v;
}

/* Evaluates the parts a, b and c (those there are) and hands them on. */
static json_t *eval_parts(struct run *run, const struct node *n)
{
	CLEANUP(json_decrefp) json_t *a = n->a ? eval(run, n->a) : NULL;
	CLEANUP(json_decrefp) json_t *b = a && n->b ? eval(run, n->b) : NULL;
	CLEANUP(json_decrefp) json_t *c = a && n->c ? eval(run, n->c) : NULL;

	if (!a || (n->b && !b) || (n->c && !c))
		return run->e->code ? NULL : fail(run, -EINVAL, "an empty expression");
	if (n->kind == ITEM)
		return eval_item(run, a, b);
	if (n->kind == SLICE)
		return eval_slice(run, a, b, c);
	return n->fn->fn(run, a, b);
}

static json_t *eval_choice(struct run *run, const struct node *n)
{
	json_t *a = eval(run, n->a);
	bool yes;

	if (!a)
		return NULL;
	yes = is_true(run, a);
	json_decref(a);
	if (!yes && !n->otherwise)
		return json_incref(run->undefined);
	return eval(run, yes ? n->body : n->otherwise);
}

static json_t *eval(struct run *run, const struct node *n)
{
	json_t *v = NULL;

	if (!n)
		return fail(run, -EINVAL, "an empty expression");
	if (++run->steps > STEPS_MAX || run->depth > 8 * DEPTH_MAX)
		return fail(run, -EOVERFLOW, "takes too many steps");
	run->depth++;
	switch (n->kind) {
	case LITERAL:
		v = json_incref(n->value);
		break;
	case NAME:
		v = find_variable(run, n->name);
		break;
	case OPERATOR:
		v = eval_operator(run, n);
		break;
	case IF:
		v = eval_choice(run, n);
		break;
	default:
		v = eval_parts(run, n);
		break;
	}
	run->depth--;
	return v;
}

static int run_body(struct run *run, const struct node *n);

static int run_output(struct run *run, const struct node *n)
{
	CLEANUP(json_decrefp) json_t *v = eval(run, n->a);
	int r = 0;

	if (!v)
		return run->e->code;
	if (json_is_string(v))
		r = buf_add(run->out, json_string_value(v), json_string_length(v));
	else if (json_is_integer(v))
		r = buf_addf(run->out, "%lld", (long long)json_integer_value(v));
	else if (v != run->undefined)
		r = err_set(
			run->e, -EINVAL, "chat template: only texts and numbers can be written");
	return r;
}

static json_t *loop_facts(size_t i, size_t n)
{
	return json_pack("{s:I, s:I, s:b, s:b, s:I}", "index0", (json_int_t)i, "index",
		(json_int_t)i + 1, "first", i == 0, "last", i + 1 == n, "length", (json_int_t)n);
}

static int run_for(struct run *run, const struct node *n)
{
	CLEANUP(json_decrefp) json_t *list = eval(run, n->a);
	CLEANUP(json_decrefp) json_t *chosen = json_array();
	size_t keep = run->n_variables, i;
	json_t *item;
	int r = 0;

	if (!list || !chosen)
		return run->e->code ? run->e->code : -ENOMEM;
	json_array_foreach(list, i, item)
	{
		json_t *yes;

		r = set_variable(run, n->name, json_incref(item));
		if (r < 0)
			return r;
		yes = n->b ? eval(run, n->b) : json_true();
		drop_variables(run, keep);
		if (!yes)
			return run->e->code;
		if (is_true(run, yes))
			(void)json_array_append(chosen, item);
		json_decref(yes);
	}
	json_array_foreach(chosen, i, item)
	{
		r = set_variable(run, n->name, json_incref(item));
		if (r == 0)
			r = set_variable(run, "loop", loop_facts(i, json_array_size(chosen)));
		if (r == 0)
			r = run_body(run, n->body);
		drop_variables(run, keep);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_if(struct run *run, const struct node *n)
{
	json_t *a = eval(run, n->a);
	bool yes;

	if (!a)
		return run->e->code;
	yes = is_true(run, a);
	json_decref(a);
	return run_body(run, yes ? n->body : n->otherwise);
}

static int run_body(struct run *run, const struct node *n)
{
	int r = 0;

	for (; n && r == 0; n = n->next) {
		json_t *v;

		if (++run->steps > STEPS_MAX) {
			(void)fail(run, -EOVERFLOW, "takes too many steps");
			return -EOVERFLOW;
		}
		switch (n->kind) {
		case TEXT:
			r = buf_add(run->out, json_string_value(n->value),
				json_string_length(n->value));
			break;
		case FOR:
			r = run_for(run, n);
			break;
		case IF:
			r = run_if(run, n);
			break;
		case SET:
			v = eval(run, n->a);
			r = v ? set_variable(run, n->name, v) : run->e->code;
			break;
		default:
			r = run_output(run, n);
			break;
		}
	}
	return r;
}

int chat_template_render(
	const struct chat_template *t, json_t *messages, struct buf *out, struct err *e)
{
	struct err words = {0};
	struct run run = {.t = t, .out = out, .e = &words, .undefined = json_object()};
	int r = run.undefined ? 0 : -ENOMEM;

	if (r == 0)
		r = set_variable(&run, "messages", json_incref(messages));
	if (r == 0)
		r = set_variable(&run, "add_generation_prompt", json_true());
	if (r == 0)
		r = set_variable(&run, "bos_token", json_string(t->bos));
	if (r == 0)
		r = set_variable(&run, "eos_token", json_string(t->eos));
	if (r == 0)
		r = run_body(&run, t->root);
	drop_variables(&run, 0);
	json_decref(run.undefined);
	if (r < 0)
		return err_set(e, r, "%s",
			words.code ? words.text
				   : (r == -ENOSPC ? "chat template: the text is too long"
						   : "chat template: out of memory"));
	return 0;
}
