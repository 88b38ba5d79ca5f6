#include "inference/engine/pages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct page {
	uint32_t holders;
	uint32_t group;
	bool kept;
	uint32_t older, newer; /* kept and held by nobody: in the order they were released */
	uint32_t next;         /* free, or in the same bucket */
	uint64_t released;
	struct chain chain;
};

struct group {
	uint32_t id;
	size_t pages, idle;
};

struct pages {
	struct page *of;   /* owned; n */
	uint32_t *buckets; /* owned; mask + 1 */
	uint32_t n, mask;
	uint32_t free, fresh; /* first of the free ones; fresh on: never used */
	uint32_t oldest, newest;
	uint64_t now;
	size_t held, idle;    /* idle: kept, and held by nobody */
	struct group *groups; /* owned */
	size_t n_groups, cap_groups;
	void (*dropped)(uint32_t page, void *data);
	void *data;
};

/* --- beginnings --- */

struct chain chain_root(const uint8_t salt[SHA256_LEN], const char *model, uint32_t group)
{
	struct {
		uint8_t salt[SHA256_LEN], model[SHA256_LEN];
		uint32_t group;
	} all = {.group = group};
	struct chain c;

	memcpy(all.salt, salt, SHA256_LEN);
	sha256(model, strlen(model), all.model);
	sha256(&all, SHA256_LEN * 2 + sizeof(all.group), c.hash);
	return c;
}

#define CHAIN_IDS_MAX 64

struct chain chain_next(const struct chain *c, const uint32_t *ids, size_t n)
{
	struct {
		struct chain parent;
		uint32_t ids[CHAIN_IDS_MAX];
	} all;
	struct chain next;

	assert(n <= CHAIN_IDS_MAX);
	all.parent = *c;
	memcpy(all.ids, ids, n * sizeof(*ids));
	sha256(&all, sizeof(all.parent) + n * sizeof(*ids), next.hash);
	return next;
}

static uint32_t *bucket_of(const struct pages *p, const struct chain *c)
{
	uint32_t at;

	memcpy(&at, c->hash, sizeof(at));
	return &p->buckets[at & p->mask];
}

/* --- the pool --- */

struct pages *pages_new(uint32_t n, void (*dropped)(uint32_t page, void *data), void *data)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct pages){.n = n, .mask = 1, .dropped = dropped, .data = data};
	while (p->mask < n)
		p->mask = p->mask * 2 + 1;
	p->free = p->oldest = p->newest = PAGE_NONE;
	p->of = calloc(n, sizeof(*p->of));
	p->buckets = malloc(((size_t)p->mask + 1) * sizeof(*p->buckets));
	if (!p->of || !p->buckets)
		return pages_free(p);
	memset(p->buckets, 0xff, ((size_t)p->mask + 1) * sizeof(*p->buckets));
	return p;
}

struct pages *pages_free(struct pages *p)
{
	if (!p)
		return NULL;
	free(p->of);
	free(p->buckets);
	free(p->groups);
	free(p);
	return NULL;
}

static struct group *find_group(const struct pages *p, uint32_t id)
{
	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i].id == id)
			return &p->groups[i];
	return NULL;
}

static struct group *add_group(struct pages *p, uint32_t id)
{
	struct group *g = find_group(p, id), *grown;
	size_t cap = p->cap_groups ? p->cap_groups * 2 : 8;

	if (g)
		return g;
	if (p->n_groups == p->cap_groups) {
		grown = reallocarray(p->groups, cap, sizeof(*grown));
		if (!grown)
			return NULL;
		p->groups = grown;
		p->cap_groups = cap;
	}
	g = &p->groups[p->n_groups++];
	*g = (struct group){.id = id};
	return g;
}

uint32_t pages_take(struct pages *p, uint32_t group)
{
	uint32_t i = p->free;
	struct group *g;

	if (i == PAGE_NONE && p->fresh == p->n)
		return PAGE_NONE;
	g = add_group(p, group);
	if (!g)
		return PAGE_NONE;
	if (i == PAGE_NONE)
		i = p->fresh++;
	else
		p->free = p->of[i].next;
	p->of[i] = (struct page){.holders = 1, .group = group};
	g->pages++;
	p->held++;
	return i;
}

