#include "sdk-lua/host/heap.h"

#include <stdlib.h>

/* What glibc takes for a block of n bytes: its own word, 16 by 16, at least 32. */
static size_t cost(size_t n)
{
	if (n == 0)
		return 0;
	n = (n + sizeof(size_t) + 15) & ~(size_t)15;
	return n < 32 ? 32 : n;
}

void *heap_alloc(void *ud, void *block, size_t old_size, size_t new_size)
{
	struct heap *h = ud;
	size_t held = block ? cost(old_size) : 0; /* for a new block old_size tells its kind */
	void *grown;

	if (new_size == 0) {
		free(block);
		h->used -= held;
		return NULL;
	}
	if (new_size > HEAP_BLOCK_MAX)
		return NULL;
	if (cost(new_size) > held && cost(new_size) - held > h->max - h->used)
		return NULL;
	grown = realloc(block, new_size);
	if (!grown && block && new_size <= old_size)
		grown = block; /* Lua relies on a block that shrinks */
	if (grown)
		h->used += cost(new_size) - held;
	return grown;
}
