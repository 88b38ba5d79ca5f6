/*
 * Takes away what nothing refers to any more: rows of large files that no ref of their repo points
 * to, then blobs that neither such a row nor a build names.
 *
 * Deleted repos that can be had back count as they did before. What was stored, uploaded again or
 * pointed to within the grace period stays, so an upload, and the push that follows it, is safe;
 * so is a repo whose refs cannot be read. Goes through one repo, and then one part of the blobs, at
 * a time, and lets everybody else run in between.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "orchestrator/blob/blob.h"
#include "orchestrator/repo/repo.h"
#include "orchestrator/store/store.h"

#define COLLECT_GRACE_SEC 86400
#define PARTS_KEEP_SEC 86400 /* parts of a file that nobody goes on with */

struct collector;

struct collector_config {
	struct loop *loop; /* borrowed, as all here */
	struct store *store;
	struct blob_store *blobs;
	const struct repos *repos;
	uint64_t grace_sec; /* 0: COLLECT_GRACE_SEC */
};

/* Begins in a moment, and again a few times within each grace period. */
int collector_new(const struct collector_config *config, struct collector **ret);
struct collector *collector_free(struct collector *c);
DEFINE_CLEANUP(struct collector *, collector_free)
