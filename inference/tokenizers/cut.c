#include "inference/tokenizers/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tokenizers/unicode.h"

int pieces_add(struct pieces *p, size_t from, size_t to)
{
	if (from == to)
		return 0;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct piece *grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->list = grown;
		p->cap = cap;
	}
	p->list[p->n++] = (struct piece){from, to};
	return 0;
}

void pieces_done(struct pieces *p)
{
	free(p->list);
	*p = (struct pieces){0};
}

int cut_behavior_read(const char *name, enum cut_behavior *ret, struct err *e)
{
	static const char *const names[] = {
		[CUT_REMOVED] = "Removed",
		[CUT_ISOLATED] = "Isolated",
		[CUT_CONTIGUOUS] = "Contiguous",
		[CUT_WITH_PREVIOUS] = "MergedWithPrevious",
		[CUT_WITH_NEXT] = "MergedWithNext",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i])) {
			*ret = (enum cut_behavior)i;
			return 0;
		}
	}
	return err_set(e, -ENOTSUP, "behavior '%s' is not supported", name);
}

/* The pieces under way: the last one may still grow. */
struct cutter {
	enum cut_behavior behavior;
	struct pieces *out;
	size_t from, to; /* the last one; from == to: there is none */
	bool found;      /* the part before was found */
	bool begun;
};

/* Takes the next part; found: it is what was looked for. */
static int take(struct cutter *c, size_t from, size_t to, bool found)
{
	bool joins = false;
	int r;

	if (from == to)
		return 0;
	if (c->behavior == CUT_REMOVED && found)
		return 0;
	if (c->begun && c->behavior == CUT_CONTIGUOUS)
		joins = found == c->found;
	else if (c->begun && c->behavior == CUT_WITH_PREVIOUS)
		joins = found && !c->found;
	else if (c->begun && c->behavior == CUT_WITH_NEXT)
		joins = c->found && !found;
	c->found = found;
	c->begun = true;
	if (joins) {
		c->to = to;
		return 0;
	}
	r = pieces_add(c->out, c->from, c->to);
	c->from = from;
	c->to = to;
	return r;
}

static int by_pattern(const struct cut *cut, const char *text, struct piece p,
	struct pattern_budget *budget, struct cutter *c)
{
	size_t n = p.to - p.from, at = 0;
	int r = 0;

	while (at < n && r == 0) {
		size_t from, to;

		r = pattern_next(cut->pattern, text + p.from, n, at, budget, &from, &to);
		if (r <= 0)
			break;
		r = take(c, p.from + at, p.from + from, cut->inverted);
		if (r == 0)
			r = take(c, p.from + from, p.from + to, !cut->inverted);
		at = to;
	}
	return r < 0 ? r : take(c, p.from + at, p.to, cut->inverted);
}

static int by_point(const struct cut *cut, const char *text, struct piece p, struct cutter *c)
{
	size_t start = p.from, at = p.from;
	int r = 0;

	while (at < p.to && r == 0) {
		uint32_t point;
		int used = utf8_read(text + at, p.to - at, &point);

		if (used <= 0)
			return -EINVAL;
		if (cut->point ? cut->point(point) : point == cut->only) {
			r = take(c, start, at, cut->inverted);
			if (r == 0)
				r = take(c, at, at + (size_t)used, !cut->inverted);
			start = at + (size_t)used;
		}
		at += (size_t)used;
	}
	return r < 0 ? r : take(c, start, p.to, cut->inverted);
}

int cut_run(const struct cut *cut, const char *text, struct piece p, struct pattern_budget *budget,
	struct pieces *out)
{
	struct cutter c = {.behavior = cut->behavior, .out = out};
	int r = cut->pattern ? by_pattern(cut, text, p, budget, &c) : by_point(cut, text, p, &c);

	return r < 0 ? r : pieces_add(out, c.from, c.to);
}
