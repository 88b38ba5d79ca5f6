/*
 * JSON into Lua values against jansson: the same texts are taken, with the same values, however
 * small the pieces are that are read at a time.
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
			value_push(L, want);
			MUST(same(L, 1, -1));
		}
	} else if (whole == 1) {
		/* A field that is null is absent, so the second of its name is not seen. */
		want = json_loadb(text, size, JSON_DECODE_ANY, NULL);
		MUST(want);
	}
	json_decref(want);
	lua_close(L);
	return 0;
}
