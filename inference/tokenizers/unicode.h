/*
 * UTF-8 and the properties of code points that tokenizers ask for; the home of libutf8proc, whose
 * Unicode is the one of all tokenizers. Knows no tokenizer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define UNICODE_REPLACEMENT 0xfffd

/*
 * Reads one code point (RFC 3629). Returns its bytes, 1 to 4; 0: the n bytes are the beginning of
 * one that needs more; -1: the first byte begins none.
 */
int utf8_read(const char *s, size_t n, uint32_t *ret);

/* Writes 1 to 4 bytes; returns how many. */
size_t utf8_write(uint32_t c, char ret[4]);

bool utf8_valid(const char *s, size_t n);

/* Appends one code point. -ENOSPC, -ENOMEM. */
int utf8_add(struct buf *b, uint32_t c);

bool unicode_is_space(uint32_t c);       /* property White_Space */
bool unicode_is_punctuation(uint32_t c); /* category P */
bool unicode_is_nonspacing(uint32_t c);  /* category Mn */
bool unicode_is_other(uint32_t c);       /* categories Cc, Cf, Co */
bool unicode_is_mark(uint32_t c);        /* category M */
bool unicode_is_number(uint32_t c);      /* category N */
bool unicode_is_word(uint32_t c);        /* \w of Unicode Technical Standard 18 */
bool unicode_is_ideograph(uint32_t c);   /* what tokenizers sets apart for BERT as CJK */

/* Appends the lower case of c: one or two code points. */
int unicode_add_lower(struct buf *b, uint32_t c);

enum unicode_form {
	UNICODE_NFD,
	UNICODE_NFC,
	UNICODE_NFKD,
	UNICODE_NFKC,
};

/* Appends valid UTF-8 in a normal form (Unicode Standard Annex 15). -EINVAL: it is not valid.
 * -ENOSPC, -ENOMEM. */
int unicode_add_form(struct buf *b, enum unicode_form form, const char *s, size_t n);

/* The same as changes of the text's characters (traced.h). */
struct changes;
int unicode_change_form(struct changes *changes, enum unicode_form form, const char *s, size_t n);

/* The end of the grapheme cluster (Unicode Standard Annex 29) that begins at s[0]. n > 0. */
size_t unicode_grapheme(const char *s, size_t n);
