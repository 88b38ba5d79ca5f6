/* The normalizer of a tokenizer.json: what is done to text before it is cut. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct normalizer;

/* config: the member "normalizer", null included. -ENOTSUP names what is not supported. */
int normalizer_new(const json_t *config, struct normalizer **ret, struct err *e);
struct normalizer *normalizer_free(struct normalizer *n);
DEFINE_CLEANUP(struct normalizer *, normalizer_free)

/* Replaces the content of text (valid UTF-8). -ENOSPC: it grew over text's ceiling. -ENOMEM. */
int normalizer_run(const struct normalizer *n, struct buf *text);
