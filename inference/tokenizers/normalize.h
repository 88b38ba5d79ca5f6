/* The normalizer of a tokenizer.json: what is done to text before it is cut. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/traced.h"

struct normalizer;

/* config: the member "normalizer", null included. -ENOTSUP names what is not supported. */
int normalizer_new(const json_t *config, struct normalizer **ret, struct err *e);
struct normalizer *normalizer_free(struct normalizer *n);
DEFINE_CLEANUP(struct normalizer *, normalizer_free)

/* It writes bytes as the characters of the byte alphabet (bpe.h). */
bool normalizer_is_byte_level(const struct normalizer *n);

/* Replaces the content of text. -ENOSPC: it grew over text's ceiling. -ETIME: an expression
 * takes too long. -ENOMEM. */
int normalizer_run(const struct normalizer *n, struct traced *text);
