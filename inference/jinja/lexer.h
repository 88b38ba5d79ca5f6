/* A template's text to words, with white space around blocks taken away. For this folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum word_kind {
	WORD_TEXT,  /* between tags: s, n */
	WORD_BLOCK, /* {% */
	WORD_BLOCK_END,
	WORD_OUTPUT, /* {{ */
	WORD_OUTPUT_END,
	WORD_NAME,
	WORD_STRING, /* with its quotes and escapes */
	WORD_NUMBER,
	WORD_SIGN, /* operators and brackets */
	WORD_END,
};

struct word {
	enum word_kind kind;
	const char *s; /* borrowed from the template's text */
	size_t n;
	int line;
};

struct words {
	struct word *list; /* owned; the last one is WORD_END */
	size_t n, cap;
};

/* text (\n only) must outlive *ret. -ENOTSUP: with words and the line. -EMSGSIZE. -ENOMEM. */
int words_read(const char *text, size_t n, struct words *ret, struct err *e);
void words_done(struct words *w);
