/*
 * The agent's four links: boxd, inference and the orchestrator are dialled, the gateway comes in.
 * Turns frames into calls of node.h and the node's words into frames.
 */
#pragma once

#include <sys/types.h>

#include "agent/node.h"
#include "base/err.h"
#include "base/loop.h"

struct peers_config {
	const char *run_dir; /* where the sockets are */
	int wake_fd;         /* listening; owned from now on */
	uid_t gateway_uid;
};

int peers_new(struct loop *loop, struct node *node, const struct peers_config *config,
	struct peers **ret, struct err *e);
struct peers *peers_free(struct peers *p);
DEFINE_CLEANUP(struct peers *, peers_free)
