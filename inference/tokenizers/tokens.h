/* A growing list of token ids with a ceiling. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

struct tokens {
	uint32_t *ids; /* owned; n used of cap */
	size_t n, cap;
	size_t max; /* ceiling of n */
};

/* -EMSGSIZE at the ceiling, -ENOMEM. */
static inline int tokens_add(struct tokens *t, uint32_t id)
{
	if (t->n >= t->max)
		return -EMSGSIZE;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		uint32_t *grown = reallocarray(t->ids, cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->ids = grown;
		t->cap = cap;
	}
	t->ids[t->n++] = id;
	return 0;
}

static inline void tokens_done(struct tokens *t)
{
	free(t->ids);
	t->ids = NULL;
	t->n = t->cap = 0;
}
