/*
 * What the orchestrator is to hear once it is back: messages in order, up to a limit. What comes
 * beyond it is counted and dropped, so that the beginning of a trouble is kept. Knows no link.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define BACKLOG_MAX (2u << 20) /* bytes of waiting messages */

struct backlog {
	struct buf records; /* {u8 type, u32 length, value} */
	unsigned int dropped;
};

void backlog_init(struct backlog *b);
void backlog_done(struct backlog *b);

/* Keeps a copy, or counts it as dropped. */
void backlog_add(struct backlog *b, uint8_t type, const void *value, size_t n);

/* Gives each message to fn, oldest first, and forgets all. Returns how many had been dropped. */
unsigned int backlog_empty(struct backlog *b,
	void (*fn)(uint8_t type, const uint8_t *value, size_t n, void *data), void *data);
