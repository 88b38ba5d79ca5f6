/*
 * Slots: the places of boxes on this node, each with the life of one box.
 *
 *	          SPAWN              SEALED             WAKE
 *	  FREE ----------> SPAWNING ---------> BLANK ---------> RUNNING
 *	   ^                  |                  | CHECK           |
 *	   |                  |                  v                 |
 *	   |                  |               CHECKING             |
 *	   |  EXITED/REFUSED  v      KILL        v       KILL      v
 *	   +---------------------------------- ENDING <------------+
 *
 * A slot in which an earlier agent left a box goes from FREE to ENDING. Any state but FREE can fall
 *to FREE by itself when its process ends. Waiting states: SPAWNING (for SEALED, with a deadline),
 *CHECKING (for HELLO or LOAD_FAILED, then perhaps TESTED, with a deadline), ENDING (for EXITED). A
 *slot changes state only through slot_set_state. Knows no peers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/app_log.h"
#include "base/link.h"
#include "base/loop.h"
#include "base/random.h"
#include "proto/messages.h"

enum slot_state {
	SLOT_FREE,
	SLOT_SPAWNING,
	SLOT_BLANK,
	SLOT_CHECKING,
	SLOT_RUNNING,
	SLOT_ENDING,
	SLOT_STATES,
};

struct node;
struct settings;
struct job;

struct slot {
	struct node *node; /* borrowed; whose slot this is */
	uint32_t number;   /* of the slot, as boxd counts */
	enum slot_state state;
	uint8_t class; /* BOX_SMALL, … */
	bool refill;   /* built at idle priority until it is promoted */
	int pid;       /* as boxd says; for operators */
	char replica[ID_LEN + 1];

	struct link *app;        /* owned until the worker is handed over; NULL then */
	int app_fd;              /* owned duplicate of the gateway's end; -1 while FREE */
	struct app_log *log;     /* owned */
	struct source *deadline; /* owned; timer of SPAWNING and CHECKING */
	uint64_t started_usec;   /* monotonic; when the box was given its app */

	struct job *job;           /* owned while CHECKING */
	struct app_hello *hello;   /* owned; of a check, while its tests run */
	struct buf output;         /* what the app printed while being checked */
	struct settings *settings; /* owned reference; NULL: its Space has none */
	char space[33], bundle[65];
	int64_t epoch;
	bool served;       /* handed to the gateway: visitors, not only a build */
	bool asked_to_end; /* KILL was sent on purpose: its end is no crash */
	char fault[256];   /* why it was sent all the same: its end is one; "": no fault */
};

/* Moves the slot; a move that the drawing does not have is a bug and asserts. */
void slot_set_state(struct slot *s, enum slot_state to);
const char *slot_state_name(enum slot_state s);

/* Releases what a box left behind and makes the slot FREE. */
void slot_reset(struct slot *s);

void slot_drop_hello(struct slot *s);
