/*
 * When a session's group goes out, and with what: at a handler's end, while it streams, when it
 * saves, and when something failed.
 */
#pragma once

#include "sdk-lua/host/inside.h"
#include "sdk-lua/host/trace.h"

/* Closes the group of event n. Without memory for it the worker ends. */
void publish(struct session *s, uint32_t n, uint8_t op);

/* Adds what changed of the session table to the group. Same errors as image_send. */
int publish_image(struct session *s, struct value_why *why);

/* Adds a FAIL to the group of event n and closes it. */
void publish_failure(struct session *s, uint32_t n, const struct failure *f);

/* Ends event n with these words for the visitor; op: FAIL_LIMIT, FAIL_CANCELLED, FAIL_INVALID. */
void publish_refusal(struct session *s, uint32_t n, uint8_t op, const char *words);

/* The handler went to wait or to the back of the queue: what it has shown goes out now, or when
 * flush_usec has passed since the last group. */
void publish_soon(struct session *s);
void publish_due(void *worker);

/* Has publish_due look at the session at that time, or before. */
void publish_at(struct session *s, uint64_t due_usec);

/* In the middle of a handler: an interim group goes out once it holds half of what it may. */
void publish_much(struct session *s);

/* session:save(): an interim group with the session table. From protected code. [-0, +0, m] */
int publish_save(struct session *s, lua_State *L, struct value_why *why);
