/*
 * A living box seen from outside: what the kernel says of its process in /proc and in its cgroups.
 * An ordinary user may not see all of a process that is not dumpable, so what is hidden is left as
 * boxd said it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "cli/doctor/layers.h"

/* Looks at a sealed box's process; slot_uid: the uid it must have, where it has one of its own. */
void look_at_box(struct layer all[LAYERS], pid_t pid, uid_t slot_uid);

/* 1: boxd holds what it needs and no more; 0: not so. words (n bytes) say which. -errno: it cannot
 * be looked at. */
int look_at_boxd(pid_t pid, char *words, size_t n);

/* 1: the process has no privilege, cannot gain any, and is under a call filter; 0: not so, and
 * words (n bytes) say why. -errno: it cannot be looked at. */
int look_is_confined(pid_t pid, char *words, size_t n);

/* The memory limit of the process's cgroup in bytes; 0: none is seen. */
uint64_t look_memory_limit(pid_t pid);

/* A process that has been spinning, and its cgroup's CPU limit. */
struct cpu_look {
	int64_t throttled;    /* how often it was held back */
	uint64_t used_usec;   /* CPU time it has had */
	unsigned int percent; /* of one core, its share */
};

/* -errno: not all of it is to be seen. */
int look_at_cpu(pid_t pid, struct cpu_look *ret);
