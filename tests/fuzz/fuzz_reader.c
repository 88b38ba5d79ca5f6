/*
 * JSON into Lua values against jansson: the same texts are taken, with the same values, however
 * small the pieces are that are read at a time. And what the exact reader takes is written as a
 * text that it reads as the same: nothing is lost on a program's way to an app and back.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sdk-lua/host/reader.h"
#include "sdk-lua/host/value.h"
#include "tests/support/fuzz.h"

static size_t count(lua_State *L, int table)
{
	size_t n = 0;

	lua_pushnil(L);
	while (lua_next(L, table)) {
		lua_pop(L, 1);
		n++;
	}
	return n;
}

/* The values at a and b, all the way down. */
static bool same(lua_State *L, int a, int b)
{
	bool equal = true;

	luaL_checkstack(L, 8, NULL);
	a = lua_absindex(L, a);
	b = lua_absindex(L, b);
	if (!lua_istable(L, a) || !lua_istable(L, b))
		return lua_isinteger(L, a) == lua_isinteger(L, b) && lua_rawequal(L, a, b);
	if (count(L, a) != count(L, b))
		return false;
	lua_pushnil(L);
	while (equal && lua_next(L, a)) {
		lua_pushvalue(L, -2);
		(void)lua_rawget(L, b);
		equal = same(L, -2, -1);
		lua_pop(L, 2);
	}
	lua_pop(L, equal ? 0 : 1);
	return equal;
}

/* 1: read, the value on top; otherwise what the reader said. */
static int read_text(lua_State *L, const char *text, size_t n, int64_t steps)
{
	struct reader r;
	int result;

	reader_init(&r, text, n);
	do
		result = reader_run(L, &r, steps);
	while (result == 0);
	if (result < 0)
		MUST(memchr(r.words, '\0', sizeof(r.words)));
	return result;
}

/* What jansson takes and we do not: numbers of over 127 characters, and a NUL between tokens. */
static bool is_ours_to_refuse(const char *text, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n; i++) {
		if (!text[i])
			return true;
		run = strchr("0123456789+-.eE", text[i]) ? run + 1 : 0;
		if (run > 127)
			return true;
	}
	return false;
}

/* Reads exactly and writes; false: one of both refuses it. The value is left on top. */
static bool pass(lua_State *L, int object_ref, const char *text, size_t n, struct buf *out)
{
	struct value_rules rules = {.depth_max = JSON_DEPTH_MAX, .nul = true};
	struct value_why why;
	struct reader r;

	reader_init(&r, text, n);
	r.object_ref = object_ref;
	r.exact = true;
	if (reader_run(L, &r, INT64_MAX) < 0)
		return false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, object_ref);
	rules.object_mark = lua_topointer(L, -1);
	lua_pop(L, 1);
	return value_encode(L, -1, &rules, out, &why) == 0;
}

static void check_exact(lua_State *L, const char *text, size_t n)
{
	struct buf once, twice;
	int object_ref;

	buf_init(&once, 8 << 20);
	buf_init(&twice, 8 << 20);
	lua_settop(L, 0);
	lua_newtable(L);
	object_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (pass(L, object_ref, text, n, &once)) {
		lua_settop(L, 0);
		MUST(pass(L, object_ref, buf_str(&once), once.len, &twice));
		MUST(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	buf_done(&once);
	buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	lua_State *L = luaL_newstate();
	const char *text = (const char *)data;
	json_t *want = NULL;
	int whole;

	MUST(L);
	whole = read_text(L, text, size, INT64_MAX);
	if (whole < 0)
		lua_settop(L, 0);
	MUST(read_text(L, text, size, 1) == whole);
	if (whole == 1)
		MUST(lua_gettop(L) == 2 && same(L, 1, 2));
	if (json_parse(text, size, 1 << 20, &want, NULL) == 0) {
		MUST(whole == 1 || is_ours_to_refuse(text, size));
		if (whole == 1) {
			value_push(L, want, &(struct value_form){0});
			MUST(same(L, 1, -1));
		}
	} else if (whole == 1) {
		/* A field that is null is absent, so the second of its name is not seen. */
		want = json_loadb(text, size, JSON_DECODE_ANY, NULL);
		MUST(want);
	}
	json_decref(want);
	check_exact(L, text, size);
	lua_close(L);
	return 0;
}
