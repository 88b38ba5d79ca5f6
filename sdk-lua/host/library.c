#include "sdk-lua/host/library.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/random.h"
#include "sdk-lua/host/coro.h"

static void take(lua_State *L, int from, const char *const *names)
{
	for (; *names; names++) {
		lua_getfield(L, from, *names);
		lua_setfield(L, -2, *names);
	}
}

static int open_base(lua_State *L)
{
	static const char *const names[] = {"assert", "collectgarbage", "error", "getmetatable",
		"ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset",
		"select", "setmetatable", "tonumber", "tostring", "type", "_VERSION", NULL};

	(void)luaopen_base(L); /* leaves _G, which stays behind in the registry's globals */
	lua_newtable(L);
	take(L, lua_gettop(L) - 1, names);
	lua_remove(L, -2);
	return 1;
}

static int open_os(lua_State *L)
{
	static const char *const names[] = {"clock", "date", "difftime", "time", NULL};

	(void)luaopen_os(L);
	lua_newtable(L);
	take(L, lua_gettop(L) - 1, names);
	lua_remove(L, -2);
	return 1;
}

static int open_string(lua_State *L)
{
	(void)luaopen_string(L);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	return 1;
}

static int open_math(lua_State *L)
{
	lua_Integer seed[2];

	(void)luaopen_math(L);
	random_bytes(seed, sizeof(seed));
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, seed[0]);
	lua_pushinteger(L, seed[1]);
	lua_call(L, 2, 0);
	return 1;
}

int library_open(lua_State *L)
{
	static const luaL_Reg rooms[] = {
		{"string", open_string},
		{"table", luaopen_table},
		{"math", open_math},
		{"utf8", luaopen_utf8},
		{"os", open_os},
		{"coroutine", coro_open},
		{NULL, NULL},
	};

	(void)open_base(L);
	for (const luaL_Reg *r = rooms; r->name; r++) {
		(void)r->func(L);
		lua_setfield(L, -2, r->name);
	}
	return 1;
}
