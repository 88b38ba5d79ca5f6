/*
 * The memory of one Lua state, with a ceiling. Beyond it Lua collects once and then raises "not
 * enough memory", which ends the handler and not the worker.
 *
 * Counted as malloc takes it, so that many small blocks do not come to more than the box has.
 */
#pragma once

#include <stddef.h>

/* The largest string or part of a table. It bounds what one copy, comparison or rehash takes, and
 * nothing can interrupt those. */
#define HEAP_BLOCK_MAX ((size_t)64 << 20)

struct heap {
	size_t used; /* bytes Lua holds */
	size_t max;
	size_t peak; /* of used, since memory was last given back to the kernel */
};

/* Also sets how the whole process allocates large blocks. */
void heap_init(struct heap *h, size_t max);

/* A lua_Alloc; ud is a struct heap. */
void *heap_alloc(void *ud, void *block, size_t old_size, size_t new_size);
