/*
 * What waits for one page, counted beside what waits for all pages of its Space: when a page falls
 * behind, and when it is no visitor any more. Every transport asks here. Holds no bytes itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/space.h"

struct backlog {
	struct space *space; /* borrowed */
	size_t bytes;
	uint64_t taken_usec; /* monotonic; when the page last took something of it */
};

/* More waits. */
void backlog_add(struct backlog *b, size_t n);

/* The page has taken n bytes of it; 0: it is still taking. */
void backlog_take(struct backlog *b, size_t n);

/* Nothing waits any more, because the page has gone. */
void backlog_drop(struct backlog *b);

/* n more would be too much for it, unless it has taken everything: it falls behind. */
bool backlog_is_full(const struct backlog *b, size_t n);

/* It does not read, and n more are not worth keeping for it; its session stays. */
bool backlog_is_stuck(const struct backlog *b, size_t n);
