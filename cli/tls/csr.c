#include "cli/tls/csr.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>

static bool name_host(X509_REQ *request, const char *host)
{
	char words[300];
	X509_EXTENSION *x;
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	bool fine;

	(void)snprintf(words, sizeof(words), "DNS:%s", host);
	x = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, words);
	fine = all && x && sk_X509_EXTENSION_push(all, x) > 0 &&
	       X509_REQ_add_extensions(request, all) == 1;
	if (all)
		sk_X509_EXTENSION_free(all);
	X509_EXTENSION_free(x);
	return fine;
}

static int append(BIO *bio, struct buf *ret)
{
	char *bytes = NULL;
	long n = BIO_get_mem_data(bio, &bytes);

	return n > 0 ? buf_add(ret, bytes, (size_t)n) : -ENOMEM;
}

int csr_make(const char *host, EVP_PKEY **ret_key, struct buf *ret_pem, struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *request = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	/* No common name: it may have 64 bytes at most, and nobody looks at it. */
	bool fine = key && request && bio && X509_REQ_set_version(request, 0) == 1 &&
		    X509_REQ_set_pubkey(request, key) == 1 && name_host(request, host) &&
		    X509_REQ_sign(request, key, EVP_sha256()) > 0 &&
		    PEM_write_bio_X509_REQ(bio, request) == 1 && append(bio, ret_pem) == 0;

	BIO_free(bio);
	X509_REQ_free(request);
	if (!fine) {
		const char *words = ERR_reason_error_string(ERR_peek_last_error());

		ERR_clear_error();
		EVP_PKEY_free(key);
		return err_set(e, -EIO, "cannot make a request for a certificate of %s: %s", host,
			words ? words : "out of memory");
	}
	*ret_key = key;
	return 0;
}

int csr_write_key(EVP_PKEY *key, struct buf *ret_pem)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int r = bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
			? append(bio, ret_pem)
			: -ENOMEM;

	BIO_free(bio);
	return r;
}
