/* Cutting text where something is found: finding it, and what becomes of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/tokenizers/pattern.h"

struct piece {
	size_t from, to; /* bytes of the text */
};

struct pieces {
	struct piece *list; /* owned; n used of cap */
	size_t n, cap;
};

/* Appends a piece that is not empty. -ENOMEM. */
int pieces_add(struct pieces *p, size_t from, size_t to);
void pieces_done(struct pieces *p);

enum cut_behavior {
	CUT_REMOVED,       /* a b: what is found is dropped */
	CUT_ISOLATED,      /* it is a piece of its own */
	CUT_CONTIGUOUS,    /* the same, neighbours together */
	CUT_WITH_PREVIOUS, /* it ends the piece before it */
	CUT_WITH_NEXT,     /* it begins the piece after it */
};

/* By the name that tokenizer.json uses. -ENOTSUP: there is none such. */
int cut_behavior_read(const char *name, enum cut_behavior *ret, struct err *e);

/* What to look for: an expression, or characters. */
struct cut {
	struct pattern *pattern; /* borrowed; NULL: point decides */
	bool (*point)(uint32_t c);
	uint32_t only; /* where point is NULL too: this one */
	bool inverted; /* what is not found is what is meant */
	enum cut_behavior behavior;
};

/* Cuts text[p.from, p.to). budget: as in pattern_next. -ETIME, -ENOMEM. */
int cut_run(const struct cut *cut, const char *text, struct piece p, struct pattern_budget *budget,
	struct pieces *out);
