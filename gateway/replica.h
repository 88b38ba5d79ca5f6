/*
 * A worker of a Space, from asking for it to its end: WAKE to the agent, its app link, HELLO, and
 * how it is lost or put to sleep. Which session goes where is space.c's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/flow.h"
#include "gateway/space.h"
#include "gateway/watch.h"
#include "proto/messages.h"

struct link;

/*
 *	WAKING ──LINK──▶ LOADING ──HELLO──▶ RUNNING ──SLEEP, GONE, end of its link──▶ freed
 *	   │                └──LOAD_FAILED──▶ freed
 *	   └──WAKE_FAILED──▶ freed
 *
 * We wait in WAKING for the agent and in LOADING for the worker.
 */
enum replica_phase { REPLICA_WAKING, REPLICA_LOADING, REPLICA_RUNNING };

struct replica {
	struct replica *next;
	struct space *space; /* borrowed */
	enum replica_phase phase;
	uint64_t since_usec; /* in this phase */
	uint64_t asked_usec; /* when the agent was asked for it; 0: it was handed over */
	char id[33];         /* "" while WAKING */
	char bundle[65];
	uint32_t wake_seq;
	int64_t settings;    /* version that it started with, or will at least */
	bool upgrade;        /* the app declares upgrade(old) */
	bool handed_over;    /* came with seq 0: sessions may be open on it already */
	bool deaf;           /* handed over and not yet at the first HELLO that we asked for */
	bool blank;          /* no session was open on it when it said HELLO */
	uint32_t hello_seq;  /* of that first one, the second has one more; 0: not handed over */
	unsigned int hellos; /* that it may still send */
	struct flow flow;    /* what it may say */
	struct source *held; /* owned; armed while it is not read; NULL: never was */
	uint64_t told_held_usec; /* when its owner was told that it is slowed down */
	struct watch watch;
	struct link *link;        /* owned; NULL while WAKING */
	struct page *page;        /* owned reference; NULL before HELLO */
	size_t sessions, running; /* counted by each tick */
	size_t present;           /* of the sessions, where its page needs to know; likewise */
	struct runs runs;         /* handlers under way (queue.h) */
	bool draining;            /* it gets no more events and ends when its sessions have left */
	uint64_t unused_usec;     /* since when one to be ended has no session; 0: it has */
	size_t gathered;          /* bytes of unfinished groups, all sessions */
};

/* Asks the agent for a worker of that bundle. NULL: it cannot be asked now. */
struct replica *replica_ask(struct space *s, const char *bundle);
/* Without a word to anyone; sessions must be off it. */
void replica_free(struct replica *r);

struct replica *replica_by_id(const struct space *s, const char *id); /* NULL: none */

/* --- from the wake link --- */
void replicas_take(struct gateway *g, uint32_t seq, const struct wake_link *m, int fd);
void replicas_wake_failed(struct gateway *g, uint32_t seq, const struct wake_wake_failed *m);
void replicas_gone(struct gateway *g, const char *space, const char *replica, const char *reason);
/* A model call of event n waits, or, place 0, waits no longer; m: as its visitor is to be told. */
void replicas_wait(struct gateway *g, const char *replica, uint32_t session, uint32_t n,
	const struct wire_queue *m);
/* A worker used so much processor time in the last second. */
void replicas_burned(struct gateway *g, const char *replica, uint64_t usec);

/* --- from worker_link.c --- */
void replica_hello(struct replica *r, struct page *page, bool upgrade);
void replica_load_failed(struct replica *r, const struct app_load_failed *m);
/*
 * It is of no use any more: sessions are taken off, visitors are told why. fault: what the agent is
 * to tell the owner while it ends the worker; NULL: the agent knows. Freed.
 */
void replica_lost(struct replica *r, const char *fault, const char *why);

/* --- for space.c --- */
/* Its sessions are stored, the agent ends it. Freed. */
void replica_put_to_sleep(struct replica *r);
/* The same for another reason, in words for visitors whose events ran there. */
void replica_end(struct replica *r, const char *why);
/* It runs with settings that are not the Space's any more: it goes when others have come. */
bool replica_is_outdated(const struct replica *r);
/* Ends those that load for too long, and those that the watchdog gives up. */
void replicas_end_stuck(struct space *s, uint64_t now);
void replicas_watch(struct space *s, uint64_t now);
