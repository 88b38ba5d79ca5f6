/*
 * JSON from strangers: parsed with jansson under a size and depth limit, read field by field with
 * words that name the field.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 64

static inline void json_unrefp(json_t **v)
{
	json_decref(*v);
}

/*
 * Parses exactly one JSON value of any type. Duplicate keys and NUL in strings are refused.
 * -EMSGSIZE: n is over max. -EBADMSG: not JSON, or nested deeper than JSON_DEPTH_MAX.
 */
int json_parse(const void *text, size_t n, size_t max, json_t **ret, struct err *e);

/* Writes v compactly, keys in insertion order. -ENOSPC at b's ceiling, -ENOMEM. */
int json_write(struct buf *b, const json_t *v);

/*
 * Fields of an object. A missing field: -ENOENT with words; of another type or out of range:
 * -EINVAL with words naming field and limit. Strings are borrowed from o.
 */
int json_get_str(const json_t *o, const char *key, size_t max, const char **ret, struct err *e);
int json_get_int(
	const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *e);

/* The same with a fallback where the field is missing or null; 0 or -EINVAL. */
int json_opt_str(const json_t *o, const char *key, size_t max, const char *fallback,
	const char **ret, struct err *e);
int json_opt_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t fallback,
	int64_t *ret, struct err *e);
bool json_opt_bool(const json_t *o, const char *key, bool fallback);
