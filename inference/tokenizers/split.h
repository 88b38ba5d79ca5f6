/* The pre-tokenizer of a tokenizer.json: cuts text into the pieces that become tokens. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct splitter;

struct piece {
	size_t from, to; /* bytes of the text */
};

struct pieces {
	struct piece *list; /* owned; n used of cap */
	size_t n, cap;
};

/* config: the member "pre_tokenizer". -ENOTSUP names what is not supported. */
int splitter_new(const json_t *config, struct splitter **ret, struct err *e);
struct splitter *splitter_free(struct splitter *s);
DEFINE_CLEANUP(struct splitter *, splitter_free)

bool splitter_is_byte_level(const struct splitter *s);
bool splitter_wants_space(const struct splitter *s); /* a space belongs before the text */

/* Cuts valid UTF-8. Caller owns ret->list. -ETIME: an expression backtracks too much. -ENOMEM. */
int splitter_run(const struct splitter *s, const char *text, size_t n, struct pieces *ret);
