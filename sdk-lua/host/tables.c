#include "sdk-lua/host/tables.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>

#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/text.h"

#define STEPS_A_ROUND 8 /* one element read and written, in steps of a few ns */

enum access { READ = 1, WRITE = 2, LENGTH = 4 };

/* Before a round; true: pause first, but never before the first one. [-0, +0, v] */
static bool is_due(lua_State *L, int64_t *rounds)
{
	if ((*rounds)++ * STEPS_A_ROUND < preempt_look_steps())
		return false;
	*rounds = 0;
	return preempt_due(L);
}

static bool has_field(lua_State *L, const char *name)
{
	lua_pushstring(L, name);
	return lua_rawget(L, -2) != LUA_TNIL;
}

/* As Lua's: a table, or what its metamethods let pass for one. [-0, +0, v] */
static void check_table(lua_State *L, int arg, int access)
{
	int top = lua_gettop(L);
	bool fine = lua_istable(L, arg);

	if (!fine && lua_getmetatable(L, arg)) {
		int mt = lua_gettop(L);

		fine = !(access & READ) || has_field(L, "__index");
		lua_settop(L, mt);
		fine = fine && (!(access & WRITE) || has_field(L, "__newindex"));
		lua_settop(L, mt);
		fine = fine && (!(access & LENGTH) || has_field(L, "__len"));
	}
	lua_settop(L, top);
	if (!fine)
		luaL_checktype(L, arg, LUA_TTABLE);
}

static lua_Integer check_length(lua_State *L, int arg, int access)
{
	check_table(L, arg, access | LENGTH);
	return luaL_len(L, arg);
}

/* --- insert, remove: the list at 1 is shifted by one place --- */

static int insert_again(lua_State *L, int status, lua_KContext at);

/* list, position, value: from at down. */
static int shift_up(lua_State *L, lua_Integer at)
{
	lua_Integer position = lua_tointeger(L, 2);
	int64_t rounds = 0;

	for (; at > position; at--) {
		if (is_due(L, &rounds))
			return preempt_pause(L, at, insert_again);
		lua_geti(L, 1, at - 1);
		lua_seti(L, 1, at);
	}
	lua_seti(L, 1, position);
	return 0;
}

static int insert_again(lua_State *L, int status, lua_KContext at)
{
	(void)status;
	return shift_up(L, at);
}

static int table_insert(lua_State *L)
{
	/* The length may be the largest integer: __len says it. */
	lua_Integer end = (lua_Integer)((lua_Unsigned)check_length(L, 1, READ | WRITE) + 1);
	lua_Integer position;

	if (lua_gettop(L) == 2) {
		lua_seti(L, 1, end);
		return 0;
	}
	if (lua_gettop(L) != 3)
		return luaL_error(L, "wrong number of arguments to 'insert'");
	position = luaL_checkinteger(L, 2);
	luaL_argcheck(
		L, (lua_Unsigned)position - 1u < (lua_Unsigned)end, 2, "position out of bounds");
	return shift_up(L, end);
}

static int remove_again(lua_State *L, int status, lua_KContext at);

/* list, length, removed value: from at up. */
static int shift_down(lua_State *L, lua_Integer at)
{
	lua_Integer length = lua_tointeger(L, 2);
	int64_t rounds = 0;

	for (; at < length; at++) {
		if (is_due(L, &rounds))
			return preempt_pause(L, at, remove_again);
		lua_geti(L, 1, at + 1);
		lua_seti(L, 1, at);
	}
	lua_pushnil(L);
	lua_seti(L, 1, at);
	return 1;
}

static int remove_again(lua_State *L, int status, lua_KContext at)
{
	(void)status;
	return shift_down(L, at);
}

static int table_remove(lua_State *L)
{
	lua_Integer length = check_length(L, 1, READ | WRITE);
	lua_Integer position = luaL_optinteger(L, 2, length);

	/* The number in these words is Lua's own. */
	if (position != length)
		luaL_argcheck(L, (lua_Unsigned)position - 1u <= (lua_Unsigned)length, 1,
			"position out of bounds");
	lua_settop(L, 1);
	lua_pushinteger(L, length);
	lua_geti(L, 1, position);
	return shift_down(L, position);
}

