/*
 * What a program tells whoever watches it, as one text: its metrics, and, behind a NUL, its last
 * warnings and errors, newest first, a line each: µs since 1970, space, level, space, words.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/metrics.h"

/* Appends all of it; prefix: of the metrics' names. -ENOSPC, -ENOMEM. */
int tell_write(const struct metric *list, size_t n, const char *prefix, struct buf *b);

/* Checks such a text of another program, as metrics_check does. -EBADMSG with words. */
int tell_check(const char *text, size_t n, const char *prefix, struct err *e);

/* Takes the next line at *at (NUL-terminated, moved on). False: none is left, or it is malformed.
 */
struct told_line {
	unsigned long long wall_usec;
	char level[8];
	char words[256];
};
bool tell_next_line(const char **at, struct told_line *ret);
