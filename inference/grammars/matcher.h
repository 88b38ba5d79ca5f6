/*
 * A text on its way through a grammar: which tokens may come next.
 *
 * All ways that the text may have taken so far are followed at once, each a place in the rules and
 * what is to come after it. A token is tried byte by byte. Bounded in ways and depth: what would
 * need more may not come. Knows no model.
 */
#pragma once

#include "inference/grammars/grammar.h"

#define MATCHER_TOKEN_MAX 128 /* bytes of a token; a longer one may not come */

struct matcher;

/* Borrows g. NULL: out of memory. */
struct matcher *matcher_new(const struct grammar *g);
struct matcher *matcher_free(struct matcher *m);
DEFINE_CLEANUP(struct matcher *, matcher_free)

bool matcher_ends(const struct matcher *m);      /* the text may end here */
bool matcher_is_done(const struct matcher *m);   /* nothing can follow */
uint32_t matcher_least(const struct matcher *m); /* bytes that it needs at least to end */

/* Whether the bytes may come next, and the text end at most most bytes after them. */
bool matcher_tries(struct matcher *m, const char *bytes, size_t n, uint32_t most);
/* They have come. False: they may not; the text stays as it is. */
bool matcher_takes(struct matcher *m, const char *bytes, size_t n);

/* Tokens by their bytes in order, so that those that begin alike are tried together. */
struct lexicon;

struct spelling {
	const char *bytes; /* borrowed; NULL: the token may never come */
	uint32_t n;
};

struct lexicon *lexicon_new(const struct spelling *of, uint32_t n);
struct lexicon *lexicon_free(struct lexicon *l);
DEFINE_CLEANUP(struct lexicon *, lexicon_free)

/* Calls may for every token that may come next as in matcher_tries. */
void matcher_each(struct matcher *m, const struct lexicon *l, uint32_t most,
	void (*may)(uint32_t token, void *data), void *data);
