/* What the files of the session room share. */
#pragma once

#include "gateway/session/sessions.h"

struct sessions {
	struct sessions_ops ops;
	struct sessions_limits limits;
	void *data;
	struct session_log *log; /* owned */
	int secret_fd;           /* owned */
	struct map by_number;    /* owns the sessions */
	struct map by_id;
	struct map space_counts, visitor_counts; /* values: count as a pointer-sized number */
	uint32_t next_number;
	struct session *ack_list;
	uint64_t damaged; /* records that made no sense in replay */
	/* compaction under way (compact.c) */
	int compact_from;       /* first segment that stays; 0: none under way */
	uint32_t *compact_list; /* owned; numbers still to be written */
	size_t compact_n, compact_at;
	uint32_t compact_failures; /* of syncs, when it began */
	uint64_t compact_end;      /* of the log, once they are all written; 0: they are not */
};

int session_make_live(struct session *s);
void session_drop_live(struct session *s);

/* Appends one record of the session. Logs a failure. */
int session_append(struct sessions *t, struct session *s, enum log_kind kind, uint32_t n,
	const void *value, size_t length);

void sessions_compact_step(struct sessions *t);
void sessions_compact_done(struct sessions *t);

/* RESUME to the session's worker: what has it after the last group in the log, or LOST. */
void session_ask(struct sessions *t, struct session *s);

/* Back to the version that it is on; its owner is told. why: NULL: as the new version said. */
void session_refuse_move(struct sessions *t, struct session *s, const char *why);

/* --- session.c --- */
void session_set_phase(struct session *s, enum session_phase phase);
/* A frame without a value for the visitor. lazy: it may wait for others. */
void session_show_head(struct sessions *t, struct session *s, uint8_t type, uint8_t op,
	uint32_t node, uint32_t seq, bool lazy);
/* A frame without a value for the worker. */
void session_send_head(struct sessions *t, struct session *s, uint8_t type, uint32_t seq);
void session_send_ack(struct sessions *t, struct session *s);
void session_send_event(struct sessions *t, struct session *s, struct pending *p);
void session_pump(struct sessions *t, struct session *s);
/* The worker forgets the session, says so, and gets it anew: then old events are new to it. */
void session_reopen(struct sessions *t, struct session *s);
/* The log calls them sent; those before that number have not been. */
void session_mark_waiting(struct sessions *t, struct session *s, uint32_t before, bool again);

/* --- events.c --- */
int session_retry_one(struct sessions *t, struct session *s, struct pending *p);
/* Tells the visitor that this event was interrupted. why: NULL: nobody knows. */
void session_show_one(
	struct sessions *t, struct session *s, const struct pending *p, const char *why);

/* --- attach.c --- */
/* For the log, what is held counts as sent from here on; here it still has to be. */
void session_arrive(struct sessions *t, struct session *s, const char *bundle, const char *replica);
/* The worker says that it does not have it. asked: which question that answers, 0 if none. */
void session_lost(struct sessions *t, struct session *s, uint32_t asked);

/* --- groups.c --- */
void session_group_clear(struct session_group *g);
