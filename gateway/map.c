#include "gateway/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define FIRST_CAP 16

struct map_entry {
	struct map_entry *next;
	void *value;
	uint64_t hash;
	size_t n;
	uint8_t key[];
};

void map_init(struct map *m)
{
	*m = (struct map){0};
	random_bytes(&m->seed, sizeof(m->seed));
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++) {
		while (m->buckets[i]) {
			struct map_entry *e = m->buckets[i];

			m->buckets[i] = e->next;
			free(e);
		}
	}
	free(m->buckets);
	*m = (struct map){.seed = m->seed};
}

/* FNV-1a over a secret start, finished so that the low bits depend on all of it. */
static uint64_t hash_of(const struct map *m, const uint8_t *key, size_t n)
{
	uint64_t h = m->seed ^ 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ key[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static struct map_entry **find(const struct map *m, const void *key, size_t n, uint64_t h)
{
	struct map_entry **at = &m->buckets[h & (m->cap - 1)];

	while (*at && !((*at)->hash == h && (*at)->n == n && !memcmp((*at)->key, key, n)))
		at = &(*at)->next;
	return at;
}

static int grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : FIRST_CAP;
	struct map_entry **buckets = calloc(cap, sizeof(struct map_entry *));

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		while (m->buckets[i]) {
			struct map_entry *e = m->buckets[i];

			m->buckets[i] = e->next;
			e->next = buckets[e->hash & (cap - 1)];
			buckets[e->hash & (cap - 1)] = e;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->cap = cap;
	return 0;
}

int map_put(struct map *m, const void *key, size_t n, void *value)
{
	uint64_t h = hash_of(m, key, n);
	struct map_entry **at, *e;

	if (m->n >= m->cap && grow(m) < 0)
		return -ENOMEM;
	at = find(m, key, n, h);
	if (*at) {
		(*at)->value = value;
		return 0;
	}
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	*e = (struct map_entry){.value = value, .hash = h, .n = n};
	memcpy(e->key, key, n);
	*at = e;
	m->n++;
	return 0;
}

void *map_get(const struct map *m, const void *key, size_t n)
{
	struct map_entry *e = m->cap ? *find(m, key, n, hash_of(m, key, n)) : NULL;

	return e ? e->value : NULL;
}

void *map_take(struct map *m, const void *key, size_t n)
{
	struct map_entry **at = m->cap ? find(m, key, n, hash_of(m, key, n)) : NULL;
	struct map_entry *e = at ? *at : NULL;
	void *value;

	if (!e)
		return NULL;
	value = e->value;
	*at = e->next;
	free(e);
	m->n--;
	return value;
}

int map_put_str(struct map *m, const char *key, void *value)
{
	return map_put(m, key, strlen(key), value);
}

void *map_get_str(const struct map *m, const char *key)
{
	return map_get(m, key, strlen(key));
}

void *map_take_str(struct map *m, const char *key)
{
	return map_take(m, key, strlen(key));
}

int map_put_u32(struct map *m, uint32_t key, void *value)
{
	return map_put(m, &key, sizeof(key), value);
}

void *map_get_u32(const struct map *m, uint32_t key)
{
	return map_get(m, &key, sizeof(key));
}

void *map_take_u32(struct map *m, uint32_t key)
{
	return map_take(m, &key, sizeof(key));
}

void map_each(struct map *m, void (*fn)(void *value, void *data), void *data)
{
	for (size_t i = 0; i < m->cap; i++) {
		struct map_entry *next;

		for (struct map_entry *e = m->buckets[i]; e; e = next) {
			next = e->next;
			fn(e->value, data);
		}
	}
}
