/*
 * A new key for a host, and the request for a certificate of it (PKCS #10), so that whoever carries
 * the request to an authority never has the key.
 */
#pragma once

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/err.h"

/* ret_key is the caller's. ret_pem: appended. -EIO with OpenSSL's words. */
int csr_make(const char *host, EVP_PKEY **ret_key, struct buf *ret_pem, struct err *e);

/* Appends the key as PEM; the buffer is to be wiped. -ENOMEM. */
int csr_write_key(EVP_PKEY *key, struct buf *ret_pem);
