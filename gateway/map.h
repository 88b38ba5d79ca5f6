/*
 * A hash table from byte keys to pointers. Grows by doubling; keys are copied. Knows nothing of
 * what it holds: values are the caller's. Keys from outside cannot be chosen to collide, because
 * the hash is seeded from the kernel's random pool.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct map_entry;

struct map {
	struct map_entry **buckets; /* owned */
	size_t n, cap;
	uint64_t seed;
};

void map_init(struct map *m);
void map_done(struct map *m);

/* Sets key to value (not NULL), replacing. -ENOMEM. */
int map_put(struct map *m, const void *key, size_t n, void *value);
void *map_get(const struct map *m, const void *key, size_t n); /* NULL: not there */
void *map_take(struct map *m, const void *key, size_t n);      /* removes; NULL: was not there */

/* The same with C strings and numbers as keys. */
int map_put_str(struct map *m, const char *key, void *value);
void *map_get_str(const struct map *m, const char *key);
void *map_take_str(struct map *m, const char *key);
int map_put_u32(struct map *m, uint32_t key, void *value);
void *map_get_u32(const struct map *m, uint32_t key);
void *map_take_u32(struct map *m, uint32_t key);

/* Visits every value; fn may take the visited key out of the map and no other. */
void map_each(struct map *m, void (*fn)(void *value, void *data), void *data);
