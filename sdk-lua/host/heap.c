#include "sdk-lua/host/heap.h"

#include <stdlib.h>

void *heap_alloc(void *ud, void *block, size_t old_size, size_t new_size)
{
	struct heap *h = ud;
	size_t held = block ? old_size : 0; /* for a new block old_size tells its kind */
	void *grown;

	if (new_size == 0) {
		free(block);
		h->used -= held;
		return NULL;
	}
	if (new_size > held && new_size - held > h->max - h->used)
		return NULL;
	grown = realloc(block, new_size);
	if (grown)
		h->used += new_size - held;
	return grown;
}
