/* WordPiece: the longest token of the vocabulary at each place of a word, or the unknown token. */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/tokens.h"
#include "inference/tokenizers/vocab.h"

struct wordpiece;

/* model: the member "model"; vocab must outlive *ret. -EBADMSG: no such unknown token. */
int wordpiece_new(
	const json_t *model, const struct vocab *vocab, struct wordpiece **ret, struct err *e);
struct wordpiece *wordpiece_free(struct wordpiece *w);
DEFINE_CLEANUP(struct wordpiece *, wordpiece_free)

/* Appends the tokens of one word of valid UTF-8, from and to as bytes of it. -EMSGSIZE: out is
 * full. -ENOMEM. */
int wordpiece_encode(const struct wordpiece *w, const char *word, size_t n, struct tokens *out);
