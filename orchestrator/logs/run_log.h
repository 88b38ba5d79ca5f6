/*
 * What Spaces print, kept for their owners: in the journal of run logs, by Space id, one JSON
 * object per line. Knows how a line is written and how lines are chosen; the files are journal.h's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/logs/journal.h"

#define RUN_LOG_SPACE_MAX (8u << 20) /* bytes of a Space's lines, unless the operator says */
#define RUN_LOG_AGE_DAYS 14
#define RUN_LOG_TOTAL_MAX (4ull << 30)

/* Borrowed; NULL or 0: not known. */
struct run_line {
	uint64_t time_usec; /* wall clock */
	const char *replica, *commit;
	const char *stream; /* stdout | stderr | log | platform */
	const char *level;  /* debug | info | warn | error */
	const char
		*session; /* short reference of a visitor's session; says nothing of the visitor */
	uint32_t event;   /* number within that session */
	const char *reference; /* of a failure, as the visitor sees it */
	const char *line;
};

/* Keeps it and tells the watchers. What cannot be kept (disk full) is dropped and counted. */
void run_log_append(struct journals *logs, const char *space, const struct run_line *line);

/* Which lines are wanted; "" and 0: all. */
struct run_filter {
	char level[8]; /* this one and graver ones */
	char session[20], commit[44], reference[36];
	uint64_t since_usec; /* wall clock */
};

/* A stored line, newline included; data: a run_filter. A journal_match_fn. */
bool run_line_matches(const char *line, size_t n, void *data);
