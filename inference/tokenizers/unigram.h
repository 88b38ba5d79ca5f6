/* Unigram (SentencePiece): of all ways to cut a piece into tokens, the one with the best sum of
 * scores. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/tokens.h"
#include "inference/tokenizers/vocab.h"

struct unigram;

/* model: the member "model", whose vocab is a list of [token, score]; vocab must outlive *ret.
 * -EBADMSG. -ENOMEM. */
int unigram_new(
	const json_t *model, const struct vocab *vocab, struct unigram **ret, struct err *e);
struct unigram *unigram_free(struct unigram *u);
DEFINE_CLEANUP(struct unigram *, unigram_free)

/* Appends the tokens of one piece of valid UTF-8, from and to as bytes of it. -EINVAL: a
 * character without a token, and the model has no unknown one. -EMSGSIZE: out is full. -ENOMEM. */
int unigram_encode(struct unigram *u, const char *piece, size_t n, struct tokens *out);
