/*
 * The agent's four links: boxd, inference and the orchestrator are dialled, the gateway comes in.
 * Turns frames into calls of node.h and the node's words into frames.
 */
#pragma once

#include <sys/types.h>

#include "agent/node.h"
#include "base/err.h"
#include "base/loop.h"
#include "proto/messages.h"

struct peers_config {
	const char *run_dir; /* where the sockets are */
	int wake_fd;         /* listening; owned from now on */
	uid_t gateway_uid;
};

int peers_new(struct loop *loop, struct node *node, const struct peers_config *config,
	struct peers **ret, struct err *e);
struct peers *peers_free(struct peers *p);
DEFINE_CLEANUP(struct peers *, peers_free)

/* --- what the node says. All are no-ops while the peer is away. --- */
int peers_spawn(struct peers *p, const struct slot *s, const int fds[3]);
void peers_promote(struct peers *p, uint32_t slot);
void peers_kill(struct peers *p, uint32_t slot);
int peers_attach_infer(struct peers *p, const struct slot *s, int inference_end);
void peers_assign_infer(struct peers *p, const struct slot *s);
bool peers_has_orchestrator(const struct peers *p);
void peers_want_bundle(struct peers *p, const char *hash);
void peers_want_settings(struct peers *p, const struct job *j);
/* m: what is to be said beside who the worker is; phase is set. */
void peers_worker_phase(struct peers *p, const struct slot *s, const struct agent_worker *m);
/* A worker is wanted that no box serves yet. */
void peers_worker_wanted(struct peers *p, const struct job *j);
void peers_log_line(
	struct peers *p, const struct slot *s, const struct log_head *head, const char *line);
void peers_hand_over(struct peers *p, const struct slot *s, uint32_t seq);
void peers_wake_failed(
	struct peers *p, uint32_t seq, const char *why, int64_t retry_ms, bool crashing);
void peers_gone(struct peers *p, const struct slot *s, const char *reason);
void peers_metrics(struct peers *p, const struct buf *text);
void peers_cpu(struct peers *p, const struct slot *s, uint64_t usec);

/* What came of a check: exactly one of hello, failed, why is not NULL; tested goes with hello. */
struct check_result {
	const struct app_hello *hello;
	const struct app_tested *tested;
	const struct app_load_failed *failed;
	const char *why;
};

/* s: NULL where no box was found. */
void peers_checked(struct peers *p, const struct slot *s, const struct job *j,
	const struct check_result *result);
