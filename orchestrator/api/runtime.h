/* What a Space is doing, as the hub's clients read it. */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct world;

/* The runtime object, stage and all. NULL with words. The caller's. */
json_t *runtime_object(struct world *w, const char *space_id, struct err *e);
