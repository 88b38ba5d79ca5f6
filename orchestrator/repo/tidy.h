/* `git gc --auto` for repos that were pushed to, one at a time, once pushes have been quiet: never
 * on a push's own path. A repo that is forgotten here is tidied after its next push. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"

struct tidier;

#define TIDY_QUIET_USEC 30000000ull

int tidier_new(struct loop *loop, uint64_t quiet_usec, struct tidier **ret);
struct tidier *tidier_free(struct tidier *t);
DEFINE_CLEANUP(struct tidier *, tidier_free)

void tidier_note(struct tidier *t, const char *repo_path);
