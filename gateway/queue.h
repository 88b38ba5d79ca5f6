/*
 * The row of a Space's events that wait for a turn, across its workers. A worker runs TASKS_MAX
 * handlers at a time, and of one handler no more than it declares; what would only wait there waits
 * here, unsent: so it can go to whichever worker is free first, outlives every worker, and its
 * visitor can be told the place. One ticket per session, in the order in which they came; a
 * session's next event queues behind those of others. Calls have one each.
 *
 * Knows nothing of when workers are added or ended; says how long the oldest event has waited.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/pace.h"
#include "gateway/session/sessions.h"

struct replica;
struct space;
struct ticket;

struct row {
	struct ticket *head, **tail; /* owned */
	size_t n, programs;          /* tickets; of programs */
	struct pace pace;
};

/* What counts against one limit: the runs of a handler, or, kind 0, of all with its concurrency_id.
 */
struct lane_id {
	uint32_t node;
	uint8_t kind;
};

/* A handler under way on a worker that counts for its TASKS_MAX. */
struct run {
	uint32_t session, n;
	struct lane_id lane;
	bool parallel;
	uint64_t since_usec; /* monotonic */
};

struct runs {
	struct run *list; /* owned */
	size_t n, cap;
};

void queue_init(struct row *q);
void queue_done(struct row *q);
void runs_done(struct runs *r);

/* As sessions_ops.may_send; a no gives the session a ticket. */
bool queue_may_send(struct space *s, struct session *session, struct pending *p, bool behind);

/* The event was sent to the session's worker. */
void queue_sent(struct space *s, struct session *session, const struct frame *event);

/* The worker has finished event n: there may be room for others. */
void queue_finished(struct replica *r, struct session *session, uint32_t n);

/* There may be room: whoever is first and fits is sent, moving to a free worker if need be. */
void queue_go_on(struct space *s);

void queue_forget(struct space *s, const struct session *session);

/* Drops what is no more, tells visitors their places. now_usec: monotonic. */
void queue_look(struct space *s, uint64_t now_usec);

/* How long the event has waited that another worker would help most; 0: none waits. */
uint64_t queue_delay_usec(const struct space *s, uint64_t now_usec);
