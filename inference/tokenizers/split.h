/* The pre-tokenizer of a tokenizer.json: cuts text into the pieces that become tokens. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/cut.h"
#include "inference/tokenizers/traced.h"

struct splitter;

/* config: the member "pre_tokenizer". -ENOTSUP names what is not supported. */
int splitter_new(const json_t *config, struct splitter **ret, struct err *e);
struct splitter *splitter_free(struct splitter *s);
DEFINE_CLEANUP(struct splitter *, splitter_free)

/* How the tokens are spelled: as text, as bytes because ByteLevel is the last step, or, where
 * something follows it, in its alphabet (bpe.h), into which the text is then turned. */
enum spelling {
	SPELLING_TEXT,
	SPELLING_BYTES,
	SPELLING_ALPHABET,
};
enum spelling splitter_spelling(const struct splitter *s);

/* Cuts text, which some steps also change. Appends to ret. -ETIME: an expression takes too
 * long. -ENOSPC: the text grew over its ceiling. -ENOMEM. */
int splitter_run(const struct splitter *s, struct traced *text, struct pieces *ret);
