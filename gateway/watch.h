/*
 * The watchdog over one worker, from outside: a worker that was taken over can switch off every
 * limit inside itself, so the gateway, which knows what it was asked, judges by what comes back.
 * Looked at once a second. Knows no link, no clock and no session.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The one home of these limits; --limit NAME=SECONDS changes them for an operator or a test. */
struct watch_limits {
	uint64_t stall_usec;  /* it takes nothing of what waits for it */
	uint64_t silent_usec; /* it neither reads nor says anything while something waits for it */
	uint64_t event_usec;  /* events wait and none is finished; above the worker's own limits */
	uint64_t idle_usec;   /* processor time that nobody asked for */
};

void watch_limits_default(struct watch_limits *ret);

/* text: NAME=SECONDS, from 1 to 86400. -EINVAL with words. */
int watch_limits_set(struct watch_limits *l, const char *text, struct err *e);

struct watch {
	bool heard;           /* something since the last look */
	int unread;           /* at the last look */
	uint64_t silent_usec; /* since when; 0: it is not */
	uint64_t waits_usec;  /* since when events wait without any being finished; 0: none does */
	uint64_t idle_usec;   /* processor time beyond what is forgiven */
	bool running;         /* events ran at the last look */
};

/* What its link and its sessions are like now. */
struct watch_view {
	uint64_t stalled_usec; /* as link_stalled_usec */
	int unread;            /* bytes in its socket and in our queue */
	bool running;          /* it has unfinished events */
	bool ticks;            /* a visitor is there whose page runs by itself */
};

void watch_heard(struct watch *w);                       /* it sent a message */
void watch_finished(struct watch *w, uint64_t now_usec); /* it finished an event */
void watch_burned(struct watch *w, uint64_t usec);       /* processor time of the last second */

/* Why the worker is to be ended, in words for its owner; NULL: it is well. now_usec: monotonic. */
const char *watch_look(struct watch *w, const struct watch_limits *l, const struct watch_view *v,
	uint64_t now_usec);
