/*
 * Numbers that a program counts, and their text for whoever collects them: Prometheus' text format
 * 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Knows no name, no socket
 * and no clock.
 *
 * A program has one table, where entries of the same name stand together and differ in their
 * labels. Labels are constants of the program: nothing that an outsider chooses becomes one, so the
 * text is bounded. Names end in the unit; of durations that is "_seconds", kept here in µs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* METRIC_TIMES is a histogram of durations; …_TIME the sum, or the current value, of durations. */
enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_COUNTER_TIME,
	METRIC_GAUGE_TIME,
	METRIC_TIMES,
};

#define METRIC_BOUNDS 16 /* from 100 µs to 60 s; one more for all beyond */

struct metric {
	const char *name, *help;
	const char *labels; /* as in kind="upload"; NULL: none */
	enum metric_kind kind;
	uint64_t value;                     /* of times: their sum, µs */
	uint64_t counts[METRIC_BOUNDS + 1]; /* of times: how many in each */
};

static inline void metric_add(struct metric *m, uint64_t n)
{
	m->value += n;
}

static inline void metric_set(struct metric *m, uint64_t value)
{
	m->value = value;
}

void metric_observe(struct metric *m, uint64_t usec);

/* Appends the text of n metrics. -ENOSPC, -ENOMEM. */
int metrics_write(const struct metric *list, size_t n, struct buf *b);

/*
 * Appends what the operating system counts of this process, under names that begin with prefix.
 * The same errors.
 */
int metrics_write_process(const char *prefix, struct buf *b);

/*
 * Checks a text that another program wrote: whole lines of printable ASCII, each about a name that
 * begins with prefix. -EBADMSG with words.
 */
int metrics_check(const char *text, size_t n, const char *prefix, struct err *e);

/*
 * The value in the first line of text that is exactly name (with its labels, if any). False: there
 * is none.
 */
bool metrics_find(const char *text, const char *name, double *ret);
