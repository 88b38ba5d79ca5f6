/*
 * What the operator's policy says of Spaces: from which pool of the device's time their calls are
 * served, and which device their models are to run on. As the orchestrator said it last. Knows no
 * link.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/schedule/pools.h"
#include "proto/messages.h"

#define PLACES_MAX 65536
#define PLACE_SPACE_MAX 32
#define PLACE_DEVICE_MAX 31

struct space_place {
	struct space_place *next; /* in its bucket */
	char space[PLACE_SPACE_MAX + 1];
	char pool[POOL_NAME_MAX + 1];      /* "": that of whoever pays */
	char device[PLACE_DEVICE_MAX + 1]; /* "": any */
};

struct places;

int places_new(struct places **ret);
struct places *places_free(struct places *p);
DEFINE_CLEANUP(struct places *, places_free)

/*
 * Takes POOLS; *ret_n: how many pools there are from now on, in ret, -1: as before. -EBADMSG with
 * words, -ENOMEM.
 */
int places_take(struct places *p, const struct models_pools *m, struct pool_terms ret[POOLS_MAX],
	int *ret_n, struct err *e);

/* NULL: nothing is said of it. Borrowed until the next POOLS. */
const struct space_place *places_find(const struct places *p, const char *space);
