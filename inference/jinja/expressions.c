#include "inference/jinja/expressions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tokenizers/unicode.h"

static struct node *literal(struct parser *p, json_t *v)
{
	struct node *n = parser_node(p, NODE_LITERAL);

	parser_value(p, n, v);
	return n;
}

static bool enter(struct parser *p)
{
	if (++p->depth <= PARSE_DEPTH_MAX)
		return true;
	(void)parser_refuse(p, "nesting that deep", "", 0);
	return false;
}

/* --- atoms --- */

/* The code point of \xXX, \uXXXX and \UXXXXXXXX; 0 where it is none that can be. */
static uint32_t read_code(const char *s, size_t digits)
{
	char text[9] = "";
	unsigned long c;

	memcpy(text, s, digits);
	if (strspn(text, "0123456789abcdefABCDEF") != digits)
		return 0;
	c = strtoul(text, NULL, 16);
	return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : (uint32_t)c;
}

static int add_escape(const char *s, size_t n, size_t *used, struct buf *out)
{
	static const char from[] = "ntrabfv0", to[] = "\n\t\r\a\b\f\v";
	size_t digits = s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : s[0] == 'U' ? 8 : 0;
	const char *at = s[0] ? strchr(from, s[0]) : NULL;
	uint32_t c;

	*used = 1 + digits;
	if (digits) {
		c = n > digits ? read_code(s + 1, digits) : 0;
		return c ? utf8_add(out, c) : -EINVAL;
	}
	if (at && *at != '0')
		return buf_add(out, &to[at - from], 1);
	if (s[0] == '\\' || s[0] == '\'' || s[0] == '"')
		return buf_add(out, s, 1);
	return s[0] == '\n' ? 0 : buf_addf(out, "\\%c", s[0]); /* no escape: it stays */
}

/* Texts one after the other are one. */
static struct node *read_string(struct parser *p)
{
	CLEANUP(buf_done) struct buf text;
	int r = 0;

	buf_init(&text, VALUE_MAX);
	for (; p->at->kind == WORD_STRING && r == 0; p->at++) {
		const char *s = p->at->s + 1;
		size_t n = p->at->n - 2;

		for (size_t i = 0, used = 1; i < n && r == 0; i += used) {
			used = 1;
			if (s[i] != '\\' || i + 1 == n) {
				r = buf_add(&text, s + i, 1);
			} else {
				r = add_escape(s + i + 1, n - i - 1, &used, &text);
				used++;
			}
		}
	}
	return r < 0 ? parser_refuse(p, "this escape in a text", "", 0)
		     : literal(p, json_stringn_nocheck(buf_str(&text), text.len));
}

static struct node *read_number(struct parser *p)
{
	char text[40];
	size_t n = p->at->n;

	if (n >= sizeof(text) - 1)
		return parser_refuse(p, "a number that long", "", 0);
	memcpy(text, p->at->s, n);
	text[n] = '\0';
	p->at++;
	return literal(p, strpbrk(text, ".eE") ? json_real(strtod(text, NULL))
					       : json_integer(strtoll(text, NULL, 10)));
}

/* Expressions with commas between, up to a closing sign. *ret_comma: there was one. */
static struct node *read_items(struct parser *p, const char *close, bool *ret_comma)
{
	struct node *first = NULL, **tail = &first;

	*ret_comma = false;
	while (p->r == 0 && !parser_sign(p, close)) {
		struct node *n = parse_expression(p);

		if (!n)
			return NULL;
		*tail = n;
		tail = &n->next;
		if (!parser_sign(p, ",")) {
			parser_expect(p, close);
			break;
		}
		*ret_comma = true;
	}
	return first;
}

static struct node *read_list(struct parser *p, const char *close)
{
	struct node *n = parser_node(p, NODE_LIST);
	bool comma;

	if (!n)
		return NULL;
	n->args = read_items(p, close, &comma);
	/* Brackets around one thing are no list. */
	return close[0] == ')' && n->args && !comma ? n->args : n;
}

static struct node *read_dict(struct parser *p)
{
	struct node *n = parser_node(p, NODE_DICT), **tail = n ? &n->args : NULL;

	while (p->r == 0 && !parser_sign(p, "}")) {
		struct node *key = parse_expression(p), *value;

		parser_expect(p, ":");
		value = parse_expression(p);
		if (!key || !value)
			return NULL;
		*tail = key;
		key->next = value;
		tail = &value->next;
		if (!parser_sign(p, ",")) {
			parser_expect(p, "}");
			break;
		}
	}
	return n;
}

static struct node *read_atom(struct parser *p)
{
	static const struct constant {
		const char *name;
		json_t *(*make)(void);
	} constants[] = {{"true", json_true}, {"True", json_true}, {"false", json_false},
		{"False", json_false}, {"none", json_null}, {"None", json_null}};
	struct node *n;

