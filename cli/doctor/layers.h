/*
 * The promise, as a table: each layer between a stranger's code and the host, and whether "full"
 * and "user" demand it. A layer is in force when boxd says so and nothing that was seen from
 * outside says otherwise.
 */
#pragma once

#include <stdbool.h>

#include "cli/doctor/report.h"

enum layer_name {
	LAYER_BOX,
	LAYER_NAMESPACES,
	LAYER_TIME,
	LAYER_UID,
	LAYER_ROOT,
	LAYER_FILES,
	LAYER_PRIVILEGES,
	LAYER_FILTER,
	LAYER_LANDLOCK,
	LAYER_MDWE,
	LAYER_RLIMITS,
	LAYER_MEMORY,
	LAYER_PROCESSES,
	LAYER_CPU,
	LAYER_BOXD,
	LAYER_SEALED_ATTACKS,
	LAYER_EARLY_ATTACKS,
	LAYER_WORKER,
	LAYERS
};

enum promise { PROMISE_USER = 1, PROMISE_FULL = 2 };

struct layer {
	enum finding_state state; /* OK, MISSING, UNSEEN */
	char says[320];
};

/* All unseen. */
void layers_init(struct layer all[LAYERS]);

/* Takes over what boxd's HOST message says. */
void layers_read_host(struct layer all[LAYERS], const char *host);

/* Notes what was seen. What is missing stays missing, whatever is seen later. */
void layer_note(struct layer all[LAYERS], enum layer_name name, bool in_force, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "full" or "user"; NULL: it is neither. */
const char *promise_name(enum promise promise);
bool promise_parse(const char *text, enum promise *ret);

/* Adds every layer to the report, required as the promise has it. */
void layers_report(const struct layer all[LAYERS], enum promise promise, struct report *r);
