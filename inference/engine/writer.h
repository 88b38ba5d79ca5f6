/*
 * From tokens to text that may be shown: whole characters only, nothing of a stop string.
 * Knows no model.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define WRITER_TEXT_MAX (160u << 10) /* bytes of one answer; as JSON it fits its message */
#define WRITER_STOPS_MAX 4
#define WRITER_STOP_MAX 128 /* bytes of a stop string */

struct writer {
	struct buf text;  /* all that was written; up to shown it may be shown */
	struct buf bytes; /* the beginning of a character whose rest is to come */
	size_t shown;
	char stops[WRITER_STOPS_MAX][WRITER_STOP_MAX + 1];
	size_t n_stops;
	bool stopped; /* a stop string came; the text ends before it */
};

void writer_init(struct writer *w);
void writer_done(struct writer *w);

/* Adds a stop string. -ENOSPC: there are WRITER_STOPS_MAX. -EMSGSIZE: empty or too long. */
int writer_add_stop(struct writer *w, const char *stop, size_t n);

/* Takes a token's bytes; what is no UTF-8 becomes U+FFFD. -ENOSPC: the answer is at its limit.
 * -ENOMEM. */
int writer_add(struct writer *w, const char *bytes, size_t n);

/* What may be shown and was not yet: whole characters. Borrowed until the next call. at_end:
 * nothing more comes, so nothing that could begin a stop string is held back. */
const char *writer_take(struct writer *w, bool at_end, size_t *ret_n);
