/*
 * What Spaces print, kept for their owners: per Space two files of one JSON object per line,
 * {"time", "replica", "line"}, the older one making room for the newer one. Followers read the
 * files at their own pace, so a slow one costs nothing; one that falls behind both files goes on
 * with the oldest line there is.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"

#define RUN_LOG_FILE_MAX (1u << 20) /* bytes of each of the two files */
#define RUN_LOG_LINE_MAX 65536 /* bytes of a stored line: 8 KiB of text, escaped, and the rest */

struct run_logs;
struct run_log_watch;

/* dir is made where it is missing. file_max: RUN_LOG_FILE_MAX but in tests. */
int run_logs_new(const char *dir, size_t file_max, struct run_logs **ret, struct err *e);
struct run_logs *run_logs_free(struct run_logs *l);
DEFINE_CLEANUP(struct run_logs *, run_logs_free)

/* Keeps a line and tells the watchers. A line that cannot be kept (disk full) is dropped. */
void run_log_append(struct run_logs *l, const char *space, uint64_t time_usec, const char *replica,
	const char *line);

/* Where the last n lines begin; SIZE_MAX: all there are. */
int64_t run_log_tail(struct run_logs *l, const char *space, size_t n);

/*
 * Copies whole lines from *at on, at most n bytes (at least RUN_LOG_LINE_MAX), and moves *at.
 * Returns the bytes; 0: no more for now.
 */
ssize_t run_log_read(struct run_logs *l, const char *space, int64_t *at, char *bytes, size_t n);

/* fn is called after each appended line until run_log_unwatch. */
int run_log_watch(struct run_logs *l, const char *space, void (*fn)(void *data), void *data,
	struct run_log_watch **ret);
struct run_log_watch *run_log_unwatch(struct run_log_watch *w);

/* Something else about the Space's logs is new: calls the watchers. */
void run_log_poke(struct run_logs *l, const char *space);

/* The Space is gone, its lines too. */
void run_log_delete(struct run_logs *l, const char *space);
