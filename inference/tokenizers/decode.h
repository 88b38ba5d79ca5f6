/* The decoder of a tokenizer.json: tokens one after the other back to the bytes of a text. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct decoder;

/* A text being put together. Begins as {0}. */
struct decoding {
	size_t tokens; /* so far, but those that stand for no text */
	bool ended;    /* the last one ended a word (BPEDecoder) */
};

/* config: the member "decoder", null included: spellings with spaces between. -ENOTSUP names what
 * is not supported. Caller owns *ret. */
int decoder_new(const json_t *config, struct decoder **ret, struct err *e);
struct decoder *decoder_free(struct decoder *d);
DEFINE_CLEANUP(struct decoder *, decoder_free)

/* All it does is turn the byte alphabet into bytes (null included). */
bool decoder_is_byte_level(const struct decoder *d);

/* Appends what the next token, spelled s, stands for; not always whole characters. -ENOSPC,
 * -ETIME, -ENOMEM. */
int decoder_add(
	const struct decoder *d, struct decoding *text, const char *s, size_t n, struct buf *out);
