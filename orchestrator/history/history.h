/*
 * The platform's numbers over time, without a database beside it: means of the last hour, day and
 * month in one small file. Older ones are written over, so it never grows; what was not measured is
 * a gap. A power cut may cost the newest ones. Knows no service: who samples it says what is what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

enum history_series {
#define SERIES(id, name, unit, words, ...) HISTORY_##id,
#include "orchestrator/history/series.def"
#undef SERIES
	HISTORY_SERIES
};

enum history_span { HISTORY_HOUR, HISTORY_DAY, HISTORY_MONTH, HISTORY_SPANS };

struct history_about {
	const char *name, *unit; /* unit: "", "/s", "B", "s", or "share", which is 0 to 1 */
	const char *words;       /* for people */
};

extern const struct history_about history_about[HISTORY_SERIES];

/* "hour", "day", "month"; -EINVAL with words. */
int history_span_find(const char *name, enum history_span *ret, struct err *e);
uint64_t history_step_sec(enum history_span span);

struct history;

/* Opens or makes the file. One that is another version's, or damaged, is begun anew. */
int history_open(const char *path, struct history **ret, struct err *e);
struct history *history_close(struct history *h);
DEFINE_CLEANUP(struct history *, history_close)

/* values: one of each series, NAN where it is not known. now_usec: wall clock. Errno of writing. */
int history_add(struct history *h, uint64_t now_usec, const double values[HISTORY_SERIES]);

/* Calls fn for each step of the span, the oldest first; means: NAN where nothing was measured. */
typedef void (*history_fn)(uint64_t start_sec, const double means[HISTORY_SERIES], void *data);
void history_read(const struct history *h, enum history_span span, uint64_t now_usec, history_fn fn,
	void *data);
