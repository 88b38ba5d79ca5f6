/*
 * The keys under which clients keep their sessions (tickets). They live in memory only and are
 * changed by the owner from time to time; what the one before sealed is still good and comes back
 * under the new one, so that a ticket lives for two changes at most.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/cleanup.h"

struct tickets;

int tickets_new(struct tickets **ret); /* -ENOMEM, -EIO: no random bytes */
struct tickets *tickets_free(struct tickets *t);
DEFINE_CLEANUP(struct tickets *, tickets_free)

/* A new key; the second last is forgotten. -EIO: no random bytes, all stays. */
int tickets_rotate(struct tickets *t);

/* Has the context seal and open tickets by these keys. t outlives it. */
int tickets_serve(struct tickets *t, SSL_CTX *ctx); /* -EIO */
