/*
 * What the SDK's Lua modules may ask of the host: one table of functions, never visible to apps.
 */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes the table. */
int bind_open(lua_State *L);

/* [-0, +1, m] Pushes the parts of Lua's own library that apps and SDK use; nothing that reaches a
 * file, a process, bytecode, or another coroutine's inside. */
int bind_library(lua_State *L);
