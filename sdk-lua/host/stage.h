/*
 * test.lua: an app's own tests, which drive it as a gateway would. What a test does goes in as a
 * frame of docs/PROTOCOL.md, through the same table and the same checks; the groups that would go
 * to the gateway come to the test instead. Only while a build is checked. Knows no component.
 */
#pragma once

#include "sdk-lua/host/inside.h"

#define STAGE_FILE "test.lua"
#define STAGE_WALL_USEC (20 * USEC_PER_SEC)

/* The bundle that is being checked brings tests. */
bool stage_wanted(const struct worker *w);

/* After HELLO: test.lua runs as a task without a session; at its end TESTED is sent. -ENOMEM. */
int stage_begin(struct worker *w);
struct stage *stage_free(struct stage *g);

/* The task of test.lua has ended. */
void stage_ended(struct worker *w, struct task *t, enum task_end how);

/* A group that is complete, instead of sending it. */
void stage_take(struct worker *w, uint32_t channel, const struct group *g);

/* host.stage_send and host.stage_next, see stage.c. */
int stage_host_send(lua_State *L);
int stage_host_next(lua_State *L);
