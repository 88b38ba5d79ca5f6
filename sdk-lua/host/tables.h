/*
 * The table library of apps: Lua's own, with loops that pause when the slice is over. How many
 * rounds they go is up to an app: a length may be whatever __len says.
 */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes the library's table. sort is left as Lua's own: vitrine.start has a wrapper.
 */
int tables_open(lua_State *L);
