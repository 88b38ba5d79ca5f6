/*
 * Passwords as argon2id (RFC 9106), hashed in a short-lived thread so that nobody else waits.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/loop.h"

#define PASSWORD_MIN 8
#define PASSWORD_MAX 256
#define PASSWORD_HASH_MAX 160 /* "$argon2id$v=19$m=…" and its NUL */

struct passwords;

int passwords_new(struct loop *loop, struct passwords **ret);

/* Waits for the running threads; their callbacks never come. */
struct passwords *passwords_free(struct passwords *p);
DEFINE_CLEANUP(struct passwords *, passwords_free)

/* hash: of a hashing; "" when it failed. matches: of a verification. From the loop, once. */
typedef void (*password_fn)(const char *hash, bool matches, void *data);

/*
 * Verifies password against hash (NULL or "": takes as long and does not match), or, with
 * hash_new, makes a hash. Returns a ticket > 0 for passwords_forget; -EBUSY: too many are being
 * hashed already.
 */
int password_verify(
	struct passwords *p, const char *password, const char *hash, password_fn fn, void *data);
int password_hash(struct passwords *p, const char *password, password_fn fn, void *data);

/* The callback of that ticket will not come. */
void passwords_forget(struct passwords *p, int ticket);

/* Here and now, for the first start. */
int password_hash_now(const char *password, char ret[PASSWORD_HASH_MAX]);

/* -EINVAL with words naming the limit. */
int password_check(const char *password, struct err *e);
