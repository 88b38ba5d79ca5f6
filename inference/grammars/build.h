/*
 * Making a grammar. Failures stay in the grammar until build_end, so that a builder need not ask
 * after every step.
 */
#pragma once

#include "inference/grammars/grammar.h"
#include "inference/tokenizers/vocab.h"

/* A body's words: an end, a new alternative, a set of bytes, a rule. */
enum element_kind { ELEMENT_END, ELEMENT_OR, ELEMENT_SET, ELEMENT_RULE };

#define ELEMENT(kind, at) ((uint32_t)(kind) << 30 | (uint32_t)(at))
#define ELEMENT_KIND(x) ((enum element_kind)((x) >> 30))
#define ELEMENT_AT(x) ((x)&0x3fffffff)
#define LEAST_NEVER UINT32_MAX

struct byte_set {
	uint32_t bits[8];
};

struct rule {
	char name[32];  /* for words */
	uint32_t start; /* in elements; UINT32_MAX: it has no body yet */
	uint32_t least; /* bytes of its shortest text */
	bool nullable;
	uint8_t visit;
};

struct grammar {
	struct rule *rules;    /* owned; the first is the whole */
	uint32_t *elements;    /* owned */
	uint32_t *least;       /* owned; of each element: bytes from it to its alternative's end */
	struct byte_set *sets; /* owned */
	struct vocab *set_ids; /* owned; of the same, until build_end */
	uint32_t n_rules, cap_rules, n_elements, cap_elements, n_sets, cap_sets;
	int r; /* the first failure; words in error */
	struct err error;
};

struct body {
	uint32_t *of; /* owned */
	uint32_t n, cap;
};

static inline bool set_has(const struct byte_set *s, uint8_t byte)
{
	return s->bits[byte / 32] >> byte % 32 & 1;
}

struct grammar *build_new(void);
/* A failure, unless there was one. Returns g->r. */
int build_fail(struct grammar *g, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A rule without a body; 0 on failure, which is a rule as well. */
uint32_t build_rule(struct grammar *g, const char *name);
void build_body(struct grammar *g, uint32_t rule, struct body *b); /* takes the body over */

void body_or(struct grammar *g, struct body *b);
void body_rule(struct grammar *g, struct body *b, uint32_t rule);
void body_set(struct grammar *g, struct body *b, const struct byte_set *set);
void body_bytes(struct grammar *g, struct body *b, const char *bytes, size_t n);

/* A code point's range, first to last included. */
struct range {
	uint32_t first, last;
};

/* A rule for one character of the ranges (sorted here and merged), as UTF-8. */
uint32_t build_class(struct grammar *g, struct range *ranges, size_t n, bool negated);
/* A rule for least to most times the rule; most UINT32_MAX: any number. */
uint32_t build_repeat(struct grammar *g, uint32_t rule, uint32_t least, uint32_t most);

/* Fills in what is least of each rule and element, and what is nullable; every rule has a body.
 * -ENOMEM. */
int build_measure(struct grammar *g);

/* Checks all rules. Returns g->r, with words in e; on failure g is freed. */
int build_end(struct grammar *g, struct grammar **ret, struct err *e);
