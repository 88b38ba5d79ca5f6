/*
 * Byte-pair encoding over bytes (GPT-2): a piece starts as one token per byte, and the pair with
 * the lowest rank is merged until none is left.
 */
#pragma once

#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/tokens.h"
#include "inference/tokenizers/vocab.h"

struct bpe;

/*
 * Turns a token as tokenizer.json writes it, where each byte is a printable character, into its
 * bytes. Returns how many, at most n; -EINVAL: a character that stands for no byte.
 */
int bpe_bytes(const char *token, size_t n, char *ret);

/*
 * model: the member "model"; vocab holds the tokens' bytes and must outlive *ret.
 * -EBADMSG: a merge that names no token. -ENOTSUP. -ENOMEM.
 */
int bpe_new(const json_t *model, const struct vocab *vocab, struct bpe **ret, struct err *e);
struct bpe *bpe_free(struct bpe *b);
DEFINE_CLEANUP(struct bpe *, bpe_free)

/* Appends the tokens of one piece: n log n steps. -EMSGSIZE: out is full. -ENOMEM. */
int bpe_encode(struct bpe *b, const char *piece, size_t n, struct tokens *out);
