/*
 * Limits on memory, processes and CPU of each box. Kernel: cgroup-v2.rst, cgroup-v1/memory.rst.
 *
 * v2: the box is born in its folder (CLONE_INTO_CGROUP). v1 and hybrid: the child writes "0" to
 * inherited `tasks` files. Never by boxd writing a pid: that waits for an RCU grace period, 6 ms
 * and more. Each box has a folder of its own, with a number never used before, so that counters
 * begin at 0; making one takes as long as making a network namespace, so a few are made ahead.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/box_class.h"

enum cgroup_kind { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

enum cgroup_limit { LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_CPU, LIMITS };

/* The folders of one box, still to be entered. */
struct cgroup_folder {
	unsigned int number; /* their name in every hierarchy; 0: none */
	int dirs[LIMITS];    /* owned; v2: one folder thrice; -1 where there is no limit */
	int tasks[LIMITS];   /* owned; v1: files to write "0" to; -1 */
};

#define CGROUP_FOLDER_NONE                                                                         \
	{                                                                                          \
		.dirs = {-1, -1, -1}, .tasks = { -1, -1, -1 }                                      \
	}

#define CGROUP_SPARES 2
#define CGROUP_STALE 8

struct cgroup_home {
	enum cgroup_kind kind;
	int fds[LIMITS]; /* owned folders that hold the boxes', v2: one folder thrice; or -errno */
	unsigned int last;                          /* number given */
	struct cgroup_folder spares[CGROUP_SPARES]; /* owned; made ahead */
	unsigned int stale[CGROUP_STALE];           /* could not be removed yet; 0: none */
};

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

/* Makes what is missing of the spare folders and removes stale ones: for when nobody waits. */
void cgroup_home_stock(struct cgroup_home *home);

/*
 * A folder with the class's limits, a spare one if there is any. idle: the box runs only when
 * nobody else wants the processor, until cgroup_promote, where the kernel can (cpu.idle, 5.15). It
 * is the folder that must be idle: inside one of its own, a process's SCHED_IDLE compares with
 * nobody, sched(7). -errno with words; nothing is left behind.
 */
int cgroup_take(struct cgroup_home *home, const struct box_class *class, bool idle,
	struct cgroup_folder *ret, struct err *e);

/* Closes the files; the folder stays until cgroup_drop. */
void cgroup_folder_close(struct cgroup_folder *folder);

/* v2: the folder to clone into (borrowed), else -1. */
int cgroup_born_fd(const struct cgroup_home *home, const struct cgroup_folder *folder);

/* By the child, before its uid changes: the kernel compares it with the opener's. -errno. */
int cgroup_enter(const struct cgroup_folder *folder);

/* The ordinary priority again. */
void cgroup_promote(const struct cgroup_home *home, unsigned int number);

/* Whether the kernel killed the folder's process for its memory limit. */
bool cgroup_ran_out(const struct cgroup_home *home, unsigned int number);

/* Removes the folders; their process is reaped. */
void cgroup_drop(struct cgroup_home *home, unsigned int number);
