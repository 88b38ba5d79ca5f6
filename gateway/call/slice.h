/*
 * Pieces of a JSON text, without building anything: values that are passed on as they came, so that
 * no number changes and nothing is paid for what nobody looks at. For texts that
 * json_text_valid_nul has found well formed; of others the pieces are anything, but never outside
 * the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const uint8_t *at; /* borrowed; without spaces around it. NULL: there is none */
	size_t n;
};

struct slice slice_of(const void *text, size_t n);

struct slice_walk {
	const uint8_t *at, *end;
	bool object;
};

/* False: neither an array nor an object. */
bool slice_walk_begin(struct slice value, struct slice_walk *ret);
/* The next element, or member with its key in quotes. False: there is none. key may be NULL. */
bool slice_walk_next(struct slice_walk *w, struct slice *ret_key, struct slice *ret_value);

/* Elements of an array or members of an object; 0 of anything else. */
size_t slice_count(struct slice value);

/* The last member of that name, which is written without escapes. */
struct slice slice_member(struct slice object, const char *key);

bool slice_is_null(struct slice s); /* also where there is none */
bool slice_is_string(struct slice s, const char *text);

/*
 * A string that is written without escapes, up to size - 1 bytes. False: it is none, longer, or
 * has escapes.
 */
bool slice_text(struct slice s, char *ret, size_t size);

/* A whole number from 0 to max. */
bool slice_number(struct slice s, uint64_t max, uint64_t *ret);
