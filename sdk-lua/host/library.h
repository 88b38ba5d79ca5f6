/* The parts of Lua's own library that apps and SDK use: nothing that reaches a file, a process,
 * bytecode, or another function's inside. */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes a table like _G. */
int library_open(lua_State *L);
