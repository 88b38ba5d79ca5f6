/*
 * Brings the session log to the disk every SYNC_USEC while it grows, in a thread that lives for
 * one sync: a disk that takes its time must not hold up clicks.
 */
#pragma once

#include "base/cleanup.h"
#include "base/loop.h"
#include "gateway/session/log.h"

#define SYNC_USEC 200000

struct log_sync;

int log_sync_new(struct loop *loop, struct session_log *log, struct log_sync **ret);
struct log_sync *log_sync_free(struct log_sync *s); /* waits for a sync under way */
DEFINE_CLEANUP(struct log_sync *, log_sync_free)
