/*
 * The memory of one Lua state, with a ceiling. Beyond it Lua collects once and then raises "not
 * enough memory", which ends the handler and not the worker.
 */
#pragma once

#include <stddef.h>

struct heap {
	size_t used; /* bytes Lua holds */
	size_t max;
};

/* A lua_Alloc; ud is a struct heap. */
void *heap_alloc(void *ud, void *block, size_t old_size, size_t new_size);
