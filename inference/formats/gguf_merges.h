/*
 * A GGUF file's vocabulary with scores (SentencePiece's BPE) as a list of merges: pairs are merged
 * by the score of what they become, and tokenizer.json wants them in that order.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/formats/gguf.h"

/* tokenizer.ggml.token_type */
enum token_kind {
	KIND_NORMAL = 1,
	KIND_UNKNOWN,
	KIND_CONTROL,
	KIND_USER,
	KIND_UNUSED,
	KIND_BYTE,
};

struct gguf_token {
	struct gguf_string s; /* checked: UTF-8 without NUL, not empty */
	uint8_t kind;
	float score;
};

/* The array [[left, right], …], best first. NULL: out of memory, or e says why. Caller owns it. */
json_t *gguf_scored_merges(const struct gguf_token *t, size_t n_tokens, struct err *e);
