/*
 * What apps ask of the platform over their links: a call is stamped with whose it is, handed to the
 * service it names, and its result goes back to the worker. A service is one row in host.c.
 *
 * Knows no link, no session and no Space: worker_link.c says who calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/loop.h"

#define HOST_NAME_MAX 32
#define HOST_WORKER_CALLS 32         /* of one worker, under way */
#define HOST_WORKER_BYTES (8u << 20) /* of their arguments */
#define HOST_TOTAL_BYTES (64u << 20) /* of all workers */
#define HOST_EDGE_UNDER_WAY 24       /* at the orchestrator, so that its queue holds all results */
#define HOST_EDGE_UNDER_WAY_SPACE 8  /* of one Space */
#define HOST_EDGE_WAIT_SEC 15        /* for the orchestrator's answer */

struct host;
struct host_service;

/* Whose call it is, by the gateway's own tables. */
struct host_stamp {
	char worker[33]; /* id */
	char space[33];
	char session[33];
	char user[41];    /* signed in; "": nobody is */
	char visitor[33]; /* pseudonym */
	char payer[65];   /* as in models.WANT */
	const char *http; /* hosts that the app may speak with; borrowed, while the call begins */
};

struct host_call {
	struct host_call *next; /* the host's list, oldest first */
	struct host *host;      /* borrowed */
	void *worker;           /* borrowed; told by config.answer; NULL: nobody is */
	const struct host_service *service;
	struct host_stamp stamp;
	uint32_t channel, node, seq; /* as in app.HOST_CALL */
	char op[HOST_NAME_MAX + 1];
	struct buf body; /* owned: arguments as JSON; NUL and bytes may follow */
	/* Of the service. */
	uint32_t number;
	bool sent, again;       /* again: a gateway before this one has had it */
	uint64_t deadline_usec; /* monotonic */
	void *data;
};

struct host_service {
	const char *name;
	/* Answers at once (host_answer, host_fail), or later from the loop. */
	void (*start)(struct host_call *c);
	/* Nobody waits any more. True: the call may be freed. False: the service is not done with
	 * it and answers later, which nobody hears; its worker is NULL then, and its body empty. */
	bool (*stop)(struct host_call *c);
};

struct host_config {
	struct loop *loop;
	void (*answer)(void *worker, const struct frame *f);
	/* To the orchestrator. -ENOTCONN: it is away, host_edge_up follows; -ENOBUFS. */
	int (*edge)(const struct frame *f, void *data);
	/* To vitrine-fetch, likewise; host_fetch_up follows. */
	int (*fetch)(const struct frame *f, void *data);
	/* A line for the log of the worker's Space; may be NULL. */
	void (*note)(void *worker, const char *line);
	/* Bytes that the worker has not read yet; may be NULL. */
	size_t (*untaken)(void *worker);
	void *data;
};

int host_new(const struct host_config *config, struct host **ret);
struct host *host_free(struct host *h);
DEFINE_CLEANUP(struct host *, host_free)

/*
 * app.HOST_CALL. A call that is under way already is left alone, so that a worker may send it
 * again. What cannot be taken is answered in words. -EPROTO: no call has that shape.
 */
int host_take(struct host *h, void *worker, const struct host_stamp *stamp, const struct frame *f,
	struct err *e);
/* app.HOST_STOP. */
void host_stop(struct host *h, void *worker, uint32_t seq);
/* The worker is gone. h NULL is fine. */
void host_forget(struct host *h, void *worker);

/* --- for services; the call is freed --- */

/* value: JSON; NUL and bytes may follow. */
void host_answer(struct host_call *c, const void *value, size_t n);
void host_fail(struct host_call *c, const char *code, const char *words);

/* --- for the edge link (host_edge.c) --- */

void host_edge_start(struct host_call *c);
bool host_edge_stop(struct host_call *c);
/* It is there, or again: what waits is sent, and what it did not answer too. */
void host_edge_up(struct host *h);
void host_edge_down(struct host *h);
/* edge.HOST_RESULT. One that nobody waits for is ignored. */
int host_edge_result(struct host *h, const struct frame *f, struct err *e);
void host_edge_tick(void *host); /* its timer */

/* --- for the link with vitrine-fetch (host_fetch.c) --- */

void host_fetch_start(struct host_call *c);
bool host_fetch_stop(struct host_call *c);
/* It is there, or again: what waits is sent. */
void host_fetch_up(struct host *h);
/* What it had ends in words; what it had not may wait for it. */
void host_fetch_down(struct host *h);
/* It has been away for too long: nothing waits for it any more. */
void host_fetch_gone(struct host *h);
/* fetch.ANSWER, fetch.FAILED. One that nobody waits for is ignored. */
int host_fetch_result(struct host *h, const struct frame *f, struct err *e);

/* What the files of this room share. */
struct host {
	struct host_config config;
	struct host_call *calls; /* owned */
	size_t bytes;            /* of their bodies */
	uint32_t numbers;
	struct source *timer; /* owned */
	bool edge_up, fetch_up, fetch_gone;
};