static void drop(struct pages *p, uint32_t i)
{
	struct group *g = find_group(p, p->of[i].group);

	p->held--;
	if (--g->pages == 0)
		*g = p->groups[--p->n_groups];
	p->of[i] = (struct page){.next = p->free};
	p->free = i;
	p->dropped(i, p->data);
}

/* --- what is kept --- */

static void count_idle(struct pages *p, uint32_t i, bool more)
{
	struct group *g = find_group(p, p->of[i].group);

	p->idle += more ? 1 : SIZE_MAX;
	g->idle += more ? 1 : SIZE_MAX;
}

static void unlink_page(struct pages *p, uint32_t i)
{
	struct page *page = &p->of[i];

	*(page->older == PAGE_NONE ? &p->oldest : &p->of[page->older].newer) = page->newer;
	*(page->newer == PAGE_NONE ? &p->newest : &p->of[page->newer].older) = page->older;
}

uint32_t pages_find(struct pages *p, const struct chain *c)
{
	for (uint32_t i = *bucket_of(p, c); i != PAGE_NONE; i = p->of[i].next) {
		if (memcmp(&p->of[i].chain, c, sizeof(*c)) != 0)
			continue;
		if (p->of[i].holders++ == 0) {
			unlink_page(p, i);
			count_idle(p, i, false);
		}
		return i;
	}
	return PAGE_NONE;
}

void pages_keep(struct pages *p, uint32_t page, const struct chain *c)
{
	uint32_t *bucket = bucket_of(p, c);

	assert(p->of[page].holders > 0);
	if (p->of[page].kept)
		return;
	for (uint32_t i = *bucket; i != PAGE_NONE; i = p->of[i].next)
		if (!memcmp(&p->of[i].chain, c, sizeof(*c)))
			return; /* two read the same at the same time */
	p->of[page].kept = true;
	p->of[page].chain = *c;
	p->of[page].next = *bucket;
	*bucket = page;
}

void pages_release(struct pages *p, uint32_t page)
{
	struct page *of = &p->of[page];

	assert(of->holders > 0);
	if (--of->holders > 0)
		return;
	if (!of->kept) {
		drop(p, page);
		return;
	}
	of->released = p->now;
	of->newer = PAGE_NONE;
	of->older = p->newest;
	*(p->newest == PAGE_NONE ? &p->oldest : &p->of[p->newest].newer) = page;
	p->newest = page;
	count_idle(p, page, true);
}

static uint32_t find_oldest(const struct pages *p, const uint32_t *of)
{
	uint32_t i = p->oldest;

	while (of && i != PAGE_NONE && p->of[i].group != *of)
		i = p->of[i].newer;
	return i;
}

uint64_t pages_oldest(const struct pages *p, const uint32_t *of)
{
	uint32_t i = find_oldest(p, of);

	return i == PAGE_NONE ? UINT64_MAX : p->of[i].released;
}

bool pages_evict(struct pages *p, const uint32_t *of)
{
	uint32_t i = find_oldest(p, of), *at;

	if (i == PAGE_NONE)
		return false;
	unlink_page(p, i);
	count_idle(p, i, false);
	at = bucket_of(p, &p->of[i].chain);
	while (*at != i)
		at = &p->of[*at].next;
	*at = p->of[i].next;
	drop(p, i);
	return true;
}

void pages_tick(struct pages *p, uint64_t now)
{
	p->now = now;
}

size_t pages_held(const struct pages *p)
{
	return p->held;
}

size_t pages_of(const struct pages *p, uint32_t group)
{
	const struct group *g = find_group(p, group);

	return g ? g->pages : 0;
}

size_t pages_idle(const struct pages *p, const uint32_t *of)
{
	const struct group *g = of ? find_group(p, *of) : NULL;

	return !of ? p->idle : g ? g->idle : 0;
}

bool pages_held_once(const struct pages *p, uint32_t page)
{
	return p->of[page].holders == 1;
}
