#include "inference/jinja/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/jinja/expressions.h"

void parser_expect(struct parser *p, const char *sign)
{
	if (p->r == 0 && !parser_sign(p, sign))
		(void)parser_refuse(p, "the part before", p->at->s, p->at->n);
}

struct node *parser_refuse(struct parser *p, const char *what, const char *name, size_t n)
{
	if (p->r == 0)
		p->r = err_set(p->e, -ENOTSUP, "template, line %d: %s%s%.*s%s is not supported",
			p->at->line, what, n ? " '" : "", (int)(n > 40 ? 40 : n), name,
			n ? "'" : "");
	return NULL;
}

struct node *parser_node(struct parser *p, enum kind kind)
{
	struct node *n = p->r == 0 ? jinja_keep(p->j, sizeof(*n)) : NULL;

	if (n)
		n->kind = kind;
	else if (p->r == 0)
		p->r = err_set(p->e, -EMSGSIZE, "template: too many parts");
	return n;
}

void parser_value(struct parser *p, struct node *n, json_t *v)
{
	if (json_array_append_new(p->j->values, v) < 0 && p->r == 0)
		p->r = err_set(p->e, -ENOMEM, "out of memory");
	else if (n)
		n->value = v;
}

const char *parser_name(struct parser *p)
{
	char *copy;

	if (p->at->kind != WORD_NAME)
		return NULL;
	copy = p->r == 0 ? jinja_keep(p->j, p->at->n + 1) : NULL;
	if (!copy) {
		if (p->r == 0)
			p->r = err_set(p->e, -EMSGSIZE, "template: too many parts");
		return NULL;
	}
	memcpy(copy, p->at->s, p->at->n);
	p->at++;
	return copy;
}

bool parser_word(struct parser *p, const char *word)
{
	if (p->at->kind != WORD_NAME || p->at->n != strlen(word) ||
		memcmp(p->at->s, word, p->at->n) != 0)
		return false;
	p->at++;
	return true;
}

bool parser_sign(struct parser *p, const char *sign)
{
	if (p->at->kind != WORD_SIGN || p->at->n != strlen(sign) ||
		memcmp(p->at->s, sign, p->at->n) != 0)
		return false;
	p->at++;
	return true;
}

/* --- statements --- */

static void end_block(struct parser *p)
{
	if (p->r == 0 && p->at->kind != WORD_BLOCK_END)
		(void)parser_refuse(p, "the part before", p->at->s, p->at->n);
	else if (p->r == 0)
		p->at++;
}

static struct node *read_body(struct parser *p, const char *const *ends, const char **ret_end);

/* A body that ends with one of these words, and the end of its tag. */
static struct node *read_until(struct parser *p, const char *const *ends, const char **ret_end)
{
	struct node *body = read_body(p, ends, ret_end);

	if (p->r == 0)
		end_block(p);
	return body;
}

/* A name, or ns.name. */
static struct node *read_target(struct parser *p)
{
	struct node *n = parser_node(p, NODE_NAME), *item;

	if (!n)
		return NULL;
	n->name = parser_name(p);
	if (!n->name)
		return parser_refuse(p, "this form of target", "", 0);
	if (!parser_sign(p, "."))
		return n;
	item = parser_node(p, NODE_ITEM);
	if (!item)
		return NULL;
	item->a = n;
	item->name = parser_name(p);
	return item->name ? item : parser_refuse(p, "this form of target", "", 0);
}

/* One or more of them, with commas between, with brackets around or not. */
static struct node *read_targets(struct parser *p)
{
	bool bracket = parser_sign(p, "(");
	struct node *first = NULL, **tail = &first;

	do {
		*tail = read_target(p);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
	} while (p->r == 0 && parser_sign(p, ","));
	if (bracket)
		parser_expect(p, ")");
	return first;
}

static struct node *read_for(struct parser *p)
{
	static const char *const ends[] = {"else", "endfor", NULL}, *const last[] = {
									    "endfor", NULL};
	struct node *n = parser_node(p, NODE_FOR);
	const char *end = "";

	if (!n)
		return NULL;
	n->targets = read_targets(p);
	if (p->r == 0 && !parser_word(p, "in"))
		return parser_refuse(p, "for without in", "", 0);
	n->a = parse_or(p); /* no choice: "if" is the loop's condition here */
	if (p->r == 0 && parser_word(p, "if"))
		n->b = parse_expression(p);
	end_block(p);
	n->body = read_until(p, ends, &end);
	if (p->r == 0 && !strcmp(end, "else"))
		n->otherwise = read_until(p, last, &end);
	return n;
}

static struct node *read_if(struct parser *p)
{
	static const char *const ends[] = {"elif", "else", "endif", NULL};
	static const char *const last[] = {"endif", NULL};
	struct node *n = parser_node(p, NODE_IF);
	const char *end = "";

	if (!n || ++p->depth > PARSE_DEPTH_MAX)
		return parser_refuse(p, "if nested that deep", "", 0);
	n->a = parse_tuple(p);
	end_block(p);
	n->body = read_body(p, ends, &end);
	if (p->r < 0)
		return NULL;
	if (!strcmp(end, "elif")) {
		n->otherwise = read_if(p); /* takes the endif as well */
	} else {
		end_block(p);
		if (!strcmp(end, "else"))
			n->otherwise = read_until(p, last, &end);
	}
	p->depth--;
	return n;
}

static struct node *read_set(struct parser *p)
{
	static const char *const ends[] = {"endset", NULL};
	struct node *n = parser_node(p, NODE_SET);
	const char *end;

