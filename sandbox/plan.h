/*
 * What one box is to be, checked: slot, class, and the three files its worker inherits.
 *
 * Everything the agent sends about a box becomes a plan here or is refused here. Knows no kernel
 * mechanism.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct box_plan {
	unsigned int slot;
	unsigned int class; /* BOX_SMALL, … */
	int log_fd;         /* borrowed, like the next two: write end of a pipe, becomes 1 and 2 */
	int app_fd;         /* SOCK_SEQPACKET, becomes 3 */
	int infer_fd;       /* SOCK_SEQPACKET, becomes 4 */
	bool refill;        /* nobody waits for it: BOX_REFILL */
	bool trial;         /* no files, no worker: take every step but exec, then end */
};

/*
 * -EPROTO: slot not below slots, unknown class, or a file that is not what its place asks for: a
 * pipe to write to, and twice an AF_UNIX SOCK_SEQPACKET socket. (A directory would be a way out,
 * a regular file could be filled, and a datagram socket can be redirected.)
 */
int box_plan_check(const struct box_plan *plan, unsigned int slots, struct err *e);
