#include "proto/grant.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define TERMS_HEAD 17 /* version, budget, what is expected, deadline */
#define TERMS_MAX (TERMS_HEAD + GRANT_PAYER_MAX)
#define BYTES_MAX (NONCE_LEN + TERMS_MAX + TAG_LEN)
#define VERSION 3

_Static_assert(2 * BYTES_MAX <= GRANT_MAX, "a grant fits its message");

static void put(uint8_t *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *from, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)from[i] << (8 * i);
	return v;
}

/* session, n, replica */
static size_t place_bytes(const struct grant_place *p, uint8_t ret[72])
{
	size_t n = strnlen(p->replica, 64);

	put(ret, p->session, 4);
	put(ret + 4, p->n, 4);
	memcpy(ret + 8, p->replica, n);
	return 8 + n;
}

static bool begin(EVP_CIPHER_CTX *ctx, const struct grant_key *key, const uint8_t *nonce,
	const struct grant_place *place, int seal)
{
	uint8_t where[72];
	size_t n = place_bytes(place, where);
	int out;

	return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, seal) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &out, where, (int)n) == 1;
}

bool grant_seal(struct grant_key *key, const struct grant_place *place,
	const struct grant_terms *terms, char ret[GRANT_MAX + 1])
{
	uint8_t bytes[BYTES_MAX], clear[TERMS_MAX];
	size_t payer = strnlen(terms->payer, GRANT_PAYER_MAX), n = TERMS_HEAD + payer;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int out;
	bool ok;

	put(bytes, key->id, 4);
	put(bytes + 4, key->sealed++, 8);
	clear[0] = VERSION;
	put(clear + 1, terms->budget_msec, 4);
	put(clear + 5, terms->expected_msec, 4);
	put(clear + 9, terms->deadline_usec, 8);
	memcpy(clear + TERMS_HEAD, terms->payer, payer);
	ok = ctx && begin(ctx, key, bytes, place, 1) &&
	     EVP_EncryptUpdate(ctx, bytes + NONCE_LEN, &out, clear, (int)n) == 1 &&
	     EVP_EncryptFinal_ex(ctx, bytes + NONCE_LEN + out, &out) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, bytes + NONCE_LEN + n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (ok)
		hex_write(bytes, NONCE_LEN + n + TAG_LEN, ret);
	return ok;
}

bool grant_key_id(const char *text, uint32_t *ret)
{
	uint8_t id[4];

	if (strlen(text) < 2 * (NONCE_LEN + TERMS_HEAD + TAG_LEN) ||
		!hex_read(text, sizeof(id), id))
		return false;
	*ret = (uint32_t)get(id, sizeof(id));
	return true;
}

static bool read_terms(const uint8_t *clear, size_t n, struct grant_terms *ret)
{
	if (clear[0] != VERSION || memchr(clear + TERMS_HEAD, 0, n - TERMS_HEAD))
		return false;
	*ret = (struct grant_terms){.budget_msec = (uint32_t)get(clear + 1, 4),
		.expected_msec = (uint32_t)get(clear + 5, 4),
		.deadline_usec = get(clear + 9, 8)};
	memcpy(ret->payer, clear + TERMS_HEAD, n - TERMS_HEAD);
	return true;
}

bool grant_open(const struct grant_key *key, const struct grant_place *place, const char *text,
	struct grant_terms *ret)
{
	uint8_t bytes[BYTES_MAX], clear[TERMS_MAX];
	size_t length = strlen(text) / 2, n;
	EVP_CIPHER_CTX *ctx;
	int out;
	bool ok;

	if (strlen(text) % 2 || length < NONCE_LEN + TERMS_HEAD + TAG_LEN || length > BYTES_MAX ||
		!hex_read(text, length, bytes))
		return false;
	n = length - NONCE_LEN - TAG_LEN;
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx && begin(ctx, key, bytes, place, 0) &&
	     EVP_DecryptUpdate(ctx, clear, &out, bytes + NONCE_LEN, (int)n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, bytes + NONCE_LEN + n) == 1 &&
	     EVP_DecryptFinal_ex(ctx, clear + out, &out) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok && read_terms(clear, n, ret);
}
