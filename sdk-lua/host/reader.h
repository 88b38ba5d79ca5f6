/*
 * JSON text straight into Lua values, piece by piece: everything it makes is the app's memory, so
 * that a megabyte of "{},{},…" ends with Lua's own "not enough memory" and not with the worker.
 *
 * null in a list is the light userdata NULL (json.null), a null field is absent, null itself is
 * nil. Two fields of one name, NUL in a string, and what is not UTF-8 are refused. One that
 * is exact loses nothing instead: a null field is json.null too, and text, though no name, may hold
 * NUL. Knows no session.
 */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum reader_state { READER_VALUE, READER_FIRST, READER_AFTER, READER_END };

struct reader {
	const char *text, *at, *end; /* borrowed */
	enum reader_state state;
	int depth;
	lua_Integer filled[JSON_DEPTH_MAX]; /* items of the list that is open there; -1: a map */
	int object_ref; /* registry reference of the metatable that {} gets; 0: none */
	bool exact;
	char words[96];
};

/* object_ref and exact are set afterwards. */
void reader_init(struct reader *r, const char *text, size_t n);

/*
 * Reads up to about steps bytes. 1: the value is on top. 0: not yet; what is open lies on the
 * stack, call again. -EBADMSG: it is not JSON, words say where and why; what was open is still on
 * the stack. [-0, +?, m]
 */
int reader_run(lua_State *L, struct reader *r, int64_t steps);
