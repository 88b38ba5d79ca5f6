/*
 * The certificates that are served: every NAME.pem of a folder, by the hosts that it names. What
 * cannot be read is said in the log, and the one of that name that was there before stays. Knows
 * no socket.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "tls/tickets.h"

#define SHELF_MAX 1024 /* certificates */

struct shelf;

/* dir need not exist yet. tickets outlive it. Nothing is read before shelf_load. */
int shelf_new(const char *dir, struct tickets *tickets, struct shelf **ret);
struct shelf *shelf_free(struct shelf *s);
DEFINE_CLEANUP(struct shelf *, shelf_free)

/* Reads the folder anew; connections that are there keep what they have. Returns how many
 * certificates there are, or -errno when the folder cannot be read and all stays. */
int shelf_load(struct shelf *s, struct err *e);

/*
 * For a client that has not said a name yet, the first by file name that has not expired; when it
 * says one, the certificate for that takes over. NULL: there is none. Borrowed.
 */
SSL_CTX *shelf_any(const struct shelf *s);

/* When the first of those ends that are served for some host, since 1970; 0: there is none. ret_n:
 * how many there are. */
int64_t shelf_first_end(const struct shelf *s, size_t *ret_n);

/*
 * The one that is served for a host: of several, the first by file name of those that were valid
 * when the folder was read last. NULL: there is none for it. Borrowed.
 */
SSL_CTX *shelf_find(const struct shelf *s, const char *host);
