/*
 * Lines for the operator, on stderr: "level program key=value … message", or, when VITRINE_LOG is
 * "json" at log_init, one JSON object each:
 *
 *	{"time":"2026-01-31T12:00:00.000Z","level":"warn","service":"gateway",
 *	 "message":"could not be woken","fields":{"space":"12"}}
 *
 * Programs log, libraries return; whoever stops an error logs it, once. A confined process writes
 * to the pipe it inherited as fd 2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };

/* Names the program for every later line. Debug lines show when VITRINE_DEBUG is set. */
void log_init(const char *program);

/*
 * One line; longer than 1 KiB is cut, and control characters become '?'. fmt carries key=value
 * pairs first, then the words.
 */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#define LOG_RECENT 8
#define LOG_RECENT_TEXT 200

/* One of the last warnings and errors. */
struct log_recent {
	uint64_t wall_usec; /* since 1970 */
	enum log_level level;
	char text[LOG_RECENT_TEXT]; /* the line without level and program; cut */
};

/* Whether lines are JSON. */
bool log_is_json(void);

const char *log_level_name(enum log_level level);

/* How many lines of that level there were. */
uint64_t log_count(enum log_level level);

/* The i-th of the last warnings and errors, the newest is 0. NULL: there were fewer. Borrowed. */
const struct log_recent *log_recent_at(unsigned int i);
