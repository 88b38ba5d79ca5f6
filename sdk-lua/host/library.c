#include "sdk-lua/host/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <time.h>

#include "base/random.h"
#include "sdk-lua/host/coro.h"
#include "sdk-lua/host/strings.h"
#include "sdk-lua/host/tables.h"

#define DATE_FORMAT_MAX 256
#define UTF8_MAX ((size_t)8 << 20)

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

	(void)luaopen_base(L); /* leaves _G, which stays behind: the globals of the SDK's modules */
	lua_pushcfunction(L, strings_tostring);
	lua_setfield(L, -2, "tostring");
	lua_newtable(L);
	take(L, lua_gettop(L) - 1, names);
	lua_remove(L, -2);
	return 1;
}

/* Lua's own functions that ours check the arguments for. */
static lua_CFunction lua_date, lua_codepoint, lua_codes, lua_length, lua_offset;

/* [-0, +0, m] Keeps field name of the table on top in *own and puts ours in its place. */
static void wrap(lua_State *L, const char *name, lua_CFunction *own, lua_CFunction ours)
{
	lua_getfield(L, -1, name);
	*own = lua_tocfunction(L, -1);
	lua_pop(L, 1);
	lua_pushcfunction(L, ours);
	lua_setfield(L, -2, name);
}

/* To the millisecond: nobody needs more to see how long a handler takes, and it would help to
 * measure other tenants. */
static int os_clock(lua_State *L)
{
	lua_pushnumber(L, (double)(clock() / (CLOCKS_PER_SEC / 1000)) / 1000);
	return 1;
}

static int os_date(lua_State *L)
{
	size_t n;

	(void)luaL_optlstring(L, 1, "", &n);
	luaL_argcheck(L, n <= DATE_FORMAT_MAX, 1, "the format is over 256 bytes");
	return lua_date(L);
}

static int open_os(lua_State *L)
{
	static const char *const names[] = {"date", "difftime", "time", NULL};

	(void)luaopen_os(L);
	lua_newtable(L);
	take(L, lua_gettop(L) - 1, names);
	lua_remove(L, -2);
	lua_pushcfunction(L, os_clock);
	lua_setfield(L, -2, "clock");
	wrap(L, "date", &lua_date, os_date);
	return 1;
}

/* These go through a text without a pause. */
static void check_utf8(lua_State *L)
{
	size_t n;

	(void)luaL_checklstring(L, 1, &n);
	luaL_argcheck(L, n <= UTF8_MAX, 1, "the text is over 8 MiB");
}

#define UTF8_FUNCTION(name)                                                                        \
	static int utf8_##name(lua_State *L)                                                       \
	{                                                                                          \
		check_utf8(L);                                                                     \
		return lua_##name(L);                                                              \
	}
UTF8_FUNCTION(codepoint)
UTF8_FUNCTION(codes)
UTF8_FUNCTION(length)
UTF8_FUNCTION(offset)

static int open_utf8(lua_State *L)
{
	(void)luaopen_utf8(L);
	wrap(L, "codepoint", &lua_codepoint, utf8_codepoint);
	wrap(L, "codes", &lua_codes, utf8_codes);
	wrap(L, "len", &lua_length, utf8_length);
	wrap(L, "offset", &lua_offset, utf8_offset);
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
		{"string", strings_open},
		{"table", tables_open},
		{"math", open_math},
		{"utf8", open_utf8},
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
