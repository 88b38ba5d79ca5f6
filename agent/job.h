/*
 * What somebody asked this node to do with a box: start a worker (the gateway) or check a build
 * (the orchestrator). A job waits for its bundle, its Space's settings and a sealed box, whichever
 * comes last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

enum job_kind { JOB_WAKE, JOB_CHECK };

struct job {
	struct job *next; /* queue of the node */
	enum job_kind kind;
	uint32_t seq; /* to answer with */
	uint8_t class;
	uint64_t asked_usec; /* monotonic */
	char space[33], owner[41], name[97], bundle[65], entry[256], title[201];
	int64_t epoch;    /* JOB_WAKE */
	int64_t settings; /* least version to start with; 0: there are none */
};

static inline struct job *job_free(struct job *j)
{
	free(j);
	return NULL;
}
DEFINE_CLEANUP(struct job *, job_free)
