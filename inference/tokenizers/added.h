/*
 * The added tokens of a tokenizer.json: tokens that are looked for in the text before the model
 * sees it, some in the text as it came, some in what the normalizer made of it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "inference/tokenizers/normalize.h"
#include "inference/tokenizers/vocab.h"

#define ADDED_MAX 4096

/* U+FDD0, a noncharacter: dropped from ordinary text after special tokens were looked for, so
 * that one put inside a special token's spelling keeps it ordinary. */
#define TEXT_BREAK "\xef\xb7\x90"

struct added;

/* list: the member "added_tokens"; vocab gets their names, normalizer says how some are spelled.
 * Both must outlive *ret. -EBADMSG. -EMSGSIZE. -ENOMEM. */
int added_new(const json_t *list, struct vocab *vocab, const struct normalizer *normalizer,
	struct added **ret, struct err *e);
struct added *added_free(struct added *a);
DEFINE_CLEANUP(struct added *, added_free)

/* A token found in a text. */
struct added_match {
	uint32_t id;
	size_t from, to; /* bytes, with the spaces that it takes */
};

/* Finds the next one in s[from, n); normalized: of those that are looked for after the normalizer.
 * False: there is none. */
bool added_next(const struct added *a, bool normalized, const char *s, size_t n, size_t from,
	struct added_match *ret);

/* The id of this spelling. UINT32_MAX: none. */
uint32_t added_find(const struct added *a, const char *token);

/* Its spelling, as it stands in the vocabulary. NULL: id is no added token. Borrowed. */
const char *added_content(const struct added *a, uint32_t id, bool *ret_special);

/* Adds text to out without breaks of its own, and with a break inside everything that would
 * become a special token. -ENOSPC, -ETIME, -ENOMEM. */
int added_defuse(const struct added *a, const char *text, size_t n, struct buf *out);

/* Copies s without breaks. */
int added_unbreak(const char *s, size_t n, struct buf *out);
