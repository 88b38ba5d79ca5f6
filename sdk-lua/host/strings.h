/*
 * The string library of apps: Lua's own, but for the functions that could hold the processor or
 * tell an address. Patterns run on match.h, pause when the slice is over and end with an error once
 * they took more steps than any sensible one does.
 */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes the library's table; also makes it the index of strings. */
int strings_open(lua_State *L);

/* tostring: as Lua's, with a number in place of an address. [-0, +1, e] */
int strings_tostring(lua_State *L);
