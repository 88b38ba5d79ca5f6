/*
 * What one box is to be, checked: slot, class, and the three files its worker inherits.
 *
 * Everything the agent sends about a box becomes a plan here or is refused here. Knows no kernel
 * mechanism.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct box_class {
	const char *name;
	uint64_t memory_bytes;    /* of the cgroup */
	uint64_t address_bytes;   /* RLIMIT_AS; above memory, because a mapped file counts whole */
	unsigned int cpu_percent; /* of one core */
};

struct box_plan {
	unsigned int slot;
	const struct box_class *class; /* borrowed, static */
	int log_fd;   /* borrowed, like the next two: write end of a pipe, becomes 1 and 2 */
	int app_fd;   /* SOCK_SEQPACKET, becomes 3 */
	int infer_fd; /* SOCK_SEQPACKET, becomes 4 */
	bool trial;   /* no files, no worker: take every step but exec, then end */
};

/* The class of that number (BOX_SMALL, …), NULL: there is none. */
const struct box_class *box_class_find(unsigned int number);

/*
 * -EPROTO: slot not below slots, unknown class, or a file that is not what its place asks for: a
 * pipe to write to, and twice an AF_UNIX SOCK_SEQPACKET socket. (A directory would be a way out,
 * a regular file could be filled, and a datagram socket can be redirected.)
 */
int box_plan_check(const struct box_plan *plan, unsigned int slots, struct err *e);
