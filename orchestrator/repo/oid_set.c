#include "orchestrator/repo/oid_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 256

void oid_set_init(struct oid_set *s, size_t max)
{
	*s = (struct oid_set){.max = max};
}

void oid_set_done(struct oid_set *s)
{
	free(s->slots);
	*s = (struct oid_set){.max = s->max};
}

/* Where it is, or the free slot for it. An id is a hash already; who makes ids that collide here
 * only slows a push of his own down, and it is bounded. */
static struct oid_note *slot_of(struct oid_note *slots, size_t cap, const git_oid *oid)
{
	uint64_t start;

	memcpy(&start, oid->id + 4, sizeof(start));
	for (size_t i = (size_t)start & (cap - 1);; i = (i + 1) & (cap - 1))
		if (!slots[i].used || git_oid_equal(&slots[i].oid, oid))
			return &slots[i];
}

struct oid_note *oid_set_find(const struct oid_set *s, const git_oid *oid)
{
	struct oid_note *slot = s->cap ? slot_of(s->slots, s->cap, oid) : NULL;

	return slot && slot->used ? slot : NULL;
}

static int grow(struct oid_set *s)
{
	size_t cap = s->cap ? 2 * s->cap : CAP_FIRST;
	struct oid_note *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].used)
			*slot_of(slots, cap, &s->slots[i].oid) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
	return 0;
}

int oid_set_add(struct oid_set *s, const git_oid *oid, struct oid_note **ret)
{
	struct oid_note *slot = oid_set_find(s, oid);

	if (slot) {
		*ret = slot;
		return 0;
	}
	if (s->n == s->max)
		return -E2BIG;
	if (s->n * 2 >= s->cap && grow(s) < 0)
		return -ENOMEM;
	slot = slot_of(s->slots, s->cap, oid);
	*slot = (struct oid_note){.oid = *oid, .used = true};
	s->n++;
	*ret = slot;
	return 0;
}
