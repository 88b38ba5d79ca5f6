/*
 * Bundles on this node: files named by their hash, and the few used last as sealed memory files
 * ready to travel. Knows no links; whoever needs a bundle that is not here asks the orchestrator.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct bundle_cache;

#define BUNDLES_BYTES (1ull << 30) /* files; what came longest ago goes, and is sent anew */

/* Keeps its files in dir, which is made. -ENOMEM, or the errno of mkdir. */
int bundle_cache_new(const char *dir, struct bundle_cache **ret, struct err *e);
struct bundle_cache *bundle_cache_free(struct bundle_cache *c);
DEFINE_CLEANUP(struct bundle_cache *, bundle_cache_free)

/* Another limit than BUNDLES_BYTES. */
void bundle_cache_limit(struct bundle_cache *c, uint64_t bytes);

/*
 * Takes in the content of fd (still the caller's, read from its start) under its hash.
 * -EBADMSG: the content has another hash, or is no bundle. -EFBIG: over BUNDLE_MAX. Errnos of
 * writing.
 */
int bundle_cache_put(struct bundle_cache *c, const char *hash, int fd, struct err *e);

/*
 * A sealed memfd of the bundle, borrowed until the next call on the cache. -ENOENT: not here.
 * -EBADMSG: the file on disk was damaged; it is dropped.
 */
int bundle_cache_open(struct bundle_cache *c, const char *hash, struct err *e);
