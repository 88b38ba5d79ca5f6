/*
 * One box: a process in namespaces of its own that becomes the worker, or never existed.
 *
 * Building is a list of steps (box.c), each in sandbox/steps. A step that fails ends the child
 * before it has run one instruction of the worker; there is no weaker box.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/host.h"
#include "sandbox/plan.h"

struct box {
	unsigned int slot;
	unsigned int class; /* BOX_SMALL, … */
	pid_t pid;
	unsigned int cgroup; /* number of its folder; 0: none */
	int pidfd;           /* owned */
	int sync_fd;         /* owned until box_finish; readable when the child has an outcome */
};

/*
 * Begins to build a box: its limits and namespaces, then the child takes its steps by itself, which
 * lasts 0.5 to 2 ms, longer for a refill on a busy machine. The plan has been checked; its files
 * stay the caller's. On success *ret is filled, and the caller calls box_finish when sync_fd is
 * readable, or box_discard. -errno with words, and nothing is left.
 */
int box_begin(struct host *host, const struct box_plan *plan, struct box *ret, struct err *e);

/*
 * Takes the outcome. 0: exec has succeeded, the worker runs; the caller reaps it (box_reap) when
 * pidfd is readable. 1: a trial took every step. -errno of the failed step with words; the caller
 * discards the box.
 */
int box_finish(const struct host *host, struct box *box, struct err *e);

/* Kills the process, waits for it and frees the slot's cgroup. */
void box_discard(struct host *host, struct box *box);

/* Takes every step in a box that runs nothing, and adds what it learned to the report. 0, or
 * -errno with words when boxes cannot be built here. */
int box_try(struct host *host, struct err *e);

/* A refill runs at ordinary priority from now on. */
void box_promote(const struct host *host, const struct box *box);

/* SIGKILL through the pidfd. */
void box_kill(const struct box *box);

/*
 * Reaps the ended process, frees its slot's cgroup. Returns 1 with *ret_status as from waitpid(2)
 * and words (n bytes, "" when the status says all) or 0 while it still runs.
 */
int box_reap(struct host *host, struct box *box, int *ret_status, char *words, size_t n);
