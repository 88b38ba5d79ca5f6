/*
 * What a program's call of a function says to its caller: app.RESULT, where an event would show
 * something on the page. Its handler works on an SDK table of its own, and has the session table
 * for itself from where it first touches it: so calls of one session run beside each other, and
 * "session.n = session.n + 1" stays exact.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/* The handler went to wait or to the back of the queue: what its outputs show by now is yielded, or
 * when flush_usec has passed since the last time. */
void reply_soon(struct task *t);
void reply_due(struct session *s);

/* Adds the RESULT_FINAL that the handler gave to the group. NULL; words why it cannot be. */
const char *reply_finish(struct task *t);

/* The task has ended. */
void reply_forget(struct task *t);

/* host.call_state, host.result and host.turn, see reply.c. */
int reply_host_state(lua_State *L);
int reply_host_result(lua_State *L);
int reply_host_turn(lua_State *L);
