/*
 * The table of SentencePiece's normalization: byte strings and what stands for them, as a
 * double-array trie (Darts) with a blob of texts. Knows no tokenizer.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

#define CHARSMAP_MAX (8u << 20) /* bytes of one, as base64 */

struct charsmap;

/* base64: the field "precompiled_charsmap". -EBADMSG. -EMSGSIZE. -ENOMEM. Caller owns *ret. */
int charsmap_new(const char *base64, size_t n, struct charsmap **ret, struct err *e);
struct charsmap *charsmap_free(struct charsmap *m);
DEFINE_CLEANUP(struct charsmap *, charsmap_free)

/* What stands for the shortest entry that s begins with; NULL: no entry. Borrowed. */
const char *charsmap_find(const struct charsmap *m, const char *s, size_t n, size_t *ret_n);
