/*
 * The platform's lines in a terminal: what passed, what failed and the code around it are told
 * apart by colour where there is somebody to see it. Knows no command.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One line of a build without its newline, on stdout. */
void paint_line(const char *line, size_t n);

/*
 * What a build said that its author wants to know: prints, notes, why it was refused, and with
 * tests each one that passed.
 */
void paint_build(const char *said, bool tests);

/* Words that stand out: good or bad news of ours, on stdout, with a newline. */
void paint_good(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void paint_bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
