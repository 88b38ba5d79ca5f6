/*
 * The head of a worker's log line: who said it, and for whom.
 *
 *	\x1e TAG [session=REF] [event=N] [ref=REF] \x1f WORDS
 *
 * The worker's host writes it, and lets no app put these two bytes into its words. A worker in a
 * stranger's hands may write any head: it then misleads the owner of its own Space and nobody else.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LOG_REFERENCE_MAX 15

/* Strings are static or the struct's own. */
struct log_head {
	const char *stream, *level;
	char session[LOG_REFERENCE_MAX + 1]; /* "": none, like reference */
	char reference[LOG_REFERENCE_MAX + 1];
	uint32_t event; /* 0: none */
};

/*
 * Reads the head of a line. Returns its bytes; 0: there is none, or none of ours, so that all of
 * the line is words, from stderr.
 */
size_t log_head_read(const char *line, size_t n, struct log_head *ret);
