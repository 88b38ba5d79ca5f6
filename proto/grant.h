/*
 * What one event may spend on models, and who pays: sealed by the gateway, opened by inference,
 * carried by a worker that can read and change nothing of it. AES-256-GCM; the worker's id, the
 * session and the event's number are sealed with it and not written down, so that a grant is good
 * on one link for one event.
 *
 *	hexadecimal: u32 key id, u64 nonce | sealed: u8 3, u32 budget ms, u32 expected ms, u64
 *deadline µs, payer | tag
 *
 * Times are of the clock that both ends share and nobody sets: were a grant's end the wall clock's,
 * setting that back would make an old one good again, when what it had spent is forgotten.
 *
 * Knows no link and no clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/constants.h"

#define GRANT_KEY_LEN 32
#define GRANT_PAYER_MAX 64
#define GRANT_PLATFORM "platform" /* who pays for what is computed again, and holds no grant */

struct grant_key {
	uint32_t id;
	uint8_t bytes[GRANT_KEY_LEN];
	uint64_t until_usec; /* monotonic; no grant of it is good any longer */
	uint64_t sealed;     /* how many were; makes the nonces, so whoever seals keeps it */
};

/* What it is good for. */
struct grant_place {
	const char *replica; /* id of the worker */
	uint32_t session, n;
};

struct grant_terms {
	uint32_t budget_msec;   /* of device time, for all calls of the event together */
	uint32_t expected_msec; /* of it, what such an event takes as a rule; 0: nobody knows */
	uint64_t deadline_usec; /* monotonic */
	char payer[GRANT_PAYER_MAX + 1];
};

/* False: the library failed. */
bool grant_seal(struct grant_key *key, const struct grant_place *place,
	const struct grant_terms *terms, char ret[GRANT_MAX + 1]);

/* The key that it names. False: it is no grant. */
bool grant_key_id(const char *text, uint32_t *ret);

/* False: it was not sealed so, with this key and for this place. Looks at no clock. */
bool grant_open(const struct grant_key *key, const struct grant_place *place, const char *text,
	struct grant_terms *ret);
