/* What inference is told of pools, and of Spaces whose flavours say a pool or a device. */
#pragma once

#include "base/link.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/policy.h"

/* All of it, anew. Negative with words. */
int places_tell(struct store *s, const struct usage_policy *p, struct link *link, struct err *e);

/* One Space's. */
int places_tell_one(struct store *s, const struct usage_policy *p, struct link *link,
	const char *space_id, struct err *e);
