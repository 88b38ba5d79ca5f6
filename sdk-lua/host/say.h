/*
 * Lines for the Space's owner, on the log pipe, each with the head that agent/log_head.h reads.
 * The pipe may be full or its reader slow; a line is then dropped and counted, never waited for.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/* What a line is about. */
struct said {
	const char *tag;               /* of agent/log_head.c's table */
	const struct session *session; /* NULL: no visitor's */
	uint32_t n;                    /* event; 0: none */
	const char *reference;         /* of the failure it tells of; NULL, "": none */
};

/* Each line of the text becomes one line of the log with the same head. */
void say_about(struct worker *w, const struct said *about, const char *text, size_t n);

/* The same, about the event that runs right now where it is the session's. s may be NULL. */
void say(struct worker *w, const char *tag, const struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void say_text(
	struct worker *w, const char *tag, const struct session *s, const char *text, size_t n);