/* --- move --- */

static int move_again(lua_State *L, int status, lua_KContext at);

/* source, first, last, to, target: element at of the move; below 0: -1 - at, downwards. */
static int move_on(lua_State *L, lua_Integer at)
{
	lua_Integer first = lua_tointeger(L, 2), to = lua_tointeger(L, 4);
	lua_Integer n = lua_tointeger(L, 3) - first + 1;
	bool down = at < 0;
	int64_t rounds = 0;

	for (lua_Integer i = down ? -1 - at : at; down ? i >= 0 : i < n; i += down ? -1 : 1) {
		if (is_due(L, &rounds))
			return preempt_pause(L, down ? -1 - i : i, move_again);
		lua_geti(L, 1, first + i);
		lua_seti(L, 5, to + i);
	}
	lua_pushvalue(L, 5);
	return 1;
}

static int move_again(lua_State *L, int status, lua_KContext at)
{
	(void)status;
	return move_on(L, at);
}

static int table_move(lua_State *L)
{
	lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
	lua_Integer to = luaL_checkinteger(L, 4);
	int target = lua_isnoneornil(L, 5) ? 1 : 5;
	bool same = true;

	check_table(L, 1, READ);
	check_table(L, target, WRITE);
	if (last < first) {
		lua_pushvalue(L, target);
		return 1;
	}
	luaL_argcheck(
		L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
	luaL_argcheck(
		L, to <= LUA_MAXINTEGER - (last - first + 1) + 1, 4, "destination wrap around");
	if (to <= last && to > first && target == 5)
		same = lua_compare(L, 1, 5, LUA_OPEQ);
	lua_settop(L, 5);
	if (target == 1) {
		lua_pushvalue(L, 1);
		lua_replace(L, 5);
	}
	/* Towards higher places of the same list: from the end, or it would overwrite itself. */
	return move_on(L, to <= last && to > first && same ? -1 - (last - first) : 0);
}

/* --- concat --- */

#define LAST 3
#define OUT 4

static int concat_again(lua_State *L, int status, lua_KContext at);

/* list, separator, last, text so far. */
static int concat_on(lua_State *L, lua_Integer at)
{
	size_t n;
	const char *between = lua_tolstring(L, 2, &n);
	struct text *out = lua_touserdata(L, OUT);
	lua_Integer last = lua_tointeger(L, LAST);
	int64_t rounds = 0;

	for (; at <= last; at++) {
		const char *item;
		size_t n_item;

		if (is_due(L, &rounds))
			return preempt_pause(L, at, concat_again);
		lua_geti(L, 1, at);
		item = lua_tolstring(L, -1, &n_item);
		if (!item)
			return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'",
				luaL_typename(L, -1), (LUAI_UACINT)at);
		out = text_add(L, OUT, out, item, n_item);
		lua_pop(L, 1);
		if (at == last)
			break;
		out = text_add(L, OUT, out, between, n);
	}
	text_push(L, out);
	return 1;
}

static int concat_again(lua_State *L, int status, lua_KContext at)
{
	(void)status;
	return concat_on(L, at);
}

static int table_concat(lua_State *L)
{
	lua_Integer last = check_length(L, 1, READ), at;

	(void)luaL_optstring(L, 2, "");
	at = luaL_optinteger(L, 3, 1);
	last = luaL_optinteger(L, 4, last);
	lua_settop(L, OUT);
	if (lua_isnil(L, 2)) {
		lua_pushliteral(L, "");
		lua_replace(L, 2);
	}
	lua_pushinteger(L, last);
	lua_replace(L, LAST);
	(void)text_begin(L, OUT, 0, 200);
	return concat_on(L, at);
}

int tables_open(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{"concat", table_concat},
		{"insert", table_insert},
		{"move", table_move},
		{"remove", table_remove},
		{NULL, NULL},
	};

	(void)luaopen_table(L);
	luaL_setfuncs(L, ours, 0);
	return 1;
}
