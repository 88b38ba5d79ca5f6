/*
 * Asks every 15 seconds what the services have told last, and puts it into the history. A counter
 * that has become smaller has begun anew: that step is a gap.
 */
#pragma once

#include "base/loop.h"
#include "orchestrator/disk.h"
#include "orchestrator/history/history.h"

struct sampler;

/* Borrows all. */
int sampler_new(struct loop *loop, struct history *h, struct disk *disk, struct sampler **ret);
struct sampler *sampler_free(struct sampler *s);
