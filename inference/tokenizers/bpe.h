/*
 * Byte-pair encoding: a piece starts as one token per character (or byte: GPT-2), and the pair
 * with the lowest rank is merged until none is left.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/tokens.h"
#include "inference/tokenizers/vocab.h"

struct bpe;

/* GPT-2's byte alphabet: the character that stands for a byte, so that all of them print. */
uint32_t bpe_spelling(uint8_t byte);

/*
 * Turns a token as tokenizer.json writes it, where each byte is a character of the alphabet, into
 * its bytes. Returns how many, at most n; -EINVAL: a character that stands for no byte.
 */
int bpe_bytes(const char *token, size_t n, char *ret);

/*
 * model: the member "model"; vocab must outlive *ret. bytes: vocab holds the tokens' bytes, not
 * their spelling. -EBADMSG: a merge that names no token. -ENOTSUP. -ENOMEM.
 */
int bpe_new(const json_t *model, const struct vocab *vocab, bool bytes, struct bpe **ret,
	struct err *e);
struct bpe *bpe_free(struct bpe *b);
DEFINE_CLEANUP(struct bpe *, bpe_free)

/* Appends the tokens of one piece, from and to as bytes of it: n log n steps. -EMSGSIZE: out is
 * full. -ENOMEM. */
int bpe_encode(struct bpe *b, const char *piece, size_t n, struct tokens *out);
