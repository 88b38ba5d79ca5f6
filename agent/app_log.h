/*
 * The reader of one worker's log pipe: bytes in, bounded lines of valid UTF-8 without control
 * characters out.
 *
 * A worker that floods is cut here, twice: a line that may not pass is counted instead, and the
 * count is passed on as a line; and a pipe that brings more than LOG_READ_BYTES in LOG_READ_USEC
 * is not read until that time is over, so that its worker waits and not we.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/log_head.h"
#include "base/cleanup.h"
#include "base/loop.h"

#define LOG_LINE_BYTES 8192
#define LOG_READ_BYTES (256u << 10)
#define LOG_READ_USEC 100000

struct app_log;

struct app_log_ops {
	/* Whether a line of n bytes may be passed on now. NULL: always. */
	bool (*may_pass)(size_t n, void *data);
	/* line: NUL-terminated UTF-8 without newline and head; both valid during the call. */
	void (*on_line)(const char *line, size_t n, const struct log_head *head, void *data);
};

/* Takes fd (owned, also on failure). -ENOMEM and the errnos of epoll. */
int app_log_new(
	struct loop *loop, int fd, const struct app_log_ops *ops, void *data, struct app_log **ret);

/* Reads what is left in the pipe, passes it on, and frees. NULL is fine. Returns NULL. */
struct app_log *app_log_free(struct app_log *l);
DEFINE_CLEANUP(struct app_log *, app_log_free)
