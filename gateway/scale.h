/*
 * How many workers a Space should have, decided from what was seen of it: one more when events have
 * waited too long for a turn, one less after a calm time. A pure decision: knows no worker, no link
 * and no clock.
 *
 * Up, one at a time: an event has waited longer than up_usec, and at every look for that long again
 * one did; nobody is on the way already, the ceiling is not reached, and the last one asked for was
 * not refused a moment ago. Down, one at a time: for calm_usec no event waited and at no look did
 * all workers have something to do. The load of two busy workers is no calm, so the number does not
 * swing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define SCALE_UP_USEC (250 * USEC_PER_MSEC)
#define SCALE_REFUSED_USEC (10 * USEC_PER_SEC) /* at least, before another one is asked for */

struct scale_settings {
	uint64_t up_usec;
	uint64_t calm_usec;
};

/* A Space as it is now. */
struct scale_view {
	size_t serving;      /* workers that take events */
	size_t coming;       /* asked for, not there yet */
	size_t busy;         /* of those serving, with a handler under way */
	size_t max;          /* ceiling, from 1 */
	uint64_t delay_usec; /* of the event that has waited longest for a turn; 0: none waits */
};

struct scale {
	uint64_t late_usec;       /* since when events wait too long; 0: they do not */
	uint64_t calm_usec;       /* since when it is calm; 0: it is not */
	uint64_t not_before_usec; /* after one was refused */
};

enum scale_word { SCALE_STAY, SCALE_UP, SCALE_DOWN };

/* A look. After SCALE_UP or SCALE_DOWN it counts anew. now_usec: monotonic. */
enum scale_word scale_look(struct scale *s, const struct scale_settings *set,
	const struct scale_view *v, uint64_t now_usec);

/* The worker that SCALE_UP asked for could not be had, and is not to be asked for before. */
void scale_refused(struct scale *s, uint64_t retry_usec, uint64_t now_usec);
