/*
 * A Space while it is used: its workers, its visitors, and which session belongs where.
 *
 * A worker (struct replica) is asked for when a session needs one, gets its sessions when it has
 * said HELLO, and is put to sleep when nobody has used it for the Space's sleep_sec. During a
 * deploy two live side by side, and sessions go over one by one when none of their events runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/flow.h"
#include "gateway/gateway.h"
#include "gateway/page.h"
#include "gateway/route.h"
#include "gateway/session/sessions.h"
#include "proto/messages.h"

struct link;
struct space;
struct visit;

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
	char id[33];         /* "" while WAKING */
	char bundle[65];
	uint32_t wake_seq;
	bool upgrade;            /* the app declares upgrade(old) */
	bool handed_over;        /* came with seq 0: sessions may be open on it already */
	bool deaf;               /* handed over and not yet at the HELLO that we asked for */
	unsigned int hellos;     /* that it may still send */
	struct flow flow;        /* what it may say */
	struct source *held;     /* owned; armed while it is not read; NULL: never was */
	uint64_t told_held_usec; /* when its owner was told that it is slowed down */
	struct watch watch;
	struct link *link;        /* owned; NULL while WAKING */
	struct page *page;        /* owned reference; NULL before HELLO */
	size_t sessions, running; /* counted by each tick */
	uint64_t unused_usec;     /* since when an old version's worker has no session; 0: it has */
	size_t gathered;          /* bytes of unfinished groups, all sessions */
};

struct space {
	struct spaces *spaces; /* borrowed */
	struct gateway *gateway;
	struct route *route; /* borrowed; NULL: the Space is gone */
	char id[33];
	struct replica *replicas; /* owned */
	struct visit *visits;     /* borrowed; joined ones */
	size_t n_visits;
	size_t held;               /* bytes of memory in its sessions; counted by each tick */
	size_t queued;             /* bytes that wait for its visitors, in ws.c */
	uint64_t begun;            /* sessions since start */
	uint64_t used_usec;        /* last time a visitor was here or an event ran */
	char failed_bundle[65];    /* that could not be started last … */
	char failure[1025];        /* … why … */
	char failure_detail[1400]; /* … for its owner … */
	uint64_t retry_usec;       /* … and when to try again */
	bool crashing;             /* because its workers keep ending by themselves */
	char last_end[256];        /* why the last one did */
	bool restarting;           /* the last worker was lost, not put to sleep */
	char told_phase[16];       /* last ACTIVITY */
	size_t told_visits;
	uint64_t told_begun;
};

struct spaces;

int spaces_new(struct gateway *g, struct spaces **ret);
struct spaces *spaces_free(struct spaces *s);
DEFINE_CLEANUP(struct spaces *, spaces_free)

/* What sessions need of the outside; data is the struct gateway. */
extern const struct sessions_ops space_sessions_ops;

/* The Space of a route; made on first use. NULL: out of memory. */
struct space *space_of(struct spaces *s, struct route *route);
struct space *space_by_id(struct spaces *s, const char *id); /* NULL: not in use */

/* --- visits --- */
void space_add_visit(struct space *s, struct visit *v);
void space_drop_visit(struct space *s, struct visit *v);

/* Starts a worker for the live bundle unless there is one: somebody is on the way. */
void space_expect(struct space *s);

/* Puts the session on the right worker, or asks for that worker. */
void space_place(struct space *s, struct session *session);

/* The page of a bundle; NULL: not known (yet). Borrowed. */
struct page *space_page(const struct space *s, const char *bundle);

/* waking | running | restarting | failed | stopped | asleep, for a session on this bundle. */
const char *space_phase(const struct space *s, const char *bundle);

/* Words for the failed phase. owner: with file and line. Borrowed; NULL: none. */
const char *space_failure(const struct space *s, bool owner);

/* --- from the edge link --- */
void space_route_changed(struct spaces *s, struct route *route);
void space_route_gone(struct spaces *s, struct route *route);
void spaces_report_all(struct spaces *s); /* ACTIVITY of each anew */

/* --- from the wake link --- */
void space_take_worker(struct spaces *s, uint32_t seq, const struct wake_link *m, int fd);
void space_wake_failed(struct spaces *s, uint32_t seq, const struct wake_wake_failed *m);
void space_worker_gone(
	struct spaces *s, const char *space, const char *replica, const char *reason);
/* A worker used so much processor time in the last second. */
void spaces_worker_burned(struct spaces *s, const char *replica, uint64_t usec);
void spaces_wake_began(struct spaces *s);
void spaces_synced(struct spaces *s);

/* --- from worker_link.c --- */
void replica_hello(struct replica *r, struct page *page, bool upgrade);
void replica_load_failed(struct replica *r, const struct app_load_failed *m);
/*
 * It is of no use any more: sessions are taken off, visitors are told why. fault: what the agent is
 * to tell the owner while it ends the worker; NULL: the agent knows. Freed.
 */
void replica_lost(struct replica *r, const char *fault, const char *why);

/* Each second. */
void spaces_tick(struct spaces *s);

/* How many Spaces have a worker, for /healthz. */
size_t spaces_awake(const struct spaces *s);
