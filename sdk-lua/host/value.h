/*
 * Lua values as JSON text and back, under the rules of what a session may keep: nil, booleans,
 * numbers, UTF-8 strings, and tables that are either a list 1..n or a map with string keys.
 *
 * Written straight into a buffer, because a tree of json_t in between would cost more than the
 * rest of an event. Keys of a map are sorted, so the same value always gives the same bytes.
 * Knows no session.
 */
#pragma once

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define VALUE_WORDS 320
#define VALUES_MAX 100000 /* in one value, tables and what they hold */

/* What cannot be written and where it is: "turns[3].reply: a function cannot be kept". */
struct value_why {
	char words[VALUE_WORDS];
};

/* Deepest nesting that value_encode accepts; SESSION_IMAGE_DEPTH_MAX for a session's values. */
struct value_rules {
	int depth_max;
	const void *object_mark; /* metatable (lua_topointer) of a table that is a map where it is
				  * empty; NULL: every table with a metatable is refused */
	bool nul;                /* text may hold NUL; keys may not */
};

/*
 * Appends the value at index as JSON. [-0, +0, m]: may raise for memory, so only from protected
 * code. -EINVAL: why says what is wrong where, beginning with "[3]" or ".name" below the value.
 * -ENOSPC: the buffer's ceiling; why says only where it was met. -ENOMEM.
 */
int value_encode(lua_State *L, int index, const struct value_rules *rules, struct buf *out,
	struct value_why *why);

/* Puts one step of the path before the words: called on the way out of the nesting. */
void value_why_within(struct value_why *why, const char *step);

/*
 * Appends a JSON string. strict: -EINVAL where it is not UTF-8 or holds a NUL; otherwise such
 * bytes become '?'.
 */
int value_add_string(struct buf *out, const char *s, size_t n, bool strict);

/* True when all n bytes are UTF-8 without NUL. */
bool value_is_text(const char *s, size_t n);

/* What the Lua value is to tell of the JSON. */
struct value_form {
	int object_ref; /* registry reference of the metatable that {} gets inside the value; the
			 * value itself has none. 0: none */
	bool nulls;     /* a null field is json.null, not absent */
};

/* [-0, +1, m] Pushes v. null in an array is the light userdata NULL (json.null), null itself is
 * nil. */
void value_push(lua_State *L, const json_t *v, const struct value_form *form);
