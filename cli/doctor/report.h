/*
 * What the doctor found, for people and as JSON. Knows how a finding looks, not where it comes
 * from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/json.h"

enum finding_section {
	SECTION_HOST,
	SECTION_BOX,
	SECTION_ATTACKS,
	SECTION_WORKER,
	SECTION_PLATFORM,
	SECTIONS
};

enum finding_state {
	FINDING_OK,
	FINDING_NOTE,    /* worth knowing; breaks no promise */
	FINDING_MISSING, /* not in force */
	FINDING_UNSEEN,  /* nobody could look; something else is missing then */
};

struct finding {
	enum finding_section section;
	const char *name;  /* static, for programs */
	const char *title; /* static, for people */
	enum finding_state state;
	bool required; /* by the promise that was asked for */
	char says[320];
	const char *remedy; /* static; shown where the state is NOTE or MISSING; NULL: none */
};

#define FINDINGS_MAX 64

struct report {
	const char *promise; /* static: "full" or "user" */
	struct finding findings[FINDINGS_MAX];
	size_t n;
	json_t *attacks; /* owned: array of {number, name, stage, expected, got, holds} */
};

/* Adds a finding with its words; the caller fills in the rest. Never NULL: there is room for all.
 */
struct finding *report_add(struct report *r, enum finding_section section, const char *name,
	const char *title, enum finding_state state, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* Whether everything that is required is in force. */
bool report_holds(const struct report *r);

/* verbose: each attack on a line of its own. Colours where out is a terminal. */
void report_print(const struct report *r, bool verbose, FILE *out);
void report_print_json(const struct report *r, FILE *out);

void report_done(struct report *r);
