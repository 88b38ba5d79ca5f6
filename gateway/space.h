/*
 * A Space while it is used: its workers, its visitors, and which session belongs where.
 *
 * A worker (struct replica) is asked for when a session needs one, gets its sessions when it has
 * said HELLO, and is put to sleep when nobody has used the Space for its sleep_sec. A Space whose
 * events wait gets more of them (place.h). During a deploy two versions live side by side, and
 * sessions go over one by one when none of their events runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/gateway.h"
#include "gateway/page.h"
#include "gateway/queue.h"
#include "gateway/rate.h"
#include "gateway/route.h"
#include "gateway/scale.h"
#include "gateway/session/sessions.h"
#include "proto/messages.h"

struct replica;
struct visit;

struct space {
	struct spaces *spaces; /* borrowed */
	struct gateway *gateway;
	struct route *route; /* borrowed; NULL: the Space is gone */
	char id[33];
	struct replica *replicas; /* owned */
	struct row queue;         /* events that wait for a turn */
	struct scale scale;
	struct rate rate;     /* of its visitors' events */
	struct visit *visits; /* borrowed; joined ones */
	size_t n_visits;
	size_t held;               /* bytes of memory in its sessions; counted by each tick */
	size_t queued;             /* bytes that wait for its visitors, see backlog.h */
	uint64_t begun;            /* sessions since start */
	uint64_t used_usec;        /* last time a visitor was here or an event ran */
	char failed_bundle[65];    /* that could not be started last … */
	char failure[1025];        /* … why … */
	char failure_detail[1400]; /* … for its owner … */
	uint64_t retry_usec;       /* … and when to try again */
	bool crashing;             /* because its workers keep ending by themselves */
	char last_end[256];        /* why the last one did */
	bool wanted;               /* restarted before every live worker was known */
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

/* The page of a bundle; NULL: not known (yet). Borrowed. */
struct page *space_page(const struct space *s, const char *bundle);

/* waking | running | restarting | failed | stopped | asleep, for a session on this bundle. */
const char *space_phase(const struct space *s, const char *bundle);

/* Words for the failed phase. owner: with file and line. Borrowed; NULL: none. */
const char *space_failure(const struct space *s, bool owner);

/* --- from the edge link --- */
void space_route_changed(struct spaces *s, struct route *route);
void space_restarted(struct spaces *s, struct route *route); /* a worker without a visitor */
void space_route_gone(struct spaces *s, struct route *route);
void spaces_report_all(struct spaces *s); /* ACTIVITY of each anew */

/* --- from the wake link --- */
void spaces_synced(struct spaces *s);

/* --- for the rooms of a Space --- */
void spaces_each(struct spaces *s, void (*fn)(void *space, void *data), void *data);
void spaces_acks_soon(struct spaces *s); /* sessions_flush_acks in a moment */
void spaces_look_soon(struct spaces *s); /* somebody waits: looked at more often than each second */
void spaces_look_now(struct spaces *s);  /* in the next round */
/* PHASE to those whom this bundle concerns. */
void space_tell_phase(struct space *s, const char *bundle);
/* The bundle has no worker, and that is why; detail is for the owner, NULL: no more to say. */
void space_fail_bundle(struct space *s, const char *bundle, const char *message, const char *detail,
	uint64_t retry_usec);

/* Each second. */
void spaces_tick(struct spaces *s);

/* How many Spaces have a worker, for /healthz. */
size_t spaces_awake(const struct spaces *s);
