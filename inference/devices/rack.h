/*
 * The devices of this service: what each may take of its memory for weights, and whether it is in
 * service. Knows no model and no request; whoever loads models asks where one may go.
 *
 *	              drain                 exclude
 *	 SERVING ──────────────▶ DRAINING ──────────▶ EXCLUDED
 *	    │ ▲ ▲                    │                 ▲  │
 *	    │ │ └───── return ───────┘     exclude     │  │
 *	    │ └──────── return ────────────────────────┼──┘
 *	    ├──────────────────────────────────────────┘
 *	    └── a fault ──▶ FAILED ── return, where it can be revived ──▶ SERVING
 *
 * What an administrator said outlives this process where rack_keep has a file, a fault in between
 * too; the fault does not: a device that opens again is tried again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/devices/device.h"

#define RACK_MAX 8
#define RACK_NAME_MAX 31
#define RACK_REASON_MAX 200

enum bay_state { BAY_SERVING, BAY_DRAINING, BAY_EXCLUDED, BAY_FAILED };

/* A state with why and since when. */
struct bay_word {
	enum bay_state state; /* BAY_SERVING: nothing is said */
	char reason[RACK_REASON_MAX + 1];
	uint64_t since_usec;
};

struct bay {
	struct device *device; /* borrowed */
	char name[RACK_NAME_MAX + 1];
	enum bay_state state;
	char reason[RACK_REASON_MAX + 1]; /* of the state; "" while it serves */
	uint64_t since_usec;              /* wall clock, of the state; 0: from the beginning */
	struct bay_word word;             /* an administrator's, whatever has failed since */
	uint64_t memory_max, memory;      /* bytes of weights: that it may have, and has */
};

struct rack {
	struct bay bays[RACK_MAX]; /* in the order in which models are placed */
	size_t n;
	int fd; /* owned; what administrators said; -1: it is not kept */
};

void rack_init(struct rack *r);
void rack_done(struct rack *r);

/* Adds a device, which is borrowed and named by its kind; a second of a kind gets a number.
 * -ENOSPC: there are RACK_MAX. */
int rack_add(struct rack *r, struct device *d, uint64_t memory_max);

/* Reads what administrators said from the file "devices" in dir, and keeps it there from now on.
 * Of devices that are not there any more nothing is kept. The errno of opening it. */
int rack_keep(struct rack *r, const char *dir, struct err *e);

struct bay *rack_find(struct rack *r, const char *name); /* NULL: there is none */
const char *bay_state_name(enum bay_state state);

/* The only writer of a state; reason may be NULL. Logs it, and keeps it where it is an
 * administrator's. */
void rack_set(struct rack *r, struct bay *b, enum bay_state to, const char *reason);

/* The first one in service that may take so much at all. NULL: none. */
struct bay *rack_place(struct rack *r, uint64_t need);

/* The most that any device may take, in service or not. */
uint64_t rack_largest(const struct rack *r);

/* Words for a model that no device in service can hold: what it needs and what there is; -ENODEV.
 */
int rack_refuse(const struct rack *r, uint64_t need, struct err *e);
