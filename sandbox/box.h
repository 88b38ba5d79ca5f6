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
	int pidfd; /* owned */
};

/*
 * Builds the box and starts the worker in it; returns when exec has succeeded or a step has
 * failed, 1 to 3 ms. The plan has been checked; its files stay the caller's. *ret is filled on
 * success; the caller reaps the process (box_reap) when pidfd is readable. -errno of the failed
 * step with words; -ETIMEDOUT: the child did not answer within 5 s. Nothing is left then.
 */
int box_build(const struct host *host, const struct box_plan *plan, struct box *ret, struct err *e);

/* Takes every step in a box that runs nothing, and adds what it learned to the report. 0, or
 * -errno with words when boxes cannot be built here. */
int box_try(struct host *host, struct err *e);

/* SIGKILL through the pidfd. */
void box_kill(const struct box *box);

/*
 * Reaps the ended process, frees its slot's cgroup. Returns 1 with *ret_status as from waitpid(2)
 * and words (n bytes, "" when the status says all) or 0 while it still runs.
 */
int box_reap(const struct host *host, struct box *box, int *ret_status, char *words, size_t n);
