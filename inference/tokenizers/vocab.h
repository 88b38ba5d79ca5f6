/* Token strings by id and ids by string. Knows no tokenizer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define VOCAB_MAX (1u << 20)
#define VOCAB_TOKEN_MAX 1024 /* bytes of one token */
#define VOCAB_NONE UINT32_MAX

struct vocab;

/* Makes room for ids below size. -ENOMEM. Caller owns *ret. */
int vocab_new(uint32_t size, struct vocab **ret);
struct vocab *vocab_free(struct vocab *v);
DEFINE_CLEANUP(struct vocab *, vocab_free)

/*
 * Names id; the bytes are copied. find: vocab_find knows it too. -ERANGE: id is not below size.
 * -EEXIST: the id has a name, or find and the name has an id. -EMSGSIZE: over VOCAB_TOKEN_MAX.
 */
int vocab_add(struct vocab *v, uint32_t id, const void *bytes, size_t n, bool find);

/* VOCAB_NONE: there is none. */
uint32_t vocab_find(const struct vocab *v, const void *bytes, size_t n);

/* Goes through the names that s begins with, shortest first: {.s = s, .n = n} to begin. */
struct vocab_prefixes {
	const char *s; /* borrowed */
	size_t n;
	size_t at;  /* bytes of the name found last */
	uint64_t h; /* its own */
};

/* The id of the next one, whose bytes are p->at then. VOCAB_NONE: there is no more. */
uint32_t vocab_next_prefix(const struct vocab *v, struct vocab_prefixes *p);

/* NULL: the id has no name. Borrowed. */
const char *vocab_token(const struct vocab *v, uint32_t id, size_t *ret_n);

uint32_t vocab_size(const struct vocab *v);
