/*
 * What a text may be: rules over bytes, from a grammar in words or from a JSON schema.
 *
 * A rule is a choice of sequences of byte sets and rules. Checked when it is made: every rule that
 * is used is there, can come to an end, and cannot begin with itself. Knows no token: matcher.h
 * follows a text through it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define GRAMMAR_TEXT_MAX (64u << 10)
#define GRAMMAR_RULES_MAX (1u << 14)
#define GRAMMAR_ELEMENTS_MAX (1u << 17)
#define GRAMMAR_SETS_MAX 4096
#define GRAMMAR_REPEAT_MAX 4000
#define GRAMMAR_DEPTH_MAX 64 /* of nested groups, and of schemas in schemas */

struct grammar;

/*
 * In words, GBNF's way: name ::= "text" | [a-z0-9] name (group)* x+ y? z{2,5} # comment. The rule
 * root is the whole. -EINVAL: the line and what is wrong with it. -EMSGSIZE: over a limit above.
 * -ENOMEM. Caller owns *ret.
 */
int grammar_from_text(const char *text, size_t n, struct grammar **ret, struct err *e);

/*
 * Values of a JSON schema: type (all seven, or an array of them), properties, required,
 * additionalProperties, items, minItems, maxItems, minLength, maxLength, enum, const, anyOf, allOf
 * of one, $ref to a place in the schema itself. Annotations are ignored; properties come in the
 * schema's order; others than those named only where additionalProperties says so. -ENOTSUP:
 * names the keyword and its place. Else as above.
 */
int grammar_from_schema(json_t *schema, struct grammar **ret, struct err *e);

/* Any JSON object. */
int grammar_from_json(struct grammar **ret, struct err *e);

struct grammar *grammar_free(struct grammar *g);
DEFINE_CLEANUP(struct grammar *, grammar_free)

/* Bytes of the shortest text. */
uint32_t grammar_least(const struct grammar *g);
