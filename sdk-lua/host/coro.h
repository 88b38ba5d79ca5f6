/*
 * The coroutine library of apps. resume, wrap and yield are ours: when the host takes the
 * processor back, or a model call waits, inside a coroutine of the app, the whole handler must go
 * to the scheduler, not the app's resume return.
 */
#pragma once

#include <lua.h>

/* [-0, +1, m] Pushes the library's table. */
int coro_open(lua_State *L);

/* Only the scheduler resumes L: an app that finds it by coroutine.running must not. */
void coro_claim(lua_State *L);
