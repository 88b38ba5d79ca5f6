/* One text on its way through a tokenizer: added tokens, normalizer, pieces, model, places. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "inference/tokenizers/added.h"
#include "inference/tokenizers/bpe.h"
#include "inference/tokenizers/decode.h"
#include "inference/tokenizers/framing.h"
#include "inference/tokenizers/normalize.h"
#include "inference/tokenizers/split.h"
#include "inference/tokenizers/tokens.h"
#include "inference/tokenizers/unigram.h"
#include "inference/tokenizers/vocab.h"
#include "inference/tokenizers/wordpiece.h"

/* tokenizer.h's, for this folder only. */
struct tokenizer {
	struct vocab *vocab; /* owned; all tokens, added ones too */
	bool bytes;          /* it holds bytes, not spellings in the byte alphabet */
	struct bpe *bpe;     /* owned; one of the three */
	struct wordpiece *wordpiece;
	struct unigram *unigram;
	struct normalizer *normalizer; /* owned */
	struct splitter *splitter;     /* owned */
	struct added *added;           /* owned */
	struct decoder *decoder;       /* owned */
	struct vocab *texts; /* owned; what tokens stand for inside a text; NULL: vocab says it */
	struct framing framing;
};

/* Appends the tokens of valid UTF-8, with their places where out->want_at. -EMSGSIZE: out is full.
 * -ENOSPC: the text grows over TOKENIZER_TEXT_MAX. -ETIME. -EINVAL: no token for a character.
 * -ENOMEM. */
int encode_run(struct tokenizer *t, const char *s, size_t n, struct tokens *out);
