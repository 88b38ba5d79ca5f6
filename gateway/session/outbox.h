/* The tail of what a session's visitor was sent: whole groups, newest OUTBOX_MAX bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX (256 * 1024)

struct outbox_group {
	struct outbox_group *next;
	uint32_t seq;
	bool fails; /* holds a FAIL, which not everyone may read in full */
	size_t length;
	uint8_t frames[];
};

struct outbox {
	struct outbox_group *first, *last; /* owned */
	size_t bytes;
	uint32_t floor; /* groups up to here are no longer held */
};

void outbox_init(struct outbox *o, uint32_t floor);
void outbox_done(struct outbox *o);

/* Keeps a copy of group seq, dropping the oldest over the ceiling. Out of memory: drops all. */
void outbox_add(struct outbox *o, uint32_t seq, bool fails, const uint8_t *frames, size_t n);

/* Drops the groups up to seq: the visitor has them. */
void outbox_trim(struct outbox *o, uint32_t seq);

/* The first group after seq. *ret_all: every group after seq is held (also when there is none). */
const struct outbox_group *outbox_after(
	const struct outbox *o, uint32_t seq, uint32_t last_seq, bool *ret_all);
