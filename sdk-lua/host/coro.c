#include "sdk-lua/host/coro.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sdk-lua/host/inside.h"
#include "sdk-lua/host/preempt.h"

#define OK_AND_VALUES 0 /* context of resume: true, values or false, error */
#define ONLY_VALUES 1   /* context of wrap: values or a raise */

/* A coroutine that the host took out of the middle belongs to the handler that ran it: the lowest
 * bit of its extra space says so. Another handler that found it must not go on with it. */
static bool is_taken(lua_State *co)
{
	return *(uintptr_t *)lua_getextraspace(co) & 1;
}

static void set_taken(lua_State *co, bool taken)
{
	uintptr_t *space = lua_getextraspace(co);

	*space = (*space & ~(uintptr_t)1) | taken;
}

void coro_claim(lua_State *L)
{
	set_taken(L, true);
}

static int give_error(lua_State *L, lua_State *co, lua_KContext how)
{
	lua_xmove(co, L, 1);
	if (how == OK_AND_VALUES) {
		lua_pushboolean(L, 0);
		lua_insert(L, -2);
		return 2;
	}
	if (lua_type(L, -1) == LUA_TSTRING) {
		/* As Lua's own wrap: where it came out is part of the words. */
		const char *s = lua_tostring(L, -1);

		if (!strchr(s, ':')) {
			luaL_where(L, 1);
			lua_insert(L, -2);
			lua_concat(L, 2);
		}
	}
	return lua_error(L);
}

static int give_values(lua_State *L, lua_State *co, int n, lua_KContext how)
{
	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		return luaL_error(L, "too many results to resume");
	}
	if (how == OK_AND_VALUES)
		lua_pushboolean(L, 1);
	lua_xmove(co, L, n);
	return how == OK_AND_VALUES ? n + 1 : n;
}

static int drive_again(lua_State *L, int status, lua_KContext how);

/* Runs co, which is at index 1 of L, until it returns, raises, or yields for the app. */
static int drive(lua_State *L, lua_State *co, int n_args, lua_KContext how)
{
	for (;;) {
		lua_State *before = preempt_swap(co);
		int n = 0, status;

		preempt_yield(YIELD_APP);
		status = lua_resume(co, L, n_args, &n);
		preempt_swap(before);
		if (status == LUA_OK || (status == LUA_YIELD && preempt_why() == YIELD_APP))
			return give_values(L, co, n, how);
		if (status != LUA_YIELD)
			return give_error(L, co, how);
		lua_pop(co, n);
		if (lua_isyieldable(L)) {
			set_taken(co, true);
			return lua_yieldk(L, 0, how, drive_again);
		}
		if (preempt_why() == YIELD_WAIT)
			return luaL_error(
				L, "cannot wait inside a library function that calls back");
		if (preempt_stalled())
			return preempt_raise(L);
		n_args = 0;
	}
}

static int drive_again(lua_State *L, int status, lua_KContext how)
{
	lua_State *co = lua_tothread(L, 1);

	(void)status;
	lua_settop(L, 1);
	set_taken(co, false);
	return drive(L, co, 0, how);
}

static int begin(lua_State *L, lua_State *co, int n_args, lua_KContext how)
{
	const char *why = NULL;

	if (is_taken(co))
		why = co == L ? "cannot resume non-suspended coroutine"
			      : "cannot resume a coroutine that a handler is in";
	else if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		why = "cannot resume dead coroutine";
	else if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD)
		why = "cannot resume dead coroutine";
	else if (!lua_checkstack(co, n_args))
		why = "too many arguments to resume";
	if (why) {
		if (how == ONLY_VALUES)
			return luaL_error(L, "%s", why);
		lua_pushboolean(L, 0);
		lua_pushstring(L, why);
		return 2;
	}
	lua_xmove(L, co, n_args);
	return drive(L, co, n_args, how);
}

static int co_resume(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);

	luaL_argexpected(L, co, 1, "coroutine");
	return begin(L, co, lua_gettop(L) - 1, OK_AND_VALUES);
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));

	/* drive expects it at index 1 */
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return begin(L, co, lua_gettop(L) - 1, ONLY_VALUES);
}

static int co_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	co = lua_newthread(L);
	set_taken(co, false);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int co_wrap(lua_State *L)
{
	(void)co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

static int emitted(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

/* In the handler's own coroutine a yield shows its values: see emit in bind.c. */
static int co_yield (lua_State *L)
{
	struct task *t = worker_of(L)->current;
	int n = lua_gettop(L);

	if (!t || L != t->thread) {
		preempt_yield(YIELD_APP);
		return lua_yield(L, n);
	}
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &t->emit_key) != LUA_TFUNCTION)
		return luaL_error(L, "nothing takes what is yielded here: in a handler of ui.page "
				     "set components instead");
	lua_insert(L, 1);
	lua_callk(L, n, 0, 0, emitted);
	return 0;
}

int coro_open(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{"create", co_create},
		{"resume", co_resume},
		{"wrap", co_wrap},
		{"yield", co_yield },
		{NULL, NULL},
	};

	(void)luaopen_coroutine(L); /* status, isyieldable, running stay */
	luaL_setfuncs(L, ours, 0);
	/* In Lua 5.4.4 a yield inside a __close that close runs is not contained. */
	lua_pushnil(L);
	lua_setfield(L, -2, "close");
	return 1;
}
