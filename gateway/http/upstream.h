/*
 * Requests that the orchestrator answers, streamed both ways through its http.sock with constant
 * memory: 64 KiB each way, and whoever is slower holds the other one up.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"

struct upstreams;

int upstreams_new(struct loop *loop, const char *run_dir, struct upstreams **ret);
struct upstreams *upstreams_free(struct upstreams *u);
DEFINE_CLEANUP(struct upstreams *, upstreams_free)

/* Ends every request under way: the process is about to end. */
void upstreams_abandon(struct upstreams *u);
