/*
 * A tokenizer as tokenizer.json describes it: text to token ids and ids back to bytes.
 *
 * Supported: byte-level BPE (GPT-2, Llama 3, Qwen 2 and their like) and WordPiece (BERT). What
 * is not supported is named when the file is read. Knows no model.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/tokens.h"

#define TOKENIZER_FILE_MAX (64u << 20)
#define TOKENIZER_TEXT_MAX (1u << 20) /* bytes of one text, also after normalization */
#define TOKENIZER_ADDED_MAX 4096

/* U+FDD0, a noncharacter: dropped from ordinary text after special tokens were looked for, so
 * that one put inside a special token's spelling keeps it ordinary. */
#define TOKENIZER_BREAK "\xef\xb7\x90"

struct tokenizer;

/* Reads tokenizer.json. -EBADMSG: broken. -ENOTSUP: names what is not supported. -EMSGSIZE.
 * -ENOMEM. Caller owns *ret. */
int tokenizer_read(const void *json, size_t n, struct tokenizer **ret, struct err *e);
/* The same from its object, which is not needed later. */
int tokenizer_new(const json_t *root, struct tokenizer **ret, struct err *e);
struct tokenizer *tokenizer_free(struct tokenizer *t);
DEFINE_CLEANUP(struct tokenizer *, tokenizer_free)

/*
 * Appends the tokens of text (UTF-8). framed: with the special tokens that the post-processor
 * puts around one sequence. -EMSGSIZE: over out->max tokens or TOKENIZER_TEXT_MAX bytes.
 * -EINVAL: not UTF-8. -ETIME: the model's own expression takes too long on it. -ENOMEM.
 */
int tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool framed,
	struct tokens *out, struct err *e);

/* The bytes a token stands for, not always whole characters. NULL: no such token, or a special
 * one, which stands for no text. Borrowed. */
const char *tokenizer_text(const struct tokenizer *t, uint32_t id, size_t *ret_n);

/* The id of a token by its spelling, added ones first. UINT32_MAX: none. */
uint32_t tokenizer_find(const struct tokenizer *t, const char *token);

/* Adds text to out with every special token's spelling broken by TOKENIZER_BREAK, and without
 * breaks of its own. -ENOSPC, -ENOMEM. */
struct buf;
int tokenizer_defuse(const struct tokenizer *t, const char *text, size_t n, struct buf *out);

uint32_t tokenizer_size(const struct tokenizer *t); /* one more than the largest id */
