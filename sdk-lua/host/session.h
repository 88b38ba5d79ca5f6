/*
 * Visitors' sessions on this worker, and in which order their handlers run. Speaks Lua only
 * through the SDK's entry functions.
 */
#pragma once

#include "sdk-lua/host/inside.h"

struct session *session_find(struct worker *w, uint32_t channel);

/* Begins a session without its Lua side (state_ref). NULL: no memory. */
struct session *session_new(struct worker *w, uint32_t channel, uint32_t seq, const char *id);

/* Drops its handlers without a word, and everything it holds. */
void session_free(struct session *s);
void sessions_free(struct worker *w);

/* Ends the handler of event n, 0: all of them, and tells the visitor unless how is END_DROPPED. */
void session_stop_tasks(struct session *s, uint32_t n, enum task_end how);

/* Ends every running handler of these components (cancels = …): those of calls or those of events,
 * as what cancels them is one. */
void session_cancel_nodes(struct session *s, const uint32_t *nodes, size_t n, bool calls);

/* Starts a handler whose function and arguments are on the task's thread. h may be NULL. */
void session_start_task(
	struct session *s, struct task *t, const struct handler *h, uint32_t n, uint32_t node);

/* A handler of the session has ended; what failed is said in the group that finishes it. */
void session_task_ended(struct session *s, struct task *t, enum task_end how);

/*
 * The running call's handler is about to touch the session table, and has it for itself from now to
 * its end. False: another has it; the task is woken when its turn has come.
 */
bool session_take_turn(struct task *t);

/* Starts an event that no visitor made, n = 0, if it can start now. */
bool session_start_own(struct session *s, uint32_t node, uint8_t kind);

/* Starts what can start now. */
void session_pump(struct session *s);
void sessions_pump_all(struct worker *w);

/* Runs one of the SDK's own functions (argument: s), as this session. */
void session_run_for(struct session *s, lua_CFunction fn);

/* Groups that found the link's queue full. */
void sessions_send_rest(struct worker *w);
