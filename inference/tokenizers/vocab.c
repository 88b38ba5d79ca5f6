#include "inference/tokenizers/vocab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

struct name {
	char *bytes; /* owned; NULL: the id has none */
	uint32_t n;
};

struct vocab {
	struct name *names; /* owned; size of them, by id */
	uint32_t size;
	uint32_t *slots; /* owned; open addressing, VOCAB_NONE is free */
	uint32_t mask;
	uint32_t longest; /* bytes of the longest name that can be found */
	uint64_t seed;    /* so that a vocabulary cannot be made to collide */
};

int vocab_new(uint32_t size, struct vocab **ret)
{
	struct vocab *v = calloc(1, sizeof(*v));
	uint32_t slots = 64;

	while (slots < size * 2)
		slots *= 2;
	if (!v)
		return -ENOMEM;
	v->size = size;
	v->mask = slots - 1;
	random_bytes(&v->seed, sizeof(v->seed));
	v->names = calloc(size ? size : 1, sizeof(*v->names));
	v->slots = malloc(slots * sizeof(*v->slots));
	if (!v->names || !v->slots) {
		(void)vocab_free(v);
		return -ENOMEM;
	}
	memset(v->slots, 0xff, slots * sizeof(*v->slots));
	*ret = v;
	return 0;
}

struct vocab *vocab_free(struct vocab *v)
{
	if (!v)
		return NULL;
	for (uint32_t i = 0; v->names && i < v->size; i++)
		free(v->names[i].bytes);
	free(v->names);
	free(v->slots);
	free(v);
	return NULL;
}

static uint64_t hash_byte(uint64_t h, uint8_t byte)
{
	h ^= byte;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* The slot that holds the name with this hash, or the free one where it would go. */
static uint32_t *find_slot(const struct vocab *v, uint64_t h, const void *bytes, size_t n)
{
	uint32_t at = (uint32_t)h & v->mask;

	for (;; at = (at + 1) & v->mask) {
		uint32_t id = v->slots[at];

		if (id == VOCAB_NONE ||
			(v->names[id].n == n && !memcmp(v->names[id].bytes, bytes, n)))
			return &v->slots[at];
	}
}

static uint64_t hash(const struct vocab *v, const uint8_t *bytes, size_t n)
{
	uint64_t h = v->seed;

	for (size_t i = 0; i < n; i++)
		h = hash_byte(h, bytes[i]);
	return h;
}

int vocab_add(struct vocab *v, uint32_t id, const void *bytes, size_t n, bool find)
{
	uint32_t *slot = NULL;
	char *copy;

	if (id >= v->size)
		return -ERANGE;
	if (n > VOCAB_TOKEN_MAX)
		return -EMSGSIZE;
	if (v->names[id].bytes)
		return -EEXIST;
	if (find) {
		slot = find_slot(v, hash(v, bytes, n), bytes, n);
		if (*slot != VOCAB_NONE)
			return -EEXIST;
	}
	copy = malloc(n + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, n);
	copy[n] = '\0';
	v->names[id] = (struct name){copy, (uint32_t)n};
	if (slot) {
		*slot = id;
		v->longest = n > v->longest ? (uint32_t)n : v->longest;
	}
	return 0;
}

uint32_t vocab_find(const struct vocab *v, const void *bytes, size_t n)
{
	return n > VOCAB_TOKEN_MAX ? VOCAB_NONE : *find_slot(v, hash(v, bytes, n), bytes, n);
}

uint32_t vocab_next_prefix(const struct vocab *v, struct vocab_prefixes *p)
{
	if (p->at == 0)
		p->h = v->seed;
	while (p->at < p->n && p->at < v->longest) {
		uint32_t id;

		p->h = hash_byte(p->h, (uint8_t)p->s[p->at++]);
		id = *find_slot(v, p->h, p->s, p->at);
		if (id != VOCAB_NONE)
			return id;
	}
	return VOCAB_NONE;
}

const char *vocab_token(const struct vocab *v, uint32_t id, size_t *ret_n)
{
	if (id >= v->size || !v->names[id].bytes)
		return NULL;
	*ret_n = v->names[id].n;
	return v->names[id].bytes;
}

uint32_t vocab_size(const struct vocab *v)
{
	return v->size;
}
