/*
 * Lua source made into a function: text, never bytecode, at most SOURCE_MAX bytes, and no longer
 * than SOURCE_CPU_USEC. Nothing can interrupt the compiler, and there are texts that take it
 * seconds (thousands of labels and gotos).
 */
#pragma once

#include <lua.h>
#include <stddef.h>

#define SOURCE_MAX ((size_t)1 << 20)
#define SOURCE_CPU_USEC 250000

/* name as for lua_load: "@path" or "=words". LUA_OK with the function on top, or a status with
 * words. [-0, +1, -] */
int source_load(lua_State *L, const char *text, size_t n, const char *name);
