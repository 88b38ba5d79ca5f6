/* What a Space is doing, as the hub's clients read it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct world;

/*
 * The runtime object, stage and all. NULL with words. The caller's. inside: it is for somebody who
 * may ACTION_SEE_INSIDE, and says why a build failed.
 */
json_t *runtime_object(struct world *w, const char *space_id, bool inside, struct err *e);
