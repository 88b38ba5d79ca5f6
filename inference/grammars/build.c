#include "inference/grammars/build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_POINT_MAX 0x10ffff

struct grammar *build_new(void)
{
	struct grammar *g = calloc(1, sizeof(*g));

	if (g && vocab_new(GRAMMAR_SETS_MAX, &g->set_ids) < 0)
		g = grammar_free(g);
	return g;
}

struct grammar *grammar_free(struct grammar *g)
{
	if (!g)
		return NULL;
	free(g->rules);
	free(g->elements);
	free(g->least);
	free(g->sets);
	(void)vocab_free(g->set_ids);
	free(g);
	return NULL;
}

int build_fail(struct grammar *g, int r, const char *fmt, ...)
{
	va_list args;

	if (g->r < 0)
		return g->r;
	va_start(args, fmt);
	(void)vsnprintf(g->error.text, sizeof(g->error.text), fmt, args);
	va_end(args);
	return g->r = g->error.code = r;
}

/* Room for one more of size bytes. */
static bool grow(struct grammar *g, void *array, uint32_t n, uint32_t *cap, uint32_t max,
	size_t size, const char *what)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *grown;

	if (g->r < 0)
		return false;
	if (n == max) {
		build_fail(g, -EMSGSIZE, "it has more than %u %s, the limit", max, what);
		return false;
	}
	if (n < *cap)
		return true;
	grown = reallocarray(*(void **)array, more, size);
	if (!grown) {
		build_fail(g, -ENOMEM, "out of memory");
		return false;
	}
	*(void **)array = grown;
	*cap = more;
	return true;
}

uint32_t build_rule(struct grammar *g, const char *name)
{
	struct rule *r;

	if (!grow(g, &g->rules, g->n_rules, &g->cap_rules, GRAMMAR_RULES_MAX, sizeof(*g->rules),
		    "rules"))
		return 0;
	r = &g->rules[g->n_rules];
	*r = (struct rule){.start = UINT32_MAX, .least = LEAST_NEVER};
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	return g->n_rules++;
}

/* --- bodies --- */

static void add(struct grammar *g, struct body *b, uint32_t element)
{
	if (grow(g, &b->of, b->n, &b->cap, GRAMMAR_ELEMENTS_MAX, sizeof(*b->of), "elements"))
		b->of[b->n++] = element;
}

void build_body(struct grammar *g, uint32_t rule, struct body *b)
{
	uint32_t start = g->n_elements;

	add(g, b, ELEMENT(ELEMENT_END, 0));
	for (uint32_t i = 0; i < b->n && g->r == 0; i++)
		if (grow(g, &g->elements, g->n_elements, &g->cap_elements, GRAMMAR_ELEMENTS_MAX,
			    sizeof(*g->elements), "elements"))
			g->elements[g->n_elements++] = b->of[i];
	if (g->r == 0)
		g->rules[rule].start = start;
	free(b->of);
	*b = (struct body){0};
}

void body_or(struct grammar *g, struct body *b)
{
	add(g, b, ELEMENT(ELEMENT_OR, 0));
}

void body_rule(struct grammar *g, struct body *b, uint32_t rule)
{
	add(g, b, ELEMENT(ELEMENT_RULE, rule));
}

void body_set(struct grammar *g, struct body *b, const struct byte_set *set)
{
	uint32_t id = vocab_find(g->set_ids, set, sizeof(*set));

	if (id != VOCAB_NONE) {
		add(g, b, ELEMENT(ELEMENT_SET, id));
		return;
	}
	if (!grow(g, &g->sets, g->n_sets, &g->cap_sets, GRAMMAR_SETS_MAX, sizeof(*g->sets),
		    "sets of bytes"))
		return;
	if (vocab_add(g->set_ids, g->n_sets, set, sizeof(*set), true) < 0) {
		build_fail(g, -ENOMEM, "out of memory");
		return;
	}
	g->sets[g->n_sets] = *set;
	add(g, b, ELEMENT(ELEMENT_SET, g->n_sets++));
}

