/* Regular expressions of pre-tokenizers, on valid UTF-8. The one home of PCRE2. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define PATTERN_MAX 4096 /* bytes of an expression */

struct pattern;

/* -EINVAL: it does not compile, with PCRE2's words. -EMSGSIZE. -ENOMEM. Caller owns *ret. */
int pattern_new(const char *regex, size_t n, struct pattern **ret, struct err *e);

/* The member "pattern" of a step of tokenizer.json: {"Regex": …}, or {"String": …} to be found as
 * it is. -EINVAL, -EMSGSIZE, -ENOMEM. Caller owns *ret. */
int pattern_read(const json_t *config, struct pattern **ret, struct err *e);
struct pattern *pattern_free(struct pattern *p);
DEFINE_CLEANUP(struct pattern *, pattern_free)

/* What all searches in one text may cost together. */
struct pattern_budget {
	uint64_t steps;      /* parts of an expression that are tried, and bytes gone over */
	uint64_t until_usec; /* on this thread's CPU clock, for steps that take long */
	uint32_t unclocked;  /* steps until the clock is read */
};

/* For a text of n bytes: several times what the expressions of known models need. */
void pattern_budget_init(struct pattern_budget *b, size_t n);

/* Finds the next match in s[from, n). 1: found, at [*ret_from, *ret_to). 0: none. -ETIME: it
 * needs more than is left of the budget (NULL: than one of its own), or than 16 MiB. */
int pattern_next(struct pattern *p, const char *s, size_t n, size_t from,
	struct pattern_budget *budget, size_t *ret_from, size_t *ret_to);
