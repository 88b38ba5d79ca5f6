/* A template once it is read: what parser.c makes and render.c goes through. For this folder. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "inference/jinja/functions.h"

enum kind {
	/* statements */
	NODE_TEXT,   /* value */
	NODE_OUTPUT, /* a */
	NODE_FOR,    /* targets, a: what to go through, b: condition, body, otherwise */
	NODE_IF,     /* a, body, otherwise */
	NODE_SET,    /* targets, a; or body */
	NODE_MACRO,  /* name, targets: its parameters (a: default), body */
	NODE_GROUP,  /* body */
	NODE_BREAK,
	NODE_CONTINUE,
	/* expressions */
	NODE_LITERAL,    /* value */
	NODE_NAME,       /* name */
	NODE_LIST,       /* args */
	NODE_DICT,       /* args: key, value, key, value … */
	NODE_ITEM,       /* a[b], a.name */
	NODE_SLICE,      /* a[b:c:d] */
	NODE_OPERATOR,   /* op, a, b */
	NODE_CHOICE,     /* body if a else otherwise */
	NODE_CALL,       /* function of a with args */
	NODE_MACRO_CALL, /* name, args */
};

enum op {
	OP_OR,
	OP_AND,
	OP_NOT,
	OP_IN,
	OP_NOT_IN,
	OP_EQ,
	OP_NE,
	OP_LE,
	OP_GE,
	OP_LT,
	OP_GT,
	OP_ADD,
	OP_SUB,
	OP_JOIN,
	OP_MUL,
	OP_DIV,
	OP_FLOOR,
	OP_MOD,
	OP_POW,
	OP_NEGATE,
	OP_PLUS,
};

struct node {
	enum kind kind;
	enum op op;
	bool negated;                    /* CALL of a test: "is not" */
	const struct function *function; /* CALL */
	const char *name;                /* owned by the template; of an argument: its keyword */
	json_t *value;                   /* borrowed from the template's values */
	struct node *a, *b, *c, *d, *args, *targets, *body, *otherwise, *next;
};

struct macro {
	const char *name;
	const struct node *node;
};

#define MACROS_MAX 32

struct jinja {
	struct chunk *chunks; /* owned; nodes and names */
	json_t *values;       /* owned; a list of the nodes' */
	size_t parts;
	struct node *root;
	struct macro macros[MACROS_MAX];
	size_t n_macros;
};

/* Zeroed memory for the template's life. NULL: none left. */
void *jinja_keep(struct jinja *j, size_t n);
