/*
 * Values of a rendering: JSON, and one object that stands for what is undefined. What Python
 * would say of them: whether they are true, their texts, their order. For this folder.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define VALUE_MAX (1u << 20) /* bytes of one text */

struct run {
	struct err *e;
	json_t *undefined;
	size_t steps; /* taken so far, and what values cost */
};

/* NULL, with words. The first ones stay. */
json_t *value_fail(struct run *run, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Takes steps off what is granted. False: it is spent. */
bool value_spend(struct run *run, size_t steps);

#define STEP_BYTES 256 /* that a step goes over */

/* The same for what is gone over: a text, or the items of a list or the keys of an object. */
bool value_spend_on(struct run *run, const json_t *v);

/* A new text; NULL: too long or out of memory. */
json_t *value_text(struct run *run, const char *s, size_t n);

#define VALUE_DEPTH_MAX 64

/* A deep copy, which costs a step for each part. NULL: too much, or out of memory. Owned. */
json_t *value_copy(struct run *run, json_t *v);

bool value_is_true(const struct run *run, const json_t *v);
bool value_equal(struct run *run, const json_t *a, const json_t *b);

/* Whether a list has v, an object the key, a text the part. */
bool value_contains(struct run *run, const json_t *list, const json_t *v);

/* Numbers (booleans are such), and texts. *ret: below 0, 0, above. False: they have no order, or
 * nothing is left to spend. */
bool value_order(struct run *run, const json_t *a, const json_t *b, int *ret);

/* A whole number or boolean. */
bool value_int(const json_t *v, json_int_t *ret);
bool value_is_number(const json_t *v);

/* str() and repr() of Python, and json.dumps() as transformers calls it (indent 0: one line).
 * -ENOSPC, -ENOMEM. */
int value_write(const struct run *run, const json_t *v, struct buf *out);
int value_repr(const json_t *v, struct buf *out);
int value_json(const json_t *v, size_t indent, struct buf *out);

/* Code points. */
size_t value_length(const char *s, size_t n);
/* The byte at which code point i begins; n where there are fewer. */
size_t value_byte(const char *s, size_t n, size_t i);
