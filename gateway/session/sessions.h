/*
 * All sessions of the gateway: the table, the log behind it, and what happens to a session while
 * it lives. Visitors and workers are opaque here and reached through struct sessions_ops, so that
 * the whole mechanism runs in a test with fake ones and a fake clock.
 *
 * Rules (docs/PROCESSES.md, "A session"): the log is written before anything is sent on; ACCEPTED
 * follows the append of IN; the visitor sees a group after the append of OUT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/frame.h"
#include "gateway/map.h"
#include "gateway/rate.h"
#include "gateway/session/log.h"
#include "gateway/session/state.h"

#define GROUP_BYTES_MAX (9u << 20) /* of one group being gathered */
#define GROUP_FRAMES_MAX 16384

/*
 * Where a session stands towards workers.
 *
 *	DETACHED ──attach──▶ OPEN ──attach, new bundle──▶ MOVING ──COMMIT 0──▶ OPEN
 *	                      │ ▲                          └─ FAIL 0: DETACHED, old bundle
 *	                      ▼ │ LOST
 *	                    REOPENING
 *	(replay) ──resume──▶ RESUMING ──HELLO, or LOST──▶ OPEN
 *
 * and from everywhere to DETACHED when the worker is lost or the session leaves it. Events wait
 * (HELD) in all but OPEN. We wait for the worker in MOVING; in RESUMING for the HELLO that follows
 * what it had to say; in REOPENING for the LOST that says that it has forgotten the session: only
 * then is it clear which of its groups belong to the new opening. A worker that had the session
 * before and gets it back is met the same way.
 */
enum session_phase {
	SESSION_DETACHED,
	SESSION_RESUMING,
	SESSION_OPEN,
	SESSION_REOPENING,
	SESSION_MOVING,
};

struct session_group {
	struct buf image;   /* IMAGE frames */
	struct buf visible; /* PATCH, FAIL and RESULT frames */
	uint32_t frames;
	bool fails;
};

struct session_live {
	enum session_phase phase;
	void *visit;   /* borrowed; NULL: no visitor connected */
	void *replica; /* borrowed; NULL: on none */
	struct session_group group;
	char target[65];         /* while MOVING: the bundle it moves to … */
	char target_replica[33]; /* … and the worker */
	char stuck[65];          /* bundle that could not take it */
	uint32_t sent_n;    /* highest event sent in this opening; a worker ignores lower ones */
	char former[2][33]; /* workers it was taken off */
	uint32_t asked;     /* number of the last RESUME; LOST brings it back */
	bool replayed;      /* from the log: a gateway before this one had it */
	bool refused;       /* its worker could not open it: nothing is tried again by itself */
	bool resend;        /* an OUT could not be written: RESUME is due */
	bool ack_due;
	uint32_t ack_bytes;
	struct session *next_ack;
	uint64_t left_usec;    /* when the last visitor went (monotonic); 0: one is connected */
	uint64_t moving_usec;  /* since when MOVING */
	uint8_t told_presence; /* PRESENCE_… that its worker knows; 0: nothing (presence.c) */
	struct rate rate;      /* of its events; visit.c's */
	char network[17];      /* of the visitor who was there last, see visitor.h; "": not known */
	uint8_t address[16];   /* the same as it is, for its class; address_n bytes */
	size_t address_n;
	void *ticket; /* borrowed; its place in the Space's row, queue.c's; NULL: none */
};

struct sessions;

struct sessions_ops {
	uint64_t (*now_usec)(void *data); /* monotonic */
	int64_t (*wall_sec)(void *data);

	/* To the session's visitor (there is one). lazy: may wait a few ms for company. */
	void (*show)(struct session *s, const uint8_t *frames, size_t n, bool fails, bool lazy,
		void *data);
	/* The session moved to another bundle or back: the visitor needs tree and state anew. */
	void (*show_all)(struct session *s, void *data);

	/* To the session's worker (there is one). Failures are the link's to report. */
	void (*send)(struct session *s, const struct frame *f, void *data);
	void (*cork)(struct session *s, bool on, void *data);
	/* Bytes about to be sent name files of the Space: the worker gets them first. */
	void (*send_files)(struct session *s, const uint8_t *bytes, size_t n, void *data);
	/* Appends the files of the Space that the bytes name, as a JSON array. */
	int (*list_files)(
		struct session *s, const uint8_t *bytes, size_t n, struct buf *b, void *data);
	/* Bytes of a worker's file. -ENOSPC and the like. */
	int (*keep_blob)(struct session *s, const struct frame *f, struct err *e, void *data);

	/* An event waits and no worker has the session. */
	void (*want_worker)(struct session *s, void *data);
	/* Handlers of this event are declared safe to run again. */
	bool (*may_retry)(const struct session *s, uint32_t node, uint8_t kind, void *data);
	/* The event may go to the session's worker now. behind: an earlier one of the session was
	 * told to wait. session_go_on says that there may be room again. NULL: always. */
	bool (*may_send)(struct session *s, struct pending *p, bool behind, void *data);
	/* Its page needs to know whether the visitor is there. NULL: never. */
	bool (*wants_presence)(const struct session *s, void *data);
	/* None of its events is running any more: a moment to move. */
	void (*settled)(struct session *s, void *data);
	/* sessions_flush_acks should be called in a moment. */
	void (*acks_due)(void *data);
	/* A line for the Space's owner, of the session's worker (there is one). */
	void (*tell_owner)(struct session *s, const char *words, void *data);
	/* The session is about to be freed. */
	void (*forgotten)(struct session *s, void *data);
};

