/*
 * The queue protocol of Gradio's clients (sse_v3): sessions by their hash, calls with an event id
 * that anybody may cancel who knows it, and the streams on which results come. The rules that keep
 * these clients from hanging stand here and nowhere else; what each is for is said in session.c.
 *
 *	queue/join ──▶ event ──▶ queue/data: messages of all events of a session
 *	call/NAME  ──▶ event ──▶ call/NAME/ID: its own
 *	run/NAME   ──▶ event ──▶ its answer
 *
 * Knows no HTTP: a reader takes bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/call/call.h"
#include "gateway/call/slice.h"

struct gradio;
struct gradio_event;
struct gradio_session;
struct source;

#define GRADIO_HASH_MAX 120 /* bytes of a session_hash */
#define GRADIO_EVENT_ID_LEN 32
#define GRADIO_QUEUE_MAX                                                                           \
	10000 /* events of all Spaces together, done and not read ones among them */

enum gradio_form { GRADIO_QUEUE, GRADIO_CALL, GRADIO_RUN };

struct gradio_ask {
	struct space *space;
	const struct identity *who;
	struct address *address; /* borrowed for the call */
	const char *hash;        /* session_hash; NULL: a session of its own */
	bool python;             /* the Python client asks */
	const char *api;         /* URL that "/file=" is added to */
};

int gradio_new(struct gateway *g, struct gradio **ret);
/* Every call under way is told that it ends, every stream ends as its client expects. */
void gradio_stop(struct gradio *g);
/* No reader may be left. */
struct gradio *gradio_free(struct gradio *g);
DEFINE_CLEANUP(struct gradio *, gradio_free)

/*
 * Calls function f, whose fn_index is given, with an array of arguments. What is wrong with them is
 * told by the event, which both clients can read. -EBUSY: too much is under way. Otherwise as
 * caller_open. With words.
 */
int gradio_start(struct gradio *g, const struct gradio_ask *ask, enum gradio_form form,
	const struct function *f, uint64_t fn_index, struct slice data, struct gradio_event **ret,
	struct err *e);
const char *gradio_event_id(const struct gradio_event *ev);

/* The Python client has hung up after it had the answer to its queue/join. */
void gradio_noted(void *gradio, const char *event_id);

/* How long the answer to queue/join has to wait, µs. */
uint64_t gradio_hold_usec(const struct gradio_event *ev);

/* Stops the call if the three belong together; anything else is as good as done. */
void gradio_cancel(struct gradio *g, const char *event_id, const char *hash, uint64_t fn_index);

/* --- reading --- */

struct gradio_reader {
	struct gradio_reader *next, **at; /* of the session */
	struct gradio *gradio;
	struct gradio_session *session; /* borrowed; NULL: it is not one's */
	struct gradio_event *event;     /* the same */
	struct gradio_session *closing; /* borrowed; the one whose end it still has to tell */
	struct buf out;
	size_t taken, whole;  /* of out; up to the end of a message */
	bool ended, broken;   /* nothing comes after out; it has to be cut */
	bool failed;          /* the event's end was a failure (run) */
	const char *beat;     /* said after a silence; NULL: nothing is */
	struct source *timer; /* owned */
	/* There is something to take, or it has ended. Never from inside a function here. */
	void (*wake)(struct gradio_reader *r);
};

/* Each initialises all but wake and attaches; given back with gradio_reader_done. -ENOMEM. */
int gradio_read_session(struct gradio *g, const struct gradio_ask *ask, struct gradio_reader *r);
/* -ENOENT: no event of that id and function in this Space. */
int gradio_read_event(struct gradio *g, const struct space *space, const char *event_id,
	const char *function, struct gradio_reader *r);
int gradio_read_started(struct gradio *g, struct gradio_event *ev, struct gradio_reader *r);
int gradio_read_alive(struct gradio *g, struct gradio_reader *r);
void gradio_reader_done(struct gradio_reader *r);

/* Bytes for the socket. 0: none yet; -EPIPE: all has been taken; -ECONNABORTED: cut it. */
ssize_t gradio_take(struct gradio_reader *r, char *room, size_t max);
