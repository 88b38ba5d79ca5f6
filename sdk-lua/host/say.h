/*
 * Lines for the Space's owner, on the log pipe: "tag [session N] words". The pipe may be full or
 * its reader slow; a line is then dropped and counted, never waited for.
 */
#pragma once

#include "sdk-lua/host/inside.h"

/* s may be NULL. Each line of the text becomes one line of the log with the same tag. */
void say(struct worker *w, const char *tag, const struct session *s, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void say_text(
	struct worker *w, const char *tag, const struct session *s, const char *text, size_t n);