struct sessions_limits {
	size_t per_space;
	size_t per_visitor;
	size_t space_bytes;     /* in memory, of all sessions of a Space; see sessions_bound */
	uint64_t keep_sec;      /* without a visitor */
	uint64_t leave_sec;     /* without a visitor until it has left */
	uint64_t untouched_sec; /* the same for sessions in which nothing happened */
	uint64_t program_sec;   /* the same for those of programs; 0: as the others */
	uint64_t compact_bytes; /* a log below this is left as it is; 0: 8 MiB */
};

/* Replays the log in dir. */
int sessions_new(const char *dir, const struct sessions_ops *ops,
	const struct sessions_limits *limits, void *data, struct sessions **ret, struct err *e);
struct sessions *sessions_free(struct sessions *t);
DEFINE_CLEANUP(struct sessions *, sessions_free)

struct session *sessions_by_id(struct sessions *t, const char *id); /* NULL: none */
struct session *sessions_by_number(struct sessions *t, uint32_t number);
/* One of the visitor in that Space; NULL: none. Looks through all sessions if the visitor has any.
 */
struct session *sessions_by_visitor(struct sessions *t, const char *space, const char *visitor);
size_t sessions_count(const struct sessions *t);
void sessions_each(struct sessions *t, void (*fn)(struct session *s, void *data), void *data);

/*
 * Begins a session (BEGIN is appended). user and query may be NULL.
 * -EUSERS: the Space or the visitor has too many, words say which; -ENOSPC and the like.
 */
int sessions_begin(struct sessions *t, const char *space, const char *visitor, const char *user,
	const char *query, struct session **ret, struct err *e);

/* Ends a session for good: CLOSE to its worker, FORGET in the log. */
void sessions_forget(struct sessions *t, struct session *s);

/* --- from the visitor --- */

/* A visitor is there (NULL: gone). */
void session_set_visit(struct sessions *t, struct session *s, void *visit);

/*
 * Event n with its frames VALUE* EVENT, or CALL (channel 0) as they came; secret frames apart.
 * -EPROTO: n leaves a gap. -EBUSY: too many unfinished. -EMSGSIZE: over a limit. -ENOSPC, -EIO:
 * the log cannot be written. All with words for the visitor; nothing was accepted then.
 */
int session_event(struct sessions *t, struct session *s, uint32_t n, const uint8_t *frames,
	size_t length, const uint8_t *secret, size_t secret_length, struct err *e);
void session_cancel(struct sessions *t, struct session *s, uint32_t n);
/* Forgets event n, which was interrupted or which no worker has seen: it never starts. False: it is
 * neither. */
bool session_withdraw(struct sessions *t, struct session *s, uint32_t n);
int session_retry(struct sessions *t, struct session *s, uint32_t n, struct err *e);

/*
 * What a page that has seen group seq is missing. Returns 1 and the groups through show when the
 * outbox reaches back that far, 0 when the page needs tree and state.
 */
int session_catch_up(struct sessions *t, struct session *s, uint32_t seq);

/* Shows INTERRUPTED for each such event. */
void session_show_interrupted(struct sessions *t, struct session *s);

/* Appends overlay as PATCHes and the COMMIT that carries the last seq. */
int session_write_overlay(const struct session *s, struct buf *b);

/* --- to and from workers --- */

struct session_host {
	void *replica;
	const char *id, *bundle;
	bool upgrade;     /* it answers a move with a COMMIT or FAIL of event 0 */
	bool handed_over; /* it has served a gateway before this one */
};

/* Opens the session on a worker, moving it there from another bundle if need be. */
void session_attach(struct sessions *t, struct session *s, const struct session_host *h);

/* After a restart: the worker that has it is still there. A HELLO asked for behind the last
 * session_resume says that all has been heard: then session_resumed. */
void session_resume(struct sessions *t, struct session *s, void *replica);
void session_resumed(struct sessions *t, struct session *s);

/* Takes it off its worker. close: tell the worker; else the worker is lost. */
void session_detach(struct sessions *t, struct session *s, bool close, const char *why);

/*
 * PATCH, IMAGE, FAIL, RESULT, COMMIT, BLOB, LOST from the session's worker. Negative with words:
 * the worker broke the protocol or a limit, its link must end.
 */
int session_worker_frame(
	struct sessions *t, struct session *s, const struct frame *f, struct err *e);

/* Events of it that wait may have their turn: those that may_send lets pass are sent. */
void session_go_on(struct sessions *t, struct session *s);

void sessions_flush_acks(struct sessions *t);

/* --- housekeeping --- */

/* Each second or so: expiry, moves that take too long, unwritten groups, compaction. */
void sessions_tick(struct sessions *t);

/* Bytes of memory that a session takes, about. */
size_t session_memory(const struct session *s);

/*
 * Forgets sessions of the Space until they hold less than space_bytes together: first those without
 * a visitor, oldest first, then the largest. Returns how many.
 */
size_t sessions_bound(struct sessions *t, const char *space);

struct session_log *sessions_log(struct sessions *t);
