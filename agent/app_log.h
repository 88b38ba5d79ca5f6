/*
 * The reader of one worker's log pipe: bytes in, bounded lines of valid UTF-8 out.
 *
 * A worker that floods is cut at the reader: beyond LOG_LINES_PER_SEC the lines of that second
 * are counted instead of passed on, and the count is passed on as a line.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "base/loop.h"

#define LOG_LINE_BYTES 8192
#define LOG_LINES_PER_SEC 200

struct app_log;

/* line: NUL-terminated UTF-8 without newline, valid during the call. */
typedef void (*app_log_fn)(const char *line, size_t n, void *data);

/* Takes fd (owned, also on failure). -ENOMEM and the errnos of epoll. */
int app_log_new(struct loop *loop, int fd, app_log_fn fn, void *data, struct app_log **ret);

/* Reads what is left in the pipe, passes it on, and frees. NULL is fine. Returns NULL. */
struct app_log *app_log_free(struct app_log *l);
DEFINE_CLEANUP(struct app_log *, app_log_free)
