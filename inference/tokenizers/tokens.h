/* A growing list of token ids with a ceiling, and where wanted the place of each in its text. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct token_at {
	uint32_t from, to; /* code points of its text; 0, 0 for a token that stands for none */
	uint32_t word;     /* number of the piece of text it is from; UINT32_MAX: none */
	uint8_t type;      /* token type id */
	uint8_t text;      /* 0 or 1: which text of a pair it is from */
	bool special;      /* put in by the post-processor, not from a text */
};

struct tokens {
	uint32_t *ids; /* owned; n used of cap */
	size_t n, cap;
	size_t max;          /* ceiling of n */
	struct token_at *at; /* owned; one for each id */
	bool want_at;        /* fill at; else it stays NULL */
};

/* -EMSGSIZE at the ceiling, -ENOMEM. */
static inline int tokens_add_at(struct tokens *t, uint32_t id, struct token_at at)
{
	if (t->n >= t->max)
		return -EMSGSIZE;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		uint32_t *grown = reallocarray(t->ids, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->ids = grown;
		if (t->want_at) {
			struct token_at *places = reallocarray(t->at, cap, sizeof(*places));

			if (!places)
				return -ENOMEM;
			t->at = places;
		}
		t->cap = cap;
	}
	if (t->want_at)
		t->at[t->n] = at;
	t->ids[t->n++] = id;
	return 0;
}

static inline int tokens_add(struct tokens *t, uint32_t id)
{
	return tokens_add_at(t, id, (struct token_at){.word = UINT32_MAX});
}

static inline void tokens_done(struct tokens *t)
{
	free(t->ids);
	free(t->at);
	t->ids = NULL;
	t->at = NULL;
	t->n = t->cap = 0;
}