static struct byte_set set_of(uint8_t first, uint8_t last)
{
	struct byte_set s = {0};

	for (unsigned c = first; c <= last; c++)
		s.bits[c / 32] |= 1u << c % 32;
	return s;
}

void body_bytes(struct grammar *g, struct body *b, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && g->r == 0; i++) {
		struct byte_set s = set_of((uint8_t)bytes[i], (uint8_t)bytes[i]);

		body_set(g, b, &s);
	}
}

/* --- classes --- */

static size_t encode(uint32_t c, uint8_t ret[4])
{
	if (c < 0x80) {
		ret[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (uint8_t)(0xc0 | c >> 6);
		ret[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (uint8_t)(0xe0 | c >> 12);
		ret[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (uint8_t)(0xf0 | c >> 18);
	ret[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* One alternative: all of the range have the same length and differ freely from some byte on. */
static void add_sequence(struct grammar *g, struct body *b, uint32_t first, uint32_t last)
{
	uint8_t from[4], to[4];
	size_t n = encode(first, from);

	(void)encode(last, to);
	if (b->n > 0)
		body_or(g, b);
	for (size_t i = 0; i < n; i++) {
		struct byte_set s = set_of(from[i], to[i]);

		body_set(g, b, &s);
	}
}

/* Splits the range until each part is one sequence of byte ranges. */
static void add_range(struct grammar *g, struct body *b, uint32_t first, uint32_t last)
{
	static const uint32_t borders[] = {0x7f, 0x7ff, 0xd7ff, 0xdfff, 0xffff};

	if (first > last || (first >= 0xd800 && last <= 0xdfff)) /* surrogates are no characters */
		return;
	for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++)
		if (first <= borders[i] && last > borders[i]) {
			add_range(g, b, first, borders[i]);
			add_range(g, b, borders[i] + 1, last);
			return;
		}
	for (unsigned bits = 6; bits <= 18 && last > 0x7f; bits += 6) {
		uint32_t low = (1u << bits) - 1;

		if ((first | low) == (last | low))
			break;
		if ((first & low) != 0) {
			add_range(g, b, first, first | low);
			add_range(g, b, (first | low) + 1, last);
			return;
		}
		if ((last & low) != low) {
			add_range(g, b, first, (last & ~low) - 1);
			add_range(g, b, last & ~low, last);
			return;
		}
	}
	add_sequence(g, b, first, last);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

uint32_t build_class(struct grammar *g, struct range *ranges, size_t n, bool negated)
{
	uint32_t rule = build_rule(g, "class"), next = negated ? 1 : 0; /* NUL only when named */
	struct byte_set ascii = {0};
	struct body b = {0};
	bool any = false;

	if (n > 0)
		qsort(ranges, n, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < n + negated && g->r == 0; i++) {
		const struct range end = {CODE_POINT_MAX + 1, CODE_POINT_MAX};
		const struct range *r = i < n ? &ranges[i] : &end;
		uint32_t first = negated || r->first < next ? next : r->first;
		uint32_t past = negated ? r->first : r->last + 1; /* of what is added */

		next = r->last + 1 > next ? r->last + 1 : next;
		for (uint32_t c = first; c < past && c < 0x80; c++) {
			ascii.bits[c / 32] |= 1u << c % 32;
			any = true;
		}
		if (past > 0x80 && past > first)
			add_range(g, &b, first < 0x80 ? 0x80 : first, past - 1);
	}
	if (any) {
		if (b.n > 0)
			body_or(g, &b);
		body_set(g, &b, &ascii);
	}
	if (b.n == 0)
		build_fail(g, -EINVAL, "a class holds no character");
	build_body(g, rule, &b);
	return rule;
}

uint32_t build_repeat(struct grammar *g, uint32_t rule, uint32_t least, uint32_t most)
{
	uint32_t tail = 0, whole;
	struct body b = {0};

	if (least > most || least > GRAMMAR_REPEAT_MAX ||
		(most != UINT32_MAX && most > GRAMMAR_REPEAT_MAX)) {
		build_fail(g, -EMSGSIZE, "%u to %u times, the limit is %d", least, most,
			GRAMMAR_REPEAT_MAX);
		return 0;
	}
	whole = build_rule(g, "repeat");
	if (most == UINT32_MAX) {
		tail = build_rule(g, "repeat");
		body_rule(g, &b, rule);
		body_rule(g, &b, tail);
		body_or(g, &b);
		build_body(g, tail, &b);
	}
	for (uint32_t i = least; most != UINT32_MAX && i < most && g->r == 0; i++) {
		uint32_t more = build_rule(g, "repeat");

		body_rule(g, &b, rule);
		if (i > least)
			body_rule(g, &b, tail);
		body_or(g, &b);
		build_body(g, more, &b);
		tail = more;
	}
	for (uint32_t i = 0; i < least; i++)
		body_rule(g, &b, rule);
	if (most > least)
		body_rule(g, &b, tail);
	build_body(g, whole, &b);
	return whole;
}

/* --- checks --- */

enum { UNSEEN, OPEN, DONE };

struct visit {
	uint32_t rule, at;
	bool leading; /* what comes next stands at an alternative's beginning */
};

/* Whether a rule can begin with itself: then nothing would ever be read. Without recursion, since
 * rules may stand as deep as there are rules. */
static int check_beginnings(struct grammar *g, struct visit *stack)
{
	uint32_t depth = 0;

	for (uint32_t root = 0; root < g->n_rules; root++) {
		if (g->rules[root].visit != UNSEEN)
			continue;
		g->rules[root].visit = OPEN;
		stack[depth++] = (struct visit){root, g->rules[root].start, true};
		while (depth > 0) {
			struct visit *v = &stack[depth - 1];
			uint32_t x = g->elements[v->at++];
			bool leads = v->leading;
			struct rule *next;

			switch (ELEMENT_KIND(x)) {
			case ELEMENT_END:
				g->rules[v->rule].visit = DONE;
				depth--;
				continue;
			case ELEMENT_OR:
				v->leading = true;
				continue;
			case ELEMENT_SET:
				v->leading = false;
				continue;
			case ELEMENT_RULE:
				break;
			}
			next = &g->rules[ELEMENT_AT(x)];
			v->leading = leads && next->nullable;
			if (!leads || next->visit == DONE)
				continue;
			if (next->visit == OPEN)
				return build_fail(
					g, -EINVAL, "rule '%s' can begin with itself", next->name);
			next->visit = OPEN;
			stack[depth++] =
				(struct visit){ELEMENT_AT(x), g->rules[ELEMENT_AT(x)].start, true};
		}
	}
	return 0;
}

static void check(struct grammar *g)
{
	struct visit *stack;

	if (g->r == 0 && g->n_rules == 0)
		build_fail(g, -EINVAL, "it has no rules");
	for (uint32_t i = 0; g->r == 0 && i < g->n_rules; i++)
		if (g->rules[i].start == UINT32_MAX)
			build_fail(g, -EINVAL, "there is no rule '%s'", g->rules[i].name);
	if (g->r < 0)
		return;
	g->least = calloc(g->n_elements, sizeof(*g->least));
	stack = calloc(g->n_rules, sizeof(*stack));
	if (g->least && stack && build_measure(g) == 0) {
		for (uint32_t i = 0; g->r == 0 && i < g->n_rules; i++)
			if (g->rules[i].least == LEAST_NEVER)
				build_fail(g, -EINVAL, "rule '%s' never ends", g->rules[i].name);
		if (g->r == 0)
			(void)check_beginnings(g, stack);
	} else {
		build_fail(g, -ENOMEM, "out of memory");
	}
	free(stack);
}

int build_end(struct grammar *g, struct grammar **ret, struct err *e)
{
	int r;

	check(g);
	g->set_ids = vocab_free(g->set_ids);
	r = g->r;
	if (r < 0) {
		(void)err_set(e, r, "%s", g->error.text);
		(void)grammar_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

uint32_t grammar_least(const struct grammar *g)
{
	return g->rules[0].least;
}
