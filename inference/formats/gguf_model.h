/*
 * What a GGUF file says about its model in the words of a Hugging Face folder, so that the rest of
 * the program knows one language: config.json, tensors' names, tokenizer.json,
 * tokenizer_config.json.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "inference/formats/gguf.h"
#include "inference/formats/weights.h"

/*
 * The object of a config.json. Beside its usual keys: "rope_interleaved": true where a head's
 * rotated pairs are (2i, 2i + 1) instead of (i, i + dim / 2); "rope_divisors": an array of dim / 2
 * numbers that the frequencies are divided by; "conv1d_transposed": true where GPT-2's matrices
 * are outputs x inputs. -ENOTSUP: an architecture or variant that is not supported, by name.
 * -EBADMSG: a key or tensor is missing or of no use, by name. -ENOMEM. Caller owns *ret.
 */
int gguf_config(const struct gguf *g, json_t **ret, struct err *e);

/* The file's tensors under their Hugging Face names. g belongs to *ret, also where it fails.
 * -ENOTSUP: the architecture, or a tensor of it, is not known. -ENOMEM. */
int gguf_weights(struct gguf *g, struct weights **ret, struct err *e);

/* The object of a tokenizer.json. -ENOTSUP, -EBADMSG with the key's name, -EMSGSIZE, -ENOMEM. */
int gguf_tokenizer(const struct gguf *g, json_t **ret, struct err *e);

/* The object of a tokenizer_config.json: special tokens and chat template. Errors as above. */
int gguf_tokenizer_config(const struct gguf *g, json_t **ret, struct err *e);
