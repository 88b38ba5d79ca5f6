/*
 * Boxes before they have an app: asked of boxd ahead of time or for a start that waits, and how one
 * is ended. Knows how many starts wait, and nothing of what they ask for.
 */
#pragma once

#include "agent/node.h"

#define BOX_OUTPUT_MAX 16000 /* bytes that a build may print */

/* A slot in this state (of this class, unless it is FREE), or NULL. */
struct slot *box_find(struct node *n, enum slot_state state, uint8_t class);

/* Asks boxd to end it; its slot is free when boxd says so. Twice is once. */
void box_end(struct slot *s);

/* The ordinary priority from now on, if it was built at that of the pool. */
void box_promote(struct slot *s);

/* A line of the platform's, in brackets, for the log of the box's Space. */
void box_note(const struct slot *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As many boxes are under way as starts wait; the pool is refilled only while nobody waits. */
void boxes_keep_coming(struct node *n);

/* Timer; data: the node. */
void boxes_refill(void *data);