	if (!n)
		return NULL;
	n->targets = read_targets(p);
	if (p->r == 0 && parser_sign(p, "=")) {
		n->a = parse_tuple(p);
		end_block(p);
		return n;
	}
	if (p->r == 0 && p->at->kind != WORD_BLOCK_END)
		return parser_refuse(p, "this form of set", "", 0);
	end_block(p);
	n->body = read_until(p, ends, &end);
	return n;
}

static struct node *read_macro(struct parser *p)
{
	static const char *const ends[] = {"endmacro", NULL};
	struct node *n = parser_node(p, NODE_MACRO), **tail = n ? &n->targets : NULL;
	const char *end;

	if (!n)
		return NULL;
	n->name = parser_name(p);
	if (!n->name || p->j->n_macros == MACROS_MAX)
		return parser_refuse(p, "this macro", "", 0);
	p->j->macros[p->j->n_macros++] = (struct macro){n->name, n};
	parser_expect(p, "(");
	while (p->r == 0 && !parser_sign(p, ")")) {
		struct node *parameter = parser_node(p, NODE_NAME);

		if (!parameter)
			return NULL;
		parameter->name = parser_name(p);
		if (!parameter->name)
			return parser_refuse(p, "this parameter", "", 0);
		if (parser_sign(p, "="))
			parameter->a = parse_expression(p);
		*tail = parameter;
		tail = &parameter->next;
		if (!parser_sign(p, ",")) {
			parser_expect(p, ")");
			break;
		}
	}
	end_block(p);
	n->body = read_until(p, ends, &end);
	return n;
}

/* {% generation %}: marks what the assistant says, for training. Here it is just its body. */
static struct node *read_generation(struct parser *p)
{
	static const char *const ends[] = {"endgeneration", NULL};
	struct node *n = parser_node(p, NODE_GROUP);
	const char *end;

	if (!n)
		return NULL;
	end_block(p);
	n->body = read_until(p, ends, &end);
	return n;
}

/* {% do … %}: an expression whose value nobody wants. */
static struct node *read_do(struct parser *p)
{
	struct node *n = parser_node(p, NODE_SET);

	if (!n)
		return NULL;
	n->a = parse_tuple(p);
	end_block(p);
	return n;
}

static struct node *read_break(struct parser *p)
{
	struct node *n = parser_node(p, NODE_BREAK);

	end_block(p);
	return n;
}

static struct node *read_continue(struct parser *p)
{
	struct node *n = parser_node(p, NODE_CONTINUE);

	end_block(p);
	return n;
}

static struct node *read_statement(struct parser *p)
{
	static const struct statement {
		const char *word;
		struct node *(*read)(struct parser *p);
	} statements[] = {{"for", read_for}, {"if", read_if}, {"set", read_set},
		{"macro", read_macro}, {"break", read_break}, {"continue", read_continue},
		{"generation", read_generation}, {"do", read_do}};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (parser_word(p, statements[i].word))
			return statements[i].read(p);
	return p->at->kind == WORD_NAME ? parser_refuse(p, "statement", p->at->s, p->at->n)
					: parser_refuse(p, "an empty tag", "", 0);
}

static struct node *read_text(struct parser *p)
{
	struct node *n = parser_node(p, NODE_TEXT);

	parser_value(p, n, json_stringn_nocheck(p->at->s, p->at->n));
	p->at++;
	return n;
}

static struct node *read_output(struct parser *p)
{
	struct node *n = parser_node(p, NODE_OUTPUT);

	p->at++;
	if (n)
		n->a = parse_tuple(p);
	if (p->r == 0 && p->at->kind != WORD_OUTPUT_END)
		return parser_refuse(p, "the part before", p->at->s, p->at->n);
	p->at += p->r == 0;
	return n;
}

/* Whether the block that begins here is one of these, whose word is taken then. */
static bool take_end(struct parser *p, const char *const *ends, const char **ret_end)
{
	const struct word *was = p->at++;

	for (size_t i = 0; ends && ends[i]; i++)
		if (parser_word(p, ends[i])) {
			*ret_end = ends[i];
			return true;
		}
	p->at = was;
	return false;
}

/* Statements until one of the ending words (NULL: until the end of the template). */
static struct node *read_body(struct parser *p, const char *const *ends, const char **ret_end)
{
	struct node *first = NULL, **tail = &first;

	if (++p->depth > PARSE_DEPTH_MAX)
		return parser_refuse(p, "a body nested that deep", "", 0);
	while (p->r == 0) {
		struct node *n;

		if (p->at->kind == WORD_END) {
			if (ends)
				(void)parser_refuse(p, "a body without", ends[0], strlen(ends[0]));
			break;
		}
		if (p->at->kind == WORD_TEXT) {
			n = read_text(p);
		} else if (p->at->kind == WORD_OUTPUT) {
			n = read_output(p);
		} else {
			if (take_end(p, ends, ret_end))
				break;
			p->at++;
			n = read_statement(p);
		}
		if (!n)
			break;
		*tail = n;
		tail = &n->next;
	}
	p->depth--;
	return first;
}

/* Every name that is called must be a macro. */
static void check_calls(struct parser *p)
{
	for (const struct node *n = p->calls; n && p->r == 0; n = n->d) {
		bool known = false;

		for (size_t i = 0; i < p->j->n_macros; i++)
			known = known || !strcmp(p->j->macros[i].name, n->name);
		if (!known)
			p->r = err_set(p->e, -ENOTSUP,
				"template: function '%.40s' is not supported", n->name);
	}
}

int parse(struct jinja *j, const struct words *words, struct err *e)
{
	struct parser p = {.j = j, .at = words->list, .e = e};

	j->root = read_body(&p, NULL, NULL);
	check_calls(&p);
	return p.r;
}
