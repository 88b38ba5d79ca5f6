#include "sdk-lua/host/heap.h"

#include <malloc.h>
#include <stdlib.h>

#define TRIM ((size_t)8 << 20)
#define LARGE_BLOCK (256 << 10)

/* What glibc takes for a block of n bytes: its own word, 16 by 16, at least 32. */
static size_t cost(size_t n)
{
	if (n == 0)
		return 0;
	n = (n + sizeof(size_t) + 15) & ~(size_t)15;
	return n < 32 ? 32 : n;
}

void heap_init(struct heap *h, size_t max)
{
	*h = (struct heap){.max = max};
	/* Fixed, or glibc raises it to 32 MiB with the first large block that is freed: those then
	 * come from its heap, leave holes in it, and are copied when they grow. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

/* What many small blocks leave behind is of no use to a large one: with both, the process would
 * have twice its heap. Only where memory is scarce, because going over all holes takes a
 * millisecond. */
static void give_back(struct heap *h)
{
	if (h->peak <= h->max / 2 || h->peak - h->used < TRIM)
		return;
	(void)malloc_trim(0);
	h->peak = h->used;
}

void *heap_alloc(void *ud, void *block, size_t old_size, size_t new_size)
{
	struct heap *h = ud;
	size_t held = block ? cost(old_size) : 0; /* for a new block old_size tells its kind */
	void *grown;

	if (new_size == 0) {
		free(block);
		h->used -= held;
		give_back(h);
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
	if (h->used > h->peak)
		h->peak = h->used;
	return grown;
}
