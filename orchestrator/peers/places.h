/* What inference is told of pools, and of Spaces whose flavours say a pool or a device. */
#pragma once

#include <stdbool.h>

#include "base/link.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policy.h"

/* How far all of it has been told, by the Spaces' ids. */
struct places_tour {
	char cursor[33];
	bool going; /* there is more */
};

/* Tells the pools; Spaces follow while tour->going. Negative with words. */
int places_begin(
	const struct usage_policy *p, struct link *link, struct places_tour *tour, struct err *e);

/* Tells some Spaces, in one message. */
int places_go_on(struct store *s, const struct usage_policy *p, struct link *link,
	struct places_tour *tour, struct err *e);

/* One Space's. */
int places_tell_one(struct store *s, const struct usage_policy *p, struct link *link,
	const char *space_id, struct err *e);
