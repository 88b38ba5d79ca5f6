/*
 * A tokenizer as tokenizer.json describes it: text to token ids and ids back to bytes.
 *
 * Supported: BPE over bytes (GPT-2, Llama 3, Qwen 2 and their like) and over characters (Llama 2,
 * Mistral), WordPiece (BERT) and Unigram (XLM-RoBERTa, T5), equal to the library `tokenizers`,
 * ids and places. What is not supported is named when the file is read. Knows no model.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/added.h"
#include "inference/tokenizers/decode.h"
#include "inference/tokenizers/tokens.h"

#define TOKENIZER_FILE_MAX (64u << 20)
#define TOKENIZER_TEXT_MAX (1u << 20) /* bytes of one text, also after normalization */

/* Dropped from ordinary text; see added.h. */
#define TOKENIZER_BREAK TEXT_BREAK

struct tokenizer;

/* Reads tokenizer.json. -EBADMSG: broken. -ENOTSUP: names what is not supported. -EMSGSIZE.
 * -ENOMEM. Caller owns *ret. */
int tokenizer_read(const void *json, size_t n, struct tokenizer **ret, struct err *e);
/* The same from what such a file holds, already parsed. */
int tokenizer_new(const json_t *root, struct tokenizer **ret, struct err *e);
struct tokenizer *tokenizer_free(struct tokenizer *t);
DEFINE_CLEANUP(struct tokenizer *, tokenizer_free)

/*
 * Appends the tokens of text (UTF-8). framed: with the special tokens that the post-processor
 * puts around one text. out->want_at: with their places. -EMSGSIZE: over out->max tokens or
 * TOKENIZER_TEXT_MAX bytes. -EINVAL: not UTF-8, or a character for which the model has no token.
 * -ETIME: the model's own expressions take too long on it. -ENOMEM.
 */
int tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool framed,
	struct tokens *out, struct err *e);

/* What gives way where a text or a pair has more tokens than fit. */
enum fit {
	FIT_NOT,     /* nothing: -EMSGSIZE */
	FIT_LONGEST, /* the longer text loses tokens at its end, then both */
	FIT_FIRST,
	FIT_SECOND,
};

struct encode_options {
	bool framed;
	enum fit fit; /* to out->max tokens; special ones are never lost */
	size_t skip;  /* tokens of the last text that are left out at its beginning, so that what
			 follows what fitted can be had by another call */
};

struct encode_text {
	const char *s;
	size_t n;
	/* Where not NULL: its tokens stay here for the next call with the same text, which reads it
	 * from here. The caller's, zeroed before the first call; tokens_done() ends it. */
	struct tokens *kept;
};

/*
 * Appends the tokens of one text or a pair, with types and places where out->want_at. ret_more,
 * where not NULL: whether tokens were lost at the end of a text. Errors as tokenizer_encode;
 * -EMSGSIZE too where what must stay does not fit.
 */
int tokenizer_encode_texts(struct tokenizer *t, const struct encode_text *texts, size_t n_texts,
	const struct encode_options *options, struct tokens *out, bool *ret_more, struct err *e);

/* Appends the bytes that the next token of a text stands for, not always whole characters.
 * Special tokens and unknown ids stand for none. -ENOSPC, -ETIME, -ENOMEM. */
int tokenizer_decode(
	const struct tokenizer *t, struct decoding *text, uint32_t id, struct buf *out);

/* The bytes that a token stands for inside a text, not always whole characters; of WordPiece its
 * spelling. NULL: no such token, or a special one. Borrowed. */
const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *ret_n);

/* The same of any token, special ones too. NULL: no such token. */
const char *tokenizer_spelling(const struct tokenizer *t, uint32_t id, size_t *ret_n);

/* The id of a token by its spelling, added ones first. UINT32_MAX: none. */
uint32_t tokenizer_find(const struct tokenizer *t, const char *token);

/* Adds text to out with every special token's spelling broken by TOKENIZER_BREAK, and without
 * breaks of its own. -ENOSPC, -ETIME, -ENOMEM. */
int tokenizer_defuse(const struct tokenizer *t, const char *text, size_t n, struct buf *out);

uint32_t tokenizer_size(const struct tokenizer *t); /* one more than the largest id */