	if (p->at->kind == WORD_STRING)
		return read_string(p);
	if (p->at->kind == WORD_NUMBER)
		return read_number(p);
	if (parser_sign(p, "("))
		return read_list(p, ")");
	if (parser_sign(p, "["))
		return read_list(p, "]");
	if (parser_sign(p, "{"))
		return read_dict(p);
	if (p->at->kind != WORD_NAME)
		return parser_refuse(p, "the part before", p->at->s, p->at->n);
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (parser_word(p, constants[i].name))
			return literal(p, constants[i].make());
	n = parser_node(p, NODE_NAME);
	if (n)
		n->name = parser_name(p);
	return n;
}

/* --- what follows an atom --- */

/* The arguments up to the closing bracket, as a list of expressions, some with a name. */
static struct node *read_args(struct parser *p)
{
	struct node *first = NULL, **tail = &first;
	size_t n = 0;

	while (p->r == 0 && !parser_sign(p, ")")) {
		const struct word *next = p->at + (p->at->kind != WORD_END);
		const char *name = NULL;
		struct node *value, *wrapped;

		if (p->at->kind == WORD_NAME && next->kind == WORD_SIGN && next->n == 1 &&
			next->s[0] == '=') {
			name = parser_name(p);
			p->at++;
		}
		value = parse_expression(p);
		if (++n > ARGS_MAX)
			return parser_refuse(p, "a call with that many arguments", "", 0);
		wrapped = value ? parser_node(p, NODE_GROUP) : NULL;
		if (!wrapped)
			return NULL;
		wrapped->a = value;
		wrapped->name = name;
		*tail = wrapped;
		tail = &wrapped->next;
		if (!parser_sign(p, ",")) {
			parser_expect(p, ")");
			break;
		}
	}
	return first;
}

static struct node *call(
	struct parser *p, enum role role, const char *name, struct node *a, const char *what)
{
	const struct function *f = function_find(role, name);
	struct node *n = f ? parser_node(p, NODE_CALL) : NULL;

	if (!f)
		return parser_refuse(p, what, name ? name : "", name ? strlen(name) : 0);
	if (n) {
		n->function = f;
		n->a = a;
	}
	return n;
}

/* name(…): a function, or a macro, which may be defined further down. */
static struct node *read_call(struct parser *p, const char *name)
{
	struct node *n;

	if (function_find(ROLE_FREE, name)) {
		n = call(p, ROLE_FREE, name, NULL, "function");
	} else {
		n = parser_node(p, NODE_MACRO_CALL);
		if (n) {
			n->name = name;
			n->d = p->calls;
			p->calls = n;
		}
	}
	if (n)
		n->args = read_args(p);
	return n;
}

static struct node *read_subscript(struct parser *p, struct node *subject)
{
	struct node *parts[3] = {NULL}, *n;
	size_t i = 0;

	while (p->r == 0) {
		if (parser_sign(p, "]"))
			break;
		if (parser_sign(p, ":")) {
			if (++i > 2)
				return parser_refuse(p, "this slice", "", 0);
			continue;
		}
		parts[i] = parse_expression(p);
	}
	n = parser_node(p, i > 0 ? NODE_SLICE : NODE_ITEM);
	if (!n)
		return NULL;
	n->a = subject;
	n->b = parts[0];
	n->c = parts[1];
	n->d = parts[2];
	return i > 0 || n->b ? n : parser_refuse(p, "an empty subscript", "", 0);
}

static struct node *read_member(struct parser *p, struct node *subject)
{
	const char *name = parser_name(p);
	struct node *n;

	if (!name)
		return parser_refuse(p, "a '.' without a name", "", 0);
	if (parser_sign(p, "(")) {
		n = call(p, ROLE_METHOD, name, subject, "method");
		if (n)
			n->args = read_args(p);
		return n;
	}
	n = parser_node(p, NODE_ITEM);
	if (n) {
		n->a = subject;
		n->b = literal(p, json_string(name));
	}
	return n;
}

static struct node *read_postfix(struct parser *p, struct node *n)
{
	while (n && p->r == 0) {
		if (parser_sign(p, "["))
			n = read_subscript(p, n);
		else if (parser_sign(p, "."))
			n = read_member(p, n);
		else if (n->kind == NODE_NAME && parser_sign(p, "("))
			n = read_call(p, n->name);
		else
			break;
	}
	return n;
}

static struct node *read_filter(struct parser *p, struct node *subject)
{
	struct node *n = call(p, ROLE_FILTER, parser_name(p), subject, "filter");

	if (n && parser_sign(p, "("))
		n->args = read_args(p);
	return n;
}

/* Whether a test's argument follows without brackets. */
static bool begins_argument(const struct parser *p)
{
	static const char *const others[] = {"else", "or", "and", "is", "if", "in", "not"};

	if (p->at->kind == WORD_STRING || p->at->kind == WORD_NUMBER)
		return true;
	if (p->at->kind == WORD_SIGN)
		return p->at->n == 1 && (p->at->s[0] == '[' || p->at->s[0] == '{');
	if (p->at->kind != WORD_NAME)
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (p->at->n == strlen(others[i]) && !memcmp(p->at->s, others[i], p->at->n))
			return false;
	return true;
}

