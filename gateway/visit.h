/*
 * A visitor's connection: the wire link of one page, whatever carries it. Takes whole frames in,
 * gives whole frames out; joins a session and feeds it.
 *
 *	CONNECTED ──JOIN──▶ ASKING ──who it is──▶ JOINED ──closed──▶ freed
 *
 * We wait in CONNECTED for JOIN and in ASKING for the orchestrator, half a second at most.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/frame.h"
#include "gateway/edge.h"
#include "gateway/limits.h"
#include "gateway/space.h"
#include "proto/messages.h"

enum visit_phase { VISIT_CONNECTED, VISIT_ASKING, VISIT_JOINED, VISIT_ENDED };

struct visit_ops {
	/* lazy: may wait a few ms. forced: even over the queue's ceiling, once.
	 * -ENOBUFS: over the ceiling, nothing taken; visit_drained follows. */
	int (*send)(void *transport, const uint8_t *frames, size_t n, bool lazy, bool forced);
	/* Close after what was sent. The transport calls visit_free from its loop. */
	void (*end)(void *transport, bool retry);
};

struct price;

struct visit {
	struct visit *next, **at; /* among the Space's */
	struct gateway *gateway;
	struct space *space; /* borrowed; NULL once the Space is gone */
	const struct visit_ops *ops;
	void *transport;
	struct address *address; /* borrowed */
	enum visit_phase phase;
	char visitor[ID_LEN + 1];
	char *cookie; /* owned; the sign-in cookie, NULL: none */
	struct identity who;
	struct identify *asking; /* borrowed; NULL: not waiting */
	bool owner;
	bool program; /* has no page: it is shown no tree and no state */
	struct frame_joiner joiner;
	struct buf values, secrets; /* VALUE frames ahead of their event */
	uint32_t values_n;          /* that event's number */
	struct session *session;    /* borrowed; NULL before JOINED */
	uint32_t shown_seq;
	bool fresh;      /* its session began with this JOIN, and no tree was sent yet */
	bool behind;     /* frames were dropped: catch up when the queue has drained */
	bool wants_tree; /* the page was not known yet */
	/* JOIN, kept while ASKING */
	uint32_t join_seq;
	char join_session[33];
	char join_bundle[65];
	char join_boot[17];
	char *join_query;    /* owned */
	struct price *price; /* owned; price.c's; NULL: not known */
};

struct visit_start {
	struct gateway *gateway;
	struct space *space;
	const struct visit_ops *ops;
	void *transport;
	struct address *address;
	const char *visitor; /* id */
	const char *cookie;  /* sign-in cookie or NULL, cookie_length bytes */
	size_t cookie_length;
	const struct identity *program; /* it is a program, and this is who; NULL: it is a page */
};

int visit_new(const struct visit_start *start, struct visit **ret);
struct visit *visit_free(struct visit *v);

/*
 * Takes one message of the transport: whole frames. Negative with words: the visit is over (BYE
 * has been sent).
 */
int visit_take(struct visit *v, const uint8_t *bytes, size_t n, struct err *e);

/* The queue is empty again after -ENOBUFS. */
void visit_drained(struct visit *v);

/*
 * CALL of a program, whose seq is filled in. Refused with words, the visit goes on: as
 * session_event, and -EAGAIN: too many in too short a time.
 */
int visit_call(struct visit *v, struct frame *call, struct err *e);

/* Ends it with words for the visitor. */
void visit_end(struct visit *v, bool retry, const char *reason);

/* What gestures cost and what is left for them. */
void visit_show_cost(struct visit *v, const struct wire_cost *m);

/* --- for space.c --- */
void visit_show(struct visit *v, const uint8_t *frames, size_t n, bool fails, bool lazy);
void visit_show_phase(struct visit *v, const char *phase, const char *message);
/* Place in the row, from 1, of so many; 0: the wait is over. expected_ms: 0: nobody knows. */
void visit_show_queue(
	struct visit *v, uint32_t n, uint32_t node, size_t place, size_t of, int64_t expected_ms);
/* The same of a handler that runs and waits for a model; reason: for people. Place 0: no longer. */
void visit_show_wait(struct visit *v, uint32_t n, uint32_t node, const struct wire_queue *m);
void visit_show_started(struct visit *v, uint32_t n, uint32_t node); /* a call went to a worker */
void visit_show_all(struct visit *v); /* TREE, overlay, COMMIT; waits for the page if need be */
void visit_page_known(struct visit *v);
void visit_tick(struct visit *v); /* asks again who it is when that is still open */
