/* What the handlers of repos share beside request.h. */
#pragma once

#include <stddef.h>

#include "orchestrator/api/request.h"

/* The rest of the path, decoded. -EINVAL: no encoding, a NUL, or too long. */
int hub_rest(struct request *r, char *ret, size_t size, struct err *e);
