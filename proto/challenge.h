/*
 * The answer by which this host proves to an authority that a name is its own: a file TOKEN in
 * run/tls/challenges, which vitrine-challenge writes and the gateway serves below CHALLENGE_PATH
 * (RFC 8555, 8.3). Neither is a secret. Knows no file and no HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CHALLENGE_PATH "/.well-known/acme-challenge/"
#define CHALLENGE_TOKEN_MAX 128
#define CHALLENGE_ANSWER_MAX 256 /* a token, a dot, a hash */

/* RFC 8555, 8.1: letters and digits of base64url; at least 22 make 128 bits. */
bool challenge_is_token(const char *text, size_t n);
/* Such a token, a dot, and such a hash. */
bool challenge_is_answer(const char *text, size_t n);
