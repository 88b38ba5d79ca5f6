/*
 * The pages of one model's keys and values: who holds them, and which of them hold a beginning
 * that may come again.
 *
 * A page that is full is known by the hash of all tokens up to its end, of the model and of whose
 * it is, so a beginning is found again only by the one who brought it. Held pages are counted; a
 * kept page that nobody holds stays until its place is needed, the one longest unused first.
 * Knows no request and no device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

#define PAGE_NONE UINT32_MAX

struct pages;

/* The hash of a beginning; that of none is its root. */
struct chain {
	uint8_t hash[SHA256_LEN];
};

/* n: how many there are. dropped: called for a page whose content nobody will read again. NULL:
 * out of memory. Caller owns it. */
struct pages *pages_new(uint32_t n, void (*dropped)(uint32_t page, void *data), void *data);
struct pages *pages_free(struct pages *p);
DEFINE_CLEANUP(struct pages *, pages_free)

/* The root for group's sequences; salt: a secret of the process, model: what else tells apart. */
struct chain chain_root(const uint8_t salt[SHA256_LEN], const char *model, uint32_t group);
struct chain chain_next(const struct chain *c, const uint32_t *ids, size_t n);

/* A page without content, held once; PAGE_NONE: none is free. Nothing kept makes way for it: see
 * pages_evict. */
uint32_t pages_take(struct pages *p, uint32_t group);
/* The page of a beginning, held once more; PAGE_NONE: it is not kept. */
uint32_t pages_find(struct pages *p, const struct chain *c);
/* A held page is full and ends the beginning c; it may be found from now on. */
void pages_keep(struct pages *p, uint32_t page, const struct chain *c);
void pages_release(struct pages *p, uint32_t page);

/* When the kept page that is longest unused was last held (in the caller's ticks); UINT64_MAX:
 * none. of: only this group's; NULL: all. */
uint64_t pages_oldest(const struct pages *p, const uint32_t *of);
/* Forgets that page. False: there is none. */
bool pages_evict(struct pages *p, const uint32_t *of);
/* Sets the tick that pages released from now on are stamped with. */
void pages_tick(struct pages *p, uint64_t now);

size_t pages_held(const struct pages *p); /* held, or kept: what takes memory */
/* The same of one group. */
size_t pages_of(const struct pages *p, uint32_t group);
/* Those of them that nobody holds: of a group; NULL: of all. */
size_t pages_idle(const struct pages *p, const uint32_t *of);
bool pages_held_once(const struct pages *p, uint32_t page);
