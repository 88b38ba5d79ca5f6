/*
 * For tests that ask boxes many questions: many boxes at once, each with one errand or some.
 *
 * Knows the probe's orders (sandbox/probe/probe.c) and no attack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/peer/boxd.h"

enum errand_end {
	ERRAND_ANSWERED,
	ERRAND_ENDED,    /* the process did, before it answered */
	ERRAND_REFUSED,  /* the box was never built */
	ERRAND_UNSEALED, /* the seal failed: the words say why */
	ERRAND_SILENT,   /* it sleeps and does not answer; killed after some seconds */
};

struct errand {
	const char *note;  /* sent on its infer link first; NULL: nothing */
	bool seal;         /* seals itself before the order */
	const char *order; /* to the probe */
	bool may_share; /* a box that was only refused things so far will do; same note and seal */

	enum errand_end end;
	char words[512]; /* the answer; why there is no box; what the agent hears of its end */
	int status;      /* ERRAND_ENDED: as from waitpid */
};

/* Runs them all, each in a box of its own unless it may share one, until the last box is gone. */
void crowd_run(const struct boxd *b, struct errand *errands, size_t n);

#define OUTCOME_MAX 32

/*
 * The outcome in one word: "KILLED" (by SIGSYS), another signal's name, "exit-N", "waits",
 * "no-box", "no-seal", the name of the errno that it answered, or "done".
 */
void errand_outcome(const struct errand *e, char ret[OUTCOME_MAX]);
