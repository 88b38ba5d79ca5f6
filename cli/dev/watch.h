/*
 * Tells when what is in a folder has changed: saved, renamed, removed, in any folder below it.
 * Editors save in several steps, so what comes close together is told once. Names that begin with a
 * dot or end with '~' are an editor's or git's own. Knows nothing of what the files are.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

#define WATCH_SETTLE_USEC (25 * USEC_PER_MSEC) /* quiet for so long: the save is over */

struct watch;

/* path: one of what changed, inside the folder; first_usec: when the first of it did, monotonic. */
typedef void (*watch_fn)(const char *path, uint64_t first_usec, void *data);

/*
 * fn is called from the loop until watch_free. -ENOENT: there is no such folder. -ENOSPC: over the
 * system's limit of watches, or ours of folders.
 */
int watch_new(struct loop *loop, const char *dir, watch_fn fn, void *data, struct watch **ret,
	struct err *e);
struct watch *watch_free(struct watch *w);
DEFINE_CLEANUP(struct watch *, watch_free)
