/*
 * Our patterns against Lua's own library, pausing all the time: the same results and the same
 * words. Input: what to call and how often to pause, the length of the pattern, the pattern, the
 * text.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/strings.h"
#include "tests/support/fuzz.h"

#define TEXT_MAX 100
#define PATTERN_MAX 40
#define PAUSES_MAX 200

static const char *const functions[] = {"find", "match", "gsub", "gsub", "gmatch", "find"};

enum { GSUB_TEMPLATE = 2, GSUB_CALLBACK = 3, WALK = 4, FIND_FROM = 5 };

/* Puts function and arguments of one call on co; lib is the library at 1. Returns how many. */
static int push_call(
	lua_State *co, unsigned int kind, const char *p, size_t n_p, const char *s, size_t n_s)
{
	lua_getfield(co, 1, functions[kind]);
	lua_remove(co, 1);
	lua_pushlstring(co, s, n_s);
	lua_pushlstring(co, p, n_p);
	switch (kind) {
	case GSUB_TEMPLATE:
		lua_pushliteral(co, "<%0%1%%>");
		return 3;
	case GSUB_CALLBACK:
		lua_getfield(co, LUA_REGISTRYINDEX, "callback");
		return 3;
	case FIND_FROM:
		lua_pushinteger(co, -3);
		return 3;
	default:
		return 2;
	}
}

/* The replacement: the second capture, or how many there are. */
static int callback(lua_State *L)
{
	if (lua_toboolean(L, 2))
		lua_pushvalue(L, 2);
	else
		lua_pushfstring(L, "(%d)", lua_gettop(L));
	return 1;
}

/* Runs co to its end, over all pauses. -1: that would take too long. */
static int run(lua_State *co, lua_State *L, int n_args)
{
	int n, status = LUA_YIELD;

	for (int i = 0; status == LUA_YIELD; i++, n_args = 0) {
		if (i == PAUSES_MAX)
			return -1;
		preempt_begin(co, false);
		status = lua_resume(co, L, n_args, &n);
		preempt_end();
		if (status == LUA_YIELD)
			lua_pop(co, n);
	}
	return status;
}

/* What the call gave, or its error, as one string. [-0, +1] on L */
static void describe(lua_State *L, lua_State *co, int status)
{
	int first = status == LUA_OK ? 1 : lua_gettop(co);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	luaL_addstring(&b, status == LUA_OK ? "ok" : "error");
	for (int i = first; i <= lua_gettop(co); i++) {
		size_t n = 0;
		const char *text = lua_isstring(co, i) ? lua_tolstring(co, i, &n) : "";

		luaL_addchar(&b, '\1');
		luaL_addstring(&b, lua_typename(co, lua_type(co, i)));
		luaL_addlstring(&b, text, n);
	}
	luaL_pushresult(&b);
}

/* The iterator that is all of co's stack: three rounds of it, added to the string on L. */
static int walk(lua_State *L, lua_State *co)
{
	int status = LUA_OK;

	for (int i = 0; i < 3 && status == LUA_OK; i++) {
		lua_settop(co, 1);
		lua_pushvalue(co, 1);
		lua_xmove(co, L, 1); /* a call takes the function away */
		status = run(co, L, 0);
		if (status < 0)
			return -1;
		lua_insert(L, -2);
		describe(L, co, status);
		lua_concat(L, 2);
		lua_insert(L, -2);
		lua_settop(co, 0);
		lua_xmove(L, co, 1);
	}
	return 0;
}

/* Calls in a coroutine of its own. [-0, +1]; -1: too long, [-0, +0] */
static int outcome(lua_State *L, int lib, unsigned int kind, const char *p, size_t n_p,
	const char *s, size_t n_s)
{
	int top = lua_gettop(L), status;
	lua_State *co = lua_newthread(L);

	lua_pushvalue(L, lib);
	lua_xmove(L, co, 1);
	status = run(co, L, push_call(co, kind, p, n_p, s, n_s));
	if (status >= 0) {
		describe(L, co, status);
		if (status == LUA_OK && kind == WALK && walk(L, co) < 0)
			status = -1;
	}
	if (status >= 0)
		lua_replace(L, top + 1); /* the coroutine */
	lua_settop(L, status < 0 ? top : top + 1);
	return status < 0 ? -1 : 0;
}

/* Lua's library at 1, ours at 2. */
static lua_State *open_both(void)
{
	lua_State *L = luaL_newstate();

	MUST(L);
	(void)luaopen_string(L);
	(void)strings_open(L);
	lua_pushcfunction(L, callback);
	lua_setfield(L, LUA_REGISTRYINDEX, "callback");
	return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static lua_State *L;
	struct preempt_limits limits = {.stall_usec = UINT64_MAX, .hang_usec = 1ull << 62};
	unsigned int kind;
	const char *p;
	size_t n_p;

	if (!L)
		L = open_both();
	if (size < 2 || size > 2 + PATTERN_MAX + TEXT_MAX)
		return 0;
	kind = data[0] % (sizeof(functions) / sizeof(functions[0]));
	limits.look_steps = 1 + data[0] / 8;
	MUST(preempt_arm(&limits) == 0);
	n_p = data[1] % (PATTERN_MAX + 1);
	if (n_p > size - 2)
		n_p = size - 2;
	p = (const char *)data + 2;
	if (outcome(L, 2, kind, p, n_p, p + n_p, size - 2 - n_p) == 0) {
		MUST(outcome(L, 1, kind, p, n_p, p + n_p, size - 2 - n_p) == 0);
		MUST(lua_rawequal(L, -1, -2));
	}
	lua_settop(L, 2);
	preempt_disarm();
	return 0;
}
