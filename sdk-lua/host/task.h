/*
 * Handlers as coroutines: up to TASKS_MAX at once, those that wait before those that burn, each
 * within its limits of CPU and wall time. Knows sessions only by pointer.
 */
#pragma once

#include "sdk-lua/host/inside.h"

int tasks_init(struct worker *w);
void tasks_done(struct worker *w);

/* A free slot with its thread, state still TASK_FREE; NULL: all are taken. [-0, +0, m] */
struct task *task_get(struct worker *w);

/* Begins: the function and n_args arguments are on t->thread. */
void task_start(struct task *t);

/* Begun a moment ago: it may take so long, and no longer. */
void task_limit(struct task *t, uint64_t wall_usec);

/* What it waited for has come. No-op unless it waits. */
void task_wake(struct task *t);

/* Ends a handler that does not run right now; it is not resumed. Its session is told unless
 * how is END_DROPPED. */
void task_stop(struct task *t, enum task_end how, const char *words);

bool tasks_ready(const struct worker *w);
void tasks_run(struct worker *w);

/*
 * For C functions called by a handler: waits, then goes on in k. [-0, +0, v] Raises where the
 * code cannot yield, or outside a handler.
 */
int task_wait(lua_State *L, enum task_wait wait, lua_KFunction k, lua_KContext context);