static struct node *read_test(struct parser *p, struct node *subject)
{
	bool negated = parser_word(p, "not");
	struct node *n = call(p, ROLE_TEST, parser_name(p), subject, "test");

	if (!n)
		return NULL;
	n->negated = negated;
	if (parser_sign(p, "(")) {
		n->args = read_args(p);
	} else if (begins_argument(p)) {
		n->args = parser_node(p, NODE_GROUP);
		if (n->args)
			n->args->a = read_postfix(p, read_atom(p));
	}
	return n;
}

/* --- operators --- */

static struct node *operator_node(struct parser *p, enum op op, struct node *a, struct node *b)
{
	struct node *n = parser_node(p, NODE_OPERATOR);

	if (n) {
		n->op = op;
		n->a = a;
		n->b = b;
	}
	return n;
}

static struct node *read_unary(struct parser *p, bool filters)
{
	struct node *n;

	if (!enter(p))
		return NULL;
	if (parser_sign(p, "-"))
		n = operator_node(p, OP_NEGATE, read_unary(p, false), NULL);
	else if (parser_sign(p, "+"))
		n = operator_node(p, OP_PLUS, read_unary(p, false), NULL);
	else
		n = read_atom(p);
	n = read_postfix(p, n);
	while (filters && n && p->r == 0) {
		if (parser_sign(p, "|"))
			n = read_filter(p, n);
		else if (parser_word(p, "is"))
			n = read_test(p, n);
		else
			break;
		n = read_postfix(p, n);
	}
	p->depth--;
	return n;
}

/* Binary operators by level, loosest first. */
static const struct binary {
	int level;
	const char *sign;
	enum op op;
} binaries[] = {
	{0, "or", OP_OR},
	{1, "and", OP_AND},
	{2, "==", OP_EQ},
	{2, "!=", OP_NE},
	{2, "<=", OP_LE},
	{2, ">=", OP_GE},
	{2, "<", OP_LT},
	{2, ">", OP_GT},
	{2, "in", OP_IN},
	{3, "+", OP_ADD},
	{3, "-", OP_SUB},
	{4, "~", OP_JOIN},
	{5, "*", OP_MUL},
	{5, "//", OP_FLOOR},
	{5, "/", OP_DIV},
	{5, "%", OP_MOD},
	{6, "**", OP_POW},
};

#define LEVEL_COMPARE 2
#define LEVELS 7

static bool accept_binary(struct parser *p, int level, enum op *ret)
{
	const struct word *was = p->at;

	if (level == LEVEL_COMPARE && parser_word(p, "not")) {
		*ret = OP_NOT_IN;
		if (parser_word(p, "in"))
			return true;
		p->at = was;
		return false;
	}
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++)
		if (binaries[i].level == level &&
			(parser_sign(p, binaries[i].sign) || parser_word(p, binaries[i].sign))) {
			*ret = binaries[i].op;
			return true;
		}
	return false;
}

static struct node *read_level(struct parser *p, int level);

/* a < b < c: a < b and b < c. */
static struct node *chain(
	struct parser *p, struct node *n, struct node **last, enum op op, int level)
{
	struct node *b = read_level(p, level + 1), *compared;

	if (level != LEVEL_COMPARE || !*last) {
		*last = b;
		return operator_node(p, op, n, b);
	}
	compared = operator_node(p, op, *last, b);
	*last = b;
	return operator_node(p, OP_AND, n, compared);
}

static struct node *read_level(struct parser *p, int level)
{
	struct node *n, *last = NULL;
	enum op op;

	if (level == LEVELS)
		return read_unary(p, true);
	if (level == LEVEL_COMPARE && p->at->kind == WORD_NAME && parser_word(p, "not")) {
		if (!enter(p))
			return NULL;
		n = operator_node(p, OP_NOT, read_level(p, level), NULL);
		p->depth--;
		return n;
	}
	n = read_level(p, level + 1);
	while (n && p->r == 0 && accept_binary(p, level, &op))
		n = chain(p, n, &last, op, level);
	return n;
}

struct node *parse_or(struct parser *p)
{
	return read_level(p, 0);
}

struct node *parse_expression(struct parser *p)
{
	struct node *n, *choice;

	if (!enter(p))
		return NULL;
	n = parse_or(p);
	while (n && p->r == 0 && parser_word(p, "if")) {
		choice = parser_node(p, NODE_CHOICE);
		if (!choice)
			return NULL;
		choice->body = n;
		choice->a = parse_or(p);
		if (parser_word(p, "else"))
			choice->otherwise = parse_expression(p);
		n = choice;
	}
	p->depth--;
	return n;
}

struct node *parse_tuple(struct parser *p)
{
	struct node *first = parse_expression(p), *list, **tail;

	if (!first || p->at->kind != WORD_SIGN || p->at->s[0] != ',')
		return first;
	list = parser_node(p, NODE_LIST);
	if (!list)
		return NULL;
	list->args = first;
	tail = &first->next;
	while (p->r == 0 && parser_sign(p, ",")) {
		struct node *n = parse_expression(p);

		if (!n)
			return NULL;
		*tail = n;
		tail = &n->next;
	}
	return list;
}
