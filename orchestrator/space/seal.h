/*
 * Short texts sealed at rest: AES-256-GCM under a key that lies in a file of its own, so that a
 *copy of the database alone opens nothing. Knows no row and no Space.
 *
 *	VERSION NONCE CIPHERTEXT TAG     hexadecimal: 1, 12, n and 16 bytes
 *
 * NIST SP 800-38D: random nonces of 96 bits are good for 2^32 texts under one key.
 */
#pragma once

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define SEAL_TEXT_MAX (64u << 10) /* bytes that are sealed at once */

struct seal_key;

/*
 * Reads the key in the file, which is made, mode 0600, when it is missing. -EBADMSG: it holds no
 * key. Errnos of reading and writing.
 */
int seal_key_open(const char *path, struct seal_key **ret, struct err *e);
struct seal_key *seal_key_free(struct seal_key *k);
DEFINE_CLEANUP(struct seal_key *, seal_key_free)

/* about: what the text belongs to; only with the same words it can be opened. *ret is the caller's,
 * to be freed. -EFBIG: over SEAL_TEXT_MAX. */
int seal_close(
	const struct seal_key *k, const char *about, const char *text, char **ret, struct err *e);

/* Appends the text to b. -EBADMSG: sealed with another key, for something else, or damaged. */
int seal_open(const struct seal_key *k, const char *about, const char *sealed, struct buf *b,
	struct err *e);
