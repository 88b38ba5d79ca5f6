/*
 * A host's certificate, those that lead from it to an authority, and its key, from one PEM text.
 * Knows no file, no socket and no TLS.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define CERT_PEM_MAX (256 * 1024) /* bytes of such a text */
#define CERT_NAMES_MAX 256
#define CERT_NAME_MAX 254 /* with its NUL */

struct cert {
	X509 *leaf;                   /* owned */
	EVP_PKEY *key;                /* owned */
	STACK_OF(X509) * chain;       /* owned; what is not the leaf, as it came */
	char (*names)[CERT_NAME_MAX]; /* owned; hosts and addresses in lower case, "*.x" too */
	size_t n_names;
	int64_t not_before_sec, not_after_sec; /* since 1970 */
};

/*
 * Reads the first key and all certificates, the first of which is the host's. -EBADMSG: words say
 * which part is missing, cannot be read, does not belong to the other, or names no host. Whether it
 * is valid now is not looked at.
 */
int cert_read(const void *pem, size_t n, struct cert **ret, struct err *e);
struct cert *cert_free(struct cert *c);
DEFINE_CLEANUP(struct cert *, cert_free)

/* -EBADMSG with words: not valid yet, or not any more. */
int cert_check_time(const struct cert *c, int64_t now_sec, struct err *e);
