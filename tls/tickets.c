#include "tls/tickets.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define NAME_LEN 16 /* as RFC 5077, 4 has it and OpenSSL expects */

struct ticket_key {
	unsigned char name[NAME_LEN], aes[32], mac[32];
};

struct tickets {
	struct ticket_key keys[2]; /* the one that seals, the one before */
};

int tickets_rotate(struct tickets *t)
{
	struct ticket_key fresh;

	if (RAND_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
		return -EIO;
	t->keys[1] = t->keys[0];
	t->keys[0] = fresh;
	explicit_bzero(&fresh, sizeof(fresh));
	return 0;
}

int tickets_new(struct tickets **ret)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	/* Twice: the one before must not be a key of zeros. */
	if (tickets_rotate(t) < 0 || tickets_rotate(t) < 0) {
		(void)tickets_free(t);
		return -EIO;
	}
	*ret = t;
	return 0;
}

struct tickets *tickets_free(struct tickets *t)
{
	if (!t)
		return NULL;
	explicit_bzero(t, sizeof(*t));
	free(t);
	return NULL;
}

static int set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end()};

	return EVP_MAC_CTX_set_params(mac, params);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3) says what the numbers mean. */
static int on_ticket(SSL *ssl, unsigned char name[NAME_LEN], unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	int which = 0;

	if (sealing) {
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
		memcpy(name, t->keys[0].name, NAME_LEN);
		return EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), t->keys[0].aes, iv, NULL) ==
					       1 &&
				       set_mac(mac, &t->keys[0]) == 1
			       ? 1
			       : -1;
	}
	if (memcmp(name, t->keys[0].name, NAME_LEN) != 0)
		which = 1;
	if (which == 1 && memcmp(name, t->keys[1].name, NAME_LEN) != 0)
		return 0;
	if (set_mac(mac, &t->keys[which]) != 1 ||
		EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), t->keys[which].aes, iv, NULL) != 1)
		return -1;
	return which == 0 ? 1 : 2;
}

int tickets_serve(struct tickets *t, SSL_CTX *ctx)
{
	if (SSL_CTX_set_app_data(ctx, t) != 1 ||
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1)
		return -EIO;
	return 0;
}
