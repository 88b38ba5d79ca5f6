/*
 * The link to the gateway: every route, pushed; who holds a cookie, answered; how Spaces are
 * used, noted.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"
#include "orchestrator/people/people.h"
#include "orchestrator/store/store.h"
#include "orchestrator/usage/flavours.h"
#include "proto/messages.h"

struct edge_peer;

struct edge_peer_config {
	struct loop *loop;
	int listen_fd; /* owned from now on */
	uid_t uid;
	struct store *store;
	struct people *people;
	/* A call of an app; body: its arguments. Answered by edge_peer_answer, at once or later. */
	void (*on_host_call)(const struct edge_host_call *m, const void *body, size_t n,
		uint64_t ticket, void *data);
	/* Sessions of the Space that have begun since the gateway started. */
	void (*on_begun)(const char *space_id, int64_t begun, void *data);
	/* The class of a Space's box, from what it asks for and was built for. */
	const char *(*class_of)(const struct space_wish *w, void *data);
	/* What the payer has left; words: room for them. -ENOENT: there is no such payer. */
	int (*balance)(const char *payer, struct edge_balance *ret, char words[256], void *data);
	void (*on_worker_up)(const struct edge_worker_up *m, void *data); /* borrowed meanwhile */
	/* Of edge_peer_prove; words: why not, NULL: it leads to the gateway. */
	void (*on_proved)(const char *host, const char *token, const char *words, void *data);
	void *data;
};

int edge_peer_new(const struct edge_peer_config *config, struct edge_peer **ret);
struct edge_peer *edge_peer_free(struct edge_peer *g);
DEFINE_CLEANUP(struct edge_peer *, edge_peer_free)

bool edge_peer_is_connected(const struct edge_peer *g);

/* The Space's row has changed: send it as it now is. Without a gateway: it gets all when it is
 * back. */
void edge_peer_route(struct edge_peer *g, const char *space_id);
void edge_peer_route_gone(struct edge_peer *g, const char *space_id);

/* A worker is to start, so that until the gateway says more, the Space is waking. Without a
 * gateway: nothing. */
void edge_peer_wake(struct edge_peer *g, const char *space_id);

/* What came of on_host_call; a gateway that has gone since hears nothing. */
void edge_peer_answer(
	struct edge_peer *g, uint64_t ticket, uint8_t op, const void *value, size_t n);

/* Does the host lead to the gateway? on_proved follows. -ENOTCONN, -ENOBUFS. */
int edge_peer_prove(struct edge_peer *g, const char *host, const char *token);

/* Why uploads are refused from now on; "": they are not. Copied. */
void edge_peer_disk(struct edge_peer *g, const char *refusal);

/* Networks with a tier of their own, as in edge.NETWORKS; takes networks. */
void edge_peer_networks(struct edge_peer *g, json_t *networks);

struct activity {
	char space[33];
	char phase[17]; /* asleep | waking | running | failed */
	int64_t sessions, visits;
};

/* As last reported; asleep and 0 when nothing was. */
struct activity edge_peer_activity(const struct edge_peer *g, const char *space_id);
