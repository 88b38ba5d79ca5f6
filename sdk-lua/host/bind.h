/*
 * What the SDK's Lua modules may ask of the host: one table of functions, never visible to apps.
 */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes the table. */
int bind_open(lua_State *L);
