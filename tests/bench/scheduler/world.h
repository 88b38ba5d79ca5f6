/*
 * A device, models and people, on a clock of its own: arrivals of a trace are put through steps as
 * the engine makes them (inference/engine), who goes first being said by inference/schedule itself,
 * by a plain queue, or by a plain round robin. Knows nothing of the machine it runs on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_PAYERS_MAX 256
#define WORLD_PARTIES_MAX 1024 /* Spaces of payers */
#define WORLD_LANES_MAX 8
#define WORLD_CALLS_MAX 32 /* of one party at a time, as of a Space; more are refused */
#define WORLD_SEATS 32     /* texts under way in one model */

enum rule { RULE_FAIR, RULE_FIFO, RULE_ROBIN, RULES };

/* Somebody asks for something: rows of a prompt or of a text to be read, then tokens, one a step.
 */
struct arrival {
	uint64_t at_nsec;
	uint32_t payer, space, lane;
	uint32_t rows, tokens;
};

/* A model: what a step costs that has m rows. */
struct lane_cost {
	double step_nsec, row_nsec;
};

struct trace {
	const char *name;
	struct arrival *of; /* owned; by time */
	size_t n, cap;
	uint64_t until_nsec;
	struct lane_cost lanes[WORLD_LANES_MAX];
	size_t n_lanes;
	uint64_t memory_pages;              /* for what texts have said, of 32 tokens; 0: enough */
	uint32_t weights[WORLD_PAYERS_MAX]; /* 0: 1 */
	bool ordinary[WORLD_PAYERS_MAX];    /* whose waits are looked at, and who are equals */
};

struct outcome_of {
	double jain;       /* of the time ordinary payers got, each by what was fair for it */
	double useful;     /* of the time, how much went into rows that were wanted */
	uint64_t gap_nsec; /* the longest that an ordinary payer wanted something and got nothing */
	uint64_t wait_nsec; /* p99 of an ordinary payer's requests, from arrival to their first row
			     */
	double shares[WORLD_PAYERS_MAX]; /* of the device's time */
	size_t done, refused, put_back;
	double decide_nsec; /* processor time that a step's decisions took, in the mean */
};

void trace_done(struct trace *t);
/* Aborts where there is no memory. */
void trace_add(struct trace *t, const struct arrival *a);
void trace_sort(struct trace *t);

/* Aborts where there is no memory. */
void world_run(const struct trace *t, enum rule rule, struct outcome_of *ret);
