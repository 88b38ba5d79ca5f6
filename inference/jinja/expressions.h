/* Expressions, and what the parser's two halves share. For this folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "inference/jinja/lexer.h"
#include "inference/jinja/node.h"

#define PARSE_DEPTH_MAX 64

struct parser {
	struct jinja *j;
	const struct word *at;
	struct err *e;
	int r;              /* the first thing that went wrong */
	int depth;          /* of what is open */
	struct node *calls; /* of names that are no functions: macros, or unknown; by d */
};

/* NULL, and p->r with words and the line. The first ones stay. */
struct node *parser_refuse(struct parser *p, const char *what, const char *name, size_t n);

/* NULL: p->r says why. */
struct node *parser_node(struct parser *p, enum kind kind);

/* Gives a node its value, which the template keeps. Takes v. n may be NULL. */
void parser_value(struct parser *p, struct node *n, json_t *v);

/* The next word, where it is a name; kept for the template's life. NULL: it is none. */
const char *parser_name(struct parser *p);

/* Takes this name, or this sign, if it comes next. */
bool parser_word(struct parser *p, const char *word);
bool parser_sign(struct parser *p, const char *sign);
void parser_expect(struct parser *p, const char *sign);

/* Everything; with commas outside brackets, a list; without "a if b else c". */
struct node *parse_expression(struct parser *p);
struct node *parse_tuple(struct parser *p);
struct node *parse_or(struct parser *p);
