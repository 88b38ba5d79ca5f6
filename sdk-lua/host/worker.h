/*
 * One worker: an app in a Lua state, its visitors' sessions, and the two links it lives on.
 *
 *	          APP                load ends           link ends, or LOAD_FAILED is out
 *	 BLANK ─────────► LOADING ─────────────► RUNNING ─────────────► ENDED
 *
 * The program (main.c) makes one, seals itself and runs it. Tests make one with links of their
 * own and step it; nothing here depends on the seal.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sdk-lua/host/preempt.h"

struct worker;

struct worker_options {
	int app_fd;   /* SOCK_SEQPACKET; owned from worker_new on, also on failure */
	int infer_fd; /* the same, or -1: no models until the agent brings a link */
	size_t heap_max;
	struct preempt_limits preempt;
	uint64_t handler_cpu_usec, handler_wall_usec;
	uint64_t flush_usec; /* least time between two groups of a streaming handler */
	uint64_t keep_usec;  /* least time between two copies of its session table */
	size_t unacked_max;  /* bytes of groups kept for RESUME; beyond, handlers wait */
};

/* What docs/sdk.md promises. */
void worker_options_default(struct worker_options *ret);

/* Makes the Lua state with the SDK, the links and the timer: everything that must exist before the
 * seal. -errno with words. */
int worker_new(const struct worker_options *options, struct worker **ret, struct err *e);
struct worker *worker_free(struct worker *w);

/*
 * Loads an app of the SDK's own and forgets it, so that a real one finds memory and code in place:
 * a third of the time. Before the seal or after it, before the app. -errno with words.
 */
int worker_rehearse(struct worker *w, struct err *e);

/* Says SEALED: the app may come. */
int worker_announce(struct worker *w, int landlock_abi);

/*
 * One round: waits for at most timeout_ms (-1: as long as it takes), handles what came, runs every
 * waiting handler once and one busy handler for a slice. 0; 1: the worker has ended; -errno.
 */
int worker_step(struct worker *w, int timeout_ms);

/* Runs until the end. Returns the exit status: 0, or 1 when a link was ended for a reason. */
int worker_run(struct worker *w);
