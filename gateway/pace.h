/*
 * How long the handlers of a Space take, learned from those that ended, and when the next turn is
 * to be expected from that. Knows no session and no clock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PACE_KINDS_MAX 64   /* handlers of a Space that are told apart */
#define PACE_SERVERS_MAX 64 /* turns at a time; more are taken for as many */

struct pace {
	struct pace_kind {
		uint32_t node;
		uint8_t kind;
		uint64_t mean_usec; /* moving: the newest counts for an eighth, at first for more */
		uint32_t n;
	} kinds[PACE_KINDS_MAX];
	size_t n;
};

/* An event of that handler took so long. */
void pace_note(struct pace *p, uint32_t node, uint8_t kind, uint64_t took_usec);

/* What the next one will take, about; 0: nothing is known. */
uint64_t pace_mean(const struct pace *p, uint32_t node, uint8_t kind);

/* A row before so many equal doors: when the first, the second, … of those who wait goes in. */
struct pace_line {
	uint64_t free_usec[PACE_SERVERS_MAX]; /* from now on until each door is free */
	size_t n, occupied;
	uint64_t mean_usec;
};

/* doors: at least 1 is taken. mean_usec: as pace_mean, not 0. */
void pace_line_init(struct pace_line *l, size_t doors, uint64_t mean_usec);
/* One door has been taken for so long. */
void pace_line_running(struct pace_line *l, uint64_t since_usec);
/* When the next in the row goes in, from now on. */
uint64_t pace_line_next(struct pace_line *l);
