#include "orchestrator/people/throttle.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 64

struct bucket {
	char key[KEY_MAX];   /* cut: two very long keys may share a bucket */
	uint64_t empty_usec; /* virtual time up to which tries are used up; grows by refill per try
			      */
	uint64_t used_usec;
};

struct throttle {
	unsigned int burst;
	uint64_t refill_usec;
	size_t n, max;
	struct bucket buckets[];
};

struct throttle *throttle_new(unsigned int burst, uint64_t refill_usec, size_t max)
{
	struct throttle *t = calloc(1, sizeof(*t) + max * sizeof(t->buckets[0]));

	if (t) {
		t->burst = burst;
		t->refill_usec = refill_usec;
		t->max = max;
	}
	return t;
}

struct throttle *throttle_free(struct throttle *t)
{
	free(t);
	return NULL;
}

static struct bucket *find(struct throttle *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strncmp(t->buckets[i].key, key, KEY_MAX - 1))
			return &t->buckets[i];
	return NULL;
}

static struct bucket *take(struct throttle *t, const char *key)
{
	struct bucket *b = find(t, key);

	if (b)
		return b;
	b = &t->buckets[t->n < t->max ? t->n++ : 0];
	for (size_t i = 0; t->n == t->max && i < t->n; i++)
		if (t->buckets[i].used_usec < b->used_usec)
			b = &t->buckets[i];
	*b = (struct bucket){0};
	(void)snprintf(b->key, sizeof(b->key), "%s", key);
	return b;
}

uint64_t throttle_try(struct throttle *t, const char *key, uint64_t now_usec)
{
	struct bucket *b = take(t, key);
	uint64_t room = t->burst * t->refill_usec;

	b->used_usec = now_usec;
	if (b->empty_usec < now_usec)
		b->empty_usec = now_usec;
	if (b->empty_usec + t->refill_usec > now_usec + room)
		return b->empty_usec + t->refill_usec - now_usec - room;
	b->empty_usec += t->refill_usec;
	return 0;
}

void throttle_forgive(struct throttle *t, const char *key)
{
	struct bucket *b = find(t, key);

	if (b)
		b->empty_usec = 0;
}
