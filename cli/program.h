/*
 * Other programs that a subcommand runs for its user, git above all: found in the PATH, with the
 * user's own environment. Knows no Space.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Where a program is started and what becomes of what it says. */
struct program_plan {
	const char *dir;   /* NULL: here */
	struct buf *said;  /* stdout and stderr, up to the buffer's ceiling; NULL: dropped */
	char *const *envp; /* NULL: our own */
	bool apart;        /* in a process group of its own: a terminal's Ctrl-C is for us alone */
	int in;            /* its stdin; 0: nothing */
	bool aloud;        /* of program_start: its stderr is ours */
};

/* Runs argv to its end. Returns its exit status, 128 + signal; -ENOENT: it is not in the PATH. */
int program_run(const struct program_plan *plan, char *const argv[], struct err *e);

/* Starts it, with out as its stdout and stderr; the caller reaps the pid. -ENOENT as above. */
pid_t program_start(const struct program_plan *plan, char *const argv[], int out, int death_signal,
	struct err *e);

/* Waits for it: its exit status, or 128 + signal. */
int program_end(pid_t pid);
