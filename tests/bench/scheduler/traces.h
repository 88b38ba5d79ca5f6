/* Arrivals: of people, and of those who want more than their share. The same each time. */
#pragma once

#include "base/err.h"
#include "tests/bench/scheduler/world.h"

struct trace_maker {
	const char *name;
	const char *what; /* in words */
	/* Over so many seconds. */
	void (*make)(struct trace *t, double sec);
};

extern const struct trace_maker trace_makers[];
extern const size_t n_trace_makers;

const struct trace_maker *trace_find(const char *name); /* aborts where there is none */

/* The trace of a maker; trace_done it. */
void trace_make(struct trace *t, const char *name, double sec);

/* A recorded one: lines of msec, payer, space, lane, rows, tokens, numbers from 0; all payers are
 * ordinary. -errno with words that name the line. */
int trace_read(struct trace *t, const char *file, struct err *e);
