/* The shortest text of each rule of a grammar, in time linear but for a heap. */
#include <errno.h>
#include <stdlib.h>

#include "inference/grammars/build.h"

/* One way of a rule's body. */
struct way {
	uint32_t rule;
	uint32_t missing; /* of its rules, those whose shortest text is not known yet */
	uint32_t sum;     /* bytes of what is known of it */
};

/* A way that is known whole. */
struct known {
	uint32_t sum, rule;
};

struct measure {
	struct way *ways;   /* owned */
	uint32_t *way_of;   /* owned; by element */
	uint32_t *uses;     /* owned; ways that use a rule, of rule i from[i] to from[i + 1] */
	uint32_t *from;     /* owned */
	struct known *heap; /* owned; the smallest first */
	uint32_t n_ways, n_heap;
};

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a == LEAST_NEVER || b == LEAST_NEVER || a + b < a ? LEAST_NEVER : a + b;
}

static void push(struct measure *m, struct known k)
{
	uint32_t at = m->n_heap++;

	for (; at > 0 && m->heap[(at - 1) / 2].sum > k.sum; at = (at - 1) / 2)
		m->heap[at] = m->heap[(at - 1) / 2];
	m->heap[at] = k;
}

static struct known pop(struct measure *m)
{
	struct known top = m->heap[0], last = m->heap[--m->n_heap];
	uint32_t at = 0, next;

	while ((next = 2 * at + 1) < m->n_heap) {
		next += next + 1 < m->n_heap && m->heap[next + 1].sum < m->heap[next].sum;
		if (m->heap[next].sum >= last.sum)
			break;
		m->heap[at] = m->heap[next];
		at = next;
	}
	m->heap[at] = last;
	return top;
}

/* Numbers the ways, and counts for each rule how often it is used, at from[rule + 1]. */
static void find_ways(const struct grammar *g, struct measure *m)
{
	for (uint32_t rule = 0; rule < g->n_rules; rule++) {
		enum element_kind kind = ELEMENT_OR;

		for (uint32_t i = g->rules[rule].start; kind != ELEMENT_END; i++) {
			struct way *w = &m->ways[m->n_ways];

			kind = ELEMENT_KIND(g->elements[i]);
			m->way_of[i] = m->n_ways;
			w->rule = rule;
			w->sum += kind == ELEMENT_SET;
			w->missing += kind == ELEMENT_RULE;
			if (kind == ELEMENT_RULE)
				m->from[ELEMENT_AT(g->elements[i]) + 1]++;
			else if (kind != ELEMENT_SET)
				m->n_ways++;
		}
	}
}

static void find_uses(const struct grammar *g, struct measure *m)
{
	for (uint32_t i = 0; i < g->n_rules; i++)
		m->from[i + 1] += m->from[i];
	for (uint32_t i = 0; i < g->n_elements; i++)
		if (ELEMENT_KIND(g->elements[i]) == ELEMENT_RULE)
			m->uses[m->from[ELEMENT_AT(g->elements[i])]++] = m->way_of[i];
	for (uint32_t i = g->n_rules; i > 0; i--) /* each stands where the next began */
		m->from[i] = m->from[i - 1];
	m->from[0] = 0;
}

/* Knuth, "A generalization of Dijkstra's algorithm" (1977): the shortest way known of all rules
 * without a length is its rule's shortest, since no way is shorter than what it is made of. */
static void settle(struct grammar *g, struct measure *m)
{
	for (uint32_t i = 0; i < m->n_ways; i++)
		if (m->ways[i].missing == 0)
			push(m, (struct known){m->ways[i].sum, m->ways[i].rule});
	while (m->n_heap > 0) {
		struct known k = pop(m);
		struct rule *r = &g->rules[k.rule];

		if (r->least != LEAST_NEVER)
			continue;
		r->least = k.sum;
		for (uint32_t i = m->from[k.rule]; i < m->from[k.rule + 1]; i++) {
			struct way *w = &m->ways[m->uses[i]];

			w->sum = plus(w->sum, k.sum);
			if (--w->missing == 0 && w->sum != LEAST_NEVER)
				push(m, (struct known){w->sum, w->rule});
		}
	}
}

static void finish(struct grammar *g)
{
	for (uint32_t i = 0; i < g->n_rules; i++)
		g->rules[i].nullable = g->rules[i].least == 0;
	for (uint32_t i = g->n_elements; i-- > 0;) {
		uint32_t x = g->elements[i], own = 1;

		if (ELEMENT_KIND(x) == ELEMENT_END || ELEMENT_KIND(x) == ELEMENT_OR) {
			g->least[i] = 0;
			continue;
		}
		if (ELEMENT_KIND(x) == ELEMENT_RULE)
			own = g->rules[ELEMENT_AT(x)].least;
		g->least[i] = plus(own, g->least[i + 1]);
	}
}

int build_measure(struct grammar *g)
{
	struct measure m = {.ways = calloc(g->n_elements, sizeof(*m.ways)),
		.way_of = calloc(g->n_elements, sizeof(*m.way_of)),
		.uses = calloc(g->n_elements, sizeof(*m.uses)),
		.from = calloc(g->n_rules + 1, sizeof(*m.from)),
		.heap = calloc(g->n_elements, sizeof(*m.heap))};
	int r = m.ways && m.way_of && m.uses && m.from && m.heap ? 0 : -ENOMEM;

	if (r == 0) {
		find_ways(g, &m);
		find_uses(g, &m);
		settle(g, &m);
		finish(g);
	}
	free(m.ways);
	free(m.way_of);
	free(m.uses);
	free(m.from);
	free(m.heap);
	return r;
}
