/*
 * Limits on memory, processes and CPU of each box. Kernel: cgroup-v2.rst, cgroup-v1/memory.rst.
 *
 * v2: the box is born in its folder (CLONE_INTO_CGROUP). v1 and hybrid: the child writes "0" to
 * inherited `tasks` files. Never by boxd writing a pid: that waits for an RCU grace period, 6 ms
 * and more. A slot's folder is made for each box and removed after it, so that counters begin at 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/box_class.h"

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

enum cgroup_limit { LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_CPU, LIMITS };

struct cgroup_home {
	enum cgroup_kind kind;
	int fds[LIMITS]; /* owned folders that hold the slots', v2: one folder thrice; or -errno */
};

/* What a child needs to enter its slot's folder. */
struct cgroup_entry {
	int born_fd;       /* v2: for clone_boxed; -1 */
	int tasks[LIMITS]; /* v1: files to write "0" to; -1 where there is none */
};

#define CGROUP_ENTRY_NONE                                                                          \
	{                                                                                          \
		.born_fd = -1, .tasks = { -1, -1, -1 }                                             \
	}

/*
 * At start: makes the home folders "vitrine-PID" where this process may, gives them to owner, and
 * removes those of dead boxds. Never fails: a limit without a writable hierarchy has the reason
 * as negative errno in place of its folder, and with none at all the kind is CGROUP_NONE.
 */
void cgroup_home_open(struct cgroup_home *ret, uid_t owner);
void cgroup_home_close(struct cgroup_home *home);

/* Removes the homes of a boxd that has ended: for its parent, which has the right that boxd gave
 * up. 0, also where there is none; -EBUSY: the kernel has not let go of a box yet. */
int cgroup_home_remove(pid_t pid);

/* Whether boxes are held to this limit. */
bool cgroup_home_limits(const struct cgroup_home *home, enum cgroup_limit limit);

/*
 * Makes the slot's folders with the class's limits. idle: the box runs only when nobody else wants
 * the processor, until cgroup_slot_promote, where the kernel can (cpu.idle, 5.15). It is the folder
 * that must be idle: inside one of its own, a process's SCHED_IDLE compares with nobody, sched(7).
 * -errno with words; nothing is left behind.
 */
int cgroup_slot_make(const struct cgroup_home *home, unsigned int slot,
	const struct box_class *class, bool idle, struct cgroup_entry *ret, struct err *e);

/* The ordinary priority again. */
void cgroup_slot_promote(const struct cgroup_home *home, unsigned int slot);

void cgroup_entry_close(struct cgroup_entry *entry);

/* By the child, before its uid changes: the kernel compares it with the opener's. -errno. */
int cgroup_enter(const struct cgroup_entry *entry);

/* Whether the kernel killed the slot's process for its memory limit. */
bool cgroup_slot_ran_out(const struct cgroup_home *home, unsigned int slot);

/* Removes the slot's folders; its process is reaped. */
void cgroup_slot_drop(const struct cgroup_home *home, unsigned int slot);
