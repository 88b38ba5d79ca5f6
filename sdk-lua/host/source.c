#include "sdk-lua/host/source.h"

#include <lauxlib.h>
#include <stdint.h>

#include "base/clock.h"

#define PIECE 4096 /* bytes between two looks at the clock */

struct source_text {
	const char *at;
	size_t left;
	uint64_t began_usec;
};

/* A lua_Reader. */
static const char *next_piece(lua_State *L, void *data, size_t *ret_n)
{
	struct source_text *s = data;
	const char *piece = s->at;
	size_t n = s->left < PIECE ? s->left : PIECE;

	if (clock_cpu_usec() - s->began_usec > SOURCE_CPU_USEC)
		luaL_error(L, "the source takes too long to compile");
	s->at += n;
	s->left -= n;
	*ret_n = n;
	return n ? piece : NULL;
}

int source_load(lua_State *L, const char *text, size_t n, const char *name)
{
	struct source_text s = {.at = text, .left = n, .began_usec = clock_cpu_usec()};

	if (n > SOURCE_MAX) {
		lua_pushfstring(L, "%s: the source is over %d KiB", name + 1, SOURCE_MAX >> 10);
		return LUA_ERRSYNTAX;
	}
	return lua_load(L, next_piece, &s, name, "t");
}
