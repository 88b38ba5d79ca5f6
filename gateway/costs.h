/*
 * What runs of each handler have cost in device time, so that it can be said, and asked for, before
 * the next one. A handler is a component's kind of event in a Space, whichever build; of each the
 * last runs are kept, in memory and in a file. Knows no link.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"

#define COSTS_RUNS 32           /* of a handler that are kept */
#define COSTS_HANDLERS_MAX 8192 /* the one that ran longest ago goes first */
#define COSTS_SHOWN_MAX 64      /* of one Space */

struct costs;

struct cost {
	uint32_t node;
	uint8_t kind;
	uint32_t msec; /* what nine of ten runs stayed below */
};

/* path: of the file, which need not be there, nor be whole; copied. */
int costs_new(struct loop *loop, const char *path, struct costs **ret);
struct costs *costs_free(struct costs *c);
DEFINE_CLEANUP(struct costs *, costs_free)

/* A run has ended. */
void costs_add(struct costs *c, const char *space, uint32_t node, uint8_t kind, uint64_t nsec);

/* What the next run is expected to stay below, in ms; 0: nothing is known. c may be NULL. */
uint32_t costs_expect(const struct costs *c, const char *space, uint32_t node, uint8_t kind);

/* The handlers of a Space that cost something; returns how many. */
size_t costs_of(const struct costs *c, const char *space, struct cost ret[COSTS_SHOWN_MAX]);
