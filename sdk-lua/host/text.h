/*
 * Text that grows in a userdata on a Lua stack, so that it counts as the app's memory, goes with
 * its garbage and survives a pause. In front of the text lies whatever else must survive.
 */
#pragma once

#include <lua.h>
#include <stddef.h>
#include <string.h>

struct text {
	size_t used, cap; /* of the text */
	size_t head;      /* bytes in front of it, a multiple of 8 */
	char bytes[];
};

/* Puts an empty text with room for n bytes into the slot at index (absolute). Borrowed from the
 * slot. [-0, +0, m] */
struct text *text_begin(lua_State *L, int index, size_t head, size_t n);

/* Makes room for n more bytes; returns the text, which may have moved. [-0, +0, m] */
struct text *text_grow(lua_State *L, int index, size_t n);

static inline struct text *text_add(
	lua_State *L, int index, struct text *t, const char *bytes, size_t n)
{
	if (n > t->cap - t->used)
		t = text_grow(L, index, n);
	memcpy(t->bytes + t->head + t->used, bytes, n);
	t->used += n;
	return t;
}

/* [-0, +1, m] Pushes it as a string. */
static inline void text_push(lua_State *L, const struct text *t)
{
	lua_pushlstring(L, t->bytes + t->head, t->used);
}
