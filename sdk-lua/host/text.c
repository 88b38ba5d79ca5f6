#include "sdk-lua/host/text.h"

#include <lauxlib.h>

#define FAR_TOO_MUCH ((size_t)1 << 40) /* keeps the sums from overflowing; memory ends before */

struct text *text_begin(lua_State *L, int index, size_t head, size_t n)
{
	struct text *t;

	if (n > FAR_TOO_MUCH)
		luaL_error(L, "not enough memory");
	t = lua_newuserdatauv(L, sizeof(*t) + head + n, 0);
	t->used = 0;
	t->cap = n;
	t->head = head;
	lua_replace(L, index);
	return t;
}

struct text *text_grow(lua_State *L, int index, size_t n)
{
	const struct text *old = lua_touserdata(L, index);
	struct text *t;
	size_t cap;

	if (n > FAR_TOO_MUCH)
		luaL_error(L, "not enough memory");
	cap = old->used + n;
	cap += cap / 2;
	t = lua_newuserdatauv(L, sizeof(*t) + old->head + cap, 0);
	memcpy(t, old, sizeof(*t) + old->head + old->used);
	t->cap = cap;
	lua_replace(L, index);
	return t;
}
