/*
 * A program as a visitor. A caller has a session of a Space and calls functions in it, several at a
 * time: CALL goes up through a visit of its own, so that identity, private Spaces, limits, the
 * session log, the queue, replicas and waking up are those of every visitor.
 *
 *	call_start ──▶ on_queue* ──▶ on_started ──▶ (on_progress | on_log | on_yield)* ──▶ on_final
 *	                                                                             └──▶ on_failed
 *
 * Exactly one of on_final and on_failed comes, at any time, unless the caller is closed before; the
 * call is gone then. Who waits is told the place at once and whenever it changes; a call that
 * starts at once hears no on_queue. After a handler is run again (retry = true, its worker was
 *lost) what it says comes again too. All of these come from the loop, never from inside a function
 *here.
 *
 * Knows no HTTP and no foreign protocol.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/call/function.h"
#include "gateway/edge.h"
#include "gateway/gateway.h"
#include "gateway/limits.h"

struct call;
struct caller;
struct callers;
struct page;
struct space;

enum call_failure {
	CALL_ERROR,       /* the function failed; the words are for the caller to read */
	CALL_INVALID,     /* an argument is not what it should be */
	CALL_LIMIT,       /* a limit of the Space or of the platform */
	CALL_CANCELLED,   /* by call_cancel, or by another handler of the app */
	CALL_INTERRUPTED, /* its worker was lost, and nothing more comes of it */
	CALL_UNAVAILABLE, /* the Space cannot be started, or is gone */
};

/* json: one JSON value as text, borrowed for the call. */
struct call_ops {
	/* place from 1 among of who wait for the same; expected_ms until it starts, 0: not known.
	 * reason: NULL before on_started; after it what a model call waits for, in words.
	 */
	void (*on_queue)(
		size_t place, size_t of, int64_t expected_ms, const char *reason, void *data);
	void (*on_started)(void *data);
	void (*on_progress)(const uint8_t *json, size_t n, void *data);
	void (*on_log)(const uint8_t *json, size_t n, void *data);
	/* An array with a value for each output of the function. */
	void (*on_yield)(const uint8_t *json, size_t n, void *data);
	void (*on_final)(const uint8_t *json, size_t n, void *data);
	void (*on_failed)(enum call_failure why, const char *message, void *data);
};

struct caller_start {
	struct space *space;
	struct address *address;    /* borrowed for the call */
	const struct identity *who; /* as the request's token or cookie says */
	const char *key; /* names the session, up to CALLER_KEY_MAX bytes; NULL: one of its own,
			    which ends with the caller */
	size_t key_length;
};

#define CALLER_KEY_MAX 200

int callers_new(struct gateway *g, struct callers **ret);
/* Ends all of them. None may be held. */
struct callers *callers_free(struct callers *t);
DEFINE_CLEANUP(struct callers *, callers_free)

/*
 * The caller of that key, Space and user; the same one as long as somebody has it, and the same
 * session again within SESSION_PROGRAM_SEC, also after a restart of the gateway. The words of a
 * refusal are for the program: -ENOENT: there is no such Space, or it is private; -EAGAIN: nothing
 * has been built, or a limit on sessions. -ENOMEM. Given back with caller_close.
 */
int caller_open(
	struct callers *t, const struct caller_start *start, struct caller **ret, struct err *e);
/* Its session has ended and all of its calls have been told so: only another one can call. */
bool caller_is_over(const struct caller *c);
/* Calls that run go on, and are heard by nobody. */
struct caller *caller_close(struct caller *c);
DEFINE_CLEANUP(struct caller *, caller_close)

/*
 * The functions that the Space offers now; NULL: not known yet, the worker that will say so has
 * been asked for. *ret_page keeps them: a reference of the caller's, page_unref.
 */
const struct function_table *space_functions(struct space *s, struct page **ret_page);

/*
 * Calls a function with args, a JSON array as text with at most one value for each input. It is in
 * the session log when this returns. data of ops stays the caller's. -EBADMSG: args is no such
 * array. -EMSGSIZE: over CALL_ARGS_MAX, or too much unfinished. -EBUSY: too many calls of this
 * session are unfinished. -EAGAIN: too many in too short a time. -ENOTCONN: the session has ended.
 * -ENOSPC, -EIO: the log cannot be written. All with words.
 */
int call_start(struct caller *c, const struct function *f, const uint8_t *args, size_t n,
	const struct call_ops *ops, void *data, struct call **ret, struct err *e);

/* It stops, or never starts; on_failed(CALL_CANCELLED) follows at once. */
void call_cancel(struct call *c);

/* The same, and nothing more is heard of it. NULL is fine. Returns NULL. */
struct call *call_drop(struct call *c);

#define CALL_ARGS_MAX (3u << 20)
