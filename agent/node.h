/*
 * The node: its slots, its waiting jobs, and its four peers. What comes in on a peer's link is
 * turned into calls of this header (peers_in.c); what the node has to say goes out through peers.h.
 * Nothing here parses a peer's frame. boxes.h has the boxes without an app, starts.h the jobs that
 * wait, app_link.h what workers say, ends.h how boxes end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/backoff.h"
#include "agent/bundle_cache.h"
#include "agent/job.h"
#include "agent/log_budget.h"
#include "agent/log_head.h"
#include "agent/settings.h"
#include "agent/slot.h"
#include "agent/variables.h"
#include "base/loop.h"
#include "proto/box_class.h"

struct peers;

struct node {
	struct loop *loop;          /* borrowed */
	struct peers *peers;        /* borrowed */
	struct bundle_cache *cache; /* owned */
	struct backoff *backoff;    /* owned */
	struct log_budget *budget;  /* owned */
	struct settings_held *held; /* owned */
	struct app_place place;
	struct slot *slots;            /* owned; n_slots of them */
	size_t n_slots;                /* as boxd says; 0 until it is connected */
	size_t strangers;              /* boxes of an earlier agent that boxd is still to tell of */
	struct job *jobs, **jobs_tail; /* owned; first come, first served within a class */
	struct source *refill;         /* owned; timer */
	struct source *ask;            /* owned; timer: what jobs wait for is asked for again */
	struct box_pool pool;          /* as configured */
	bool used[BOX_CLASSES];        /* a Space of this class was built or started here */
};

int node_new(struct loop *loop, const char *data_dir, const struct box_pool *pool,
	const struct app_place *place, struct node **ret, struct err *e);
struct node *node_free(struct node *n);
DEFINE_CLEANUP(struct node *, node_free)

/* Takes the job (owned). Answers through the peers, now or later. */
void node_take_job(struct node *n, struct job *j);

/* Ends a worker because its Space sleeps. An unknown replica is ignored. */
void node_sleep(struct node *n, const char *replica);

/* Ends a worker because it broke a rule or a limit: a crash, with these words for its owner. */
void node_stop(struct node *n, const char *replica, const char *why);

/* A line of the platform's for the log of the worker's Space. */
void node_note(struct node *n, const char *replica, const char *line);

/* A bundle arrived, or is known to be missing: jobs that waited for it go on or fail. */
void node_bundle_arrived(struct node *n, const char *hash);
void node_bundle_missing(struct node *n, const char *hash, const char *why);

/*
 * The newest settings of a Space are here, or there is no such Space: jobs that waited go on. Or
 * they cannot be read: jobs that waited fail.
 */
void node_settings_arrived(struct node *n, const struct agent_settings *m);

/* boxd is there with this many slots, and tells of so many boxes that an earlier agent left. */
void node_boxd_up(struct node *n, size_t slots, size_t strangers);
void node_boxd_down(struct node *n);
void node_spawned(struct node *n, uint32_t slot, int pid);
void node_refused(struct node *n, uint32_t slot, int code, const char *why);
void node_exited(struct node *n, uint32_t slot, int status, const char *why);

/* Inference is back: every live worker gets a new infer link. */
void node_renew_infer_links(struct node *n);

/* Tells an orchestrator that has just connected which workers run, and what jobs wait for. */
void node_report_all(struct node *n);

/* Hands every running worker to a gateway that has just connected. */
void node_hand_over_all(struct node *n);
