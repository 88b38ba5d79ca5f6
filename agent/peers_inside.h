/*
 * What the three files of the agent's links share: peers.c has the links, peers_in.c turns what
 * comes on them into calls of node.h, peers_out.c what the node says into frames.
 */
#pragma once

#include <stdint.h>

#include "agent/backlog.h"
#include "agent/peers.h"
#include "base/dial.h"
#include "base/link.h"
#include "proto/messages.h"

enum peer_name { PEER_BOXD, PEER_INFERENCE, PEER_ORCHESTRATOR, PEER_GATEWAY, PEERS };

struct peer_kind {
	const char *name;
	enum proto_link link;
	enum proto_direction incoming;
	bool files;
};

extern const struct peer_kind peer_kinds[PEERS];

struct peer {
	struct peers *all; /* borrowed */
	enum peer_name name;
	struct dialer *dialer; /* owned; NULL for the gateway, which dials us */
	struct link *link;     /* owned; NULL while away */
};

struct peers {
	struct loop *loop;         /* borrowed */
	struct node *node;         /* borrowed */
	struct listener *listener; /* owned */
	struct peer peers[PEERS];
	struct backlog backlog; /* for the orchestrator, while it is away */
	uint64_t lines_dropped;
};

/* peers.c: sends it, or says -ENOTCONN while the peer is away. value: NULL if f has its own. */
int peers_post(struct peers *p, enum peer_name name, struct frame *f, const struct buf *value,
	const int *fds, size_t n_fds);

/* peers_in.c: a negative errno ends the link. */
int peers_handle(struct peer *peer, const struct frame *f, struct link_files *files, struct err *e);

/* peers_out.c: what was kept while the orchestrator was away. */
void peers_post_backlog(struct peers *p);
/* peers_out.c: the gateway has heard of every worker that runs. */
void peers_send_sync(struct peers *p);
