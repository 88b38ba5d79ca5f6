/*
 * What the SDK's Lua modules may ask of the host: one table of functions, never visible to apps.
 */
#pragma once

#include <lua.h>

struct session;

/* [-0, +1, m] Pushes the table. */
int bind_open(lua_State *L);

/* What a host function ends with after group_add gave r: raises for what did not fit, waits for a
 * gateway that does not keep up. [-0, +0, v] */
int bind_added(lua_State *L, struct session *s, int r);
