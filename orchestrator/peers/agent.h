/*
 * The link to the node's agent: builds to check, bundles it wants, workers it reports. The agent
 * may die and come back under a running check: the check is sent again and its owner never knows.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"
#include "orchestrator/blob/blob.h"
#include "proto/messages.h"

struct agent_peer;

struct agent_peer_config {
	struct loop *loop;
	int listen_fd; /* owned from now on */
	uid_t uid;
	struct blob_store *blobs;
	/* Messages are borrowed until these return. replicas: the Space's workers after it. */
	void (*on_log)(const struct agent_log *m, void *data);
	void (*on_worker)(const struct agent_worker *m, size_t replicas, void *data);
	void (*on_want_settings)(const struct agent_want_settings *m, void *data);
	void *data;
};

/* answer: borrowed until it returns; NULL: none came, and why in words. From the loop, once. */
typedef void (*check_fn)(const struct agent_checked *answer, const char *words, void *data);

int agent_peer_new(const struct agent_peer_config *config, struct agent_peer **ret);
struct agent_peer *agent_peer_free(struct agent_peer *a);
DEFINE_CLEANUP(struct agent_peer *, agent_peer_free)

bool agent_peer_is_connected(const struct agent_peer *a);

/*
 * Has a bundle checked. bundle_fd stays the caller's. Without an agent it waits a moment for one.
 * *ret_ticket is for agent_peer_forget.
 */
int agent_peer_check(struct agent_peer *a, const struct agent_check *m, int bundle_fd, check_fn fn,
	void *data, uint32_t *ret_ticket);
void agent_peer_forget(struct agent_peer *a, uint32_t ticket);

/* Sends a bundle ahead of its first start; without an agent nothing happens, it asks later. */
void agent_peer_offer(struct agent_peer *a, const char *bundle);

/* For the Space's next starts. Without an agent nothing happens, it asks when it needs them. */
void agent_peer_settings(struct agent_peer *a, const struct agent_settings *m);

/* Whether the agent has said that this worker runs, and not yet that it has ended. */
bool agent_peer_has_worker(const struct agent_peer *a, const char *replica);

/* Array of {replica, space (id), bundle, epoch, phase, pid}: the caller's. */
json_t *agent_peer_workers(const struct agent_peer *a);
