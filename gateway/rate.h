/*
 * So many a second, and for a moment more: tokens come back at a rate, up to a burst. Knows nothing
 * of what is counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate {
	double left;
	uint64_t since_usec; /* of the last take; 0: none yet, all tokens are there */
};

/* Seconds until a token is there; and until all are. Rounded up. per_sec > 0. */
unsigned int rate_wait_sec(const struct rate *r, double per_sec);
unsigned int rate_full_sec(const struct rate *r, double per_sec, double burst);

/* Takes one token; false: there is none. now_usec: monotonic. */
bool rate_take(struct rate *r, double per_sec, double burst, uint64_t now_usec);
