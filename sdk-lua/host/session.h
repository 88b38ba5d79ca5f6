/*
 * Visitors' sessions on this worker: what comes for them, in which order their handlers run, and
 * when a group goes out. Speaks Lua only through the SDK's entry functions.
 */
#pragma once

#include "sdk-lua/host/inside.h"

struct session *session_find(struct worker *w, uint32_t channel);

/* Frames of the app link. Negative with words: the link ends. */
int session_on_open(struct worker *w, const struct frame *f, struct err *e);
int session_on_value(struct worker *w, const struct frame *f, struct err *e);
int session_on_event(struct worker *w, const struct frame *f, struct err *e);
int session_on_cancel(struct worker *w, const struct frame *f, struct err *e);
int session_on_close(struct worker *w, const struct frame *f, struct err *e);
int session_on_ack(struct worker *w, const struct frame *f, struct err *e);
int session_on_resume(struct worker *w, const struct frame *f, struct err *e);

/* A handler of the session has ended; what failed is said in the group that finishes it. */
void session_task_ended(struct session *s, struct task *t, enum task_end how);

/* Starts what can start now. */
void session_pump(struct session *s);
void sessions_pump_all(struct worker *w);

/* The handler went to wait or to the back of the queue: what it has shown goes out now, or when
 * flush_usec has passed since the last group. */
void session_flush_soon(struct session *s);
void sessions_flush_due(void *worker);

/* Groups that found the link's queue full. */
void sessions_send_rest(struct worker *w);

/* session:save(): an interim group with the session table. Same errors as image_send. */
int session_save(struct session *s, lua_State *L, struct value_why *why);

/* Ends every running handler of these components (cancels = …). */
void session_cancel_nodes(struct session *s, const uint32_t *nodes, size_t n);

void sessions_free(struct worker *w);
