#include "gateway/pass.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/random.h"
#include "gateway/map.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define TIME_LEN 8
#define AROUND (NONCE_LEN + TIME_LEN + TAG_LEN)
#define USED_MAX 100000

struct used {
	struct used *next; /* in the order in which they end */
	uint64_t until_sec;
	uint8_t nonce[NONCE_LEN];
};

struct passes {
	uint8_t key[32];
	char born[ID_LEN + 1];      /* codes of another process are not ours */
	struct map used;            /* nonce → struct used, owned */
	struct used *first, **last; /* the same ones */
};

int passes_new(const struct visitor_key *key, struct passes **ret)
{
	struct passes *p = calloc(1, sizeof(*p));
	static const char use[] = "pass";
	unsigned int n = 0;

	if (!p)
		return -ENOMEM;
	if (!HMAC(EVP_sha256(), key->bytes, VISITOR_KEY_LEN, (const unsigned char *)use,
		    sizeof(use), p->key, &n)) {
		free(p);
		return -ENOMEM;
	}
	random_id(p->born);
	map_init(&p->used);
	p->last = &p->first;
	*ret = p;
	return 0;
}

static void forget_first(struct passes *p)
{
	struct used *u = p->first;

	p->first = u->next;
	if (!p->first)
		p->last = &p->first;
	(void)map_take(&p->used, u->nonce, NONCE_LEN);
	free(u);
}

struct passes *passes_free(struct passes *p)
{
	if (!p)
		return NULL;
	while (p->first)
		forget_first(p);
	map_done(&p->used);
	OPENSSL_cleanse(p->key, sizeof(p->key));
	free(p);
	return NULL;
}

static void put_time(uint8_t *to, uint64_t v)
{
	for (size_t i = 0; i < TIME_LEN; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_time(const uint8_t *from)
{
	uint64_t v = 0;

	for (size_t i = 0; i < TIME_LEN; i++)
		v |= (uint64_t)from[i] << (8 * i);
	return v;
}

/* What a text is sealed for: it opens for nothing else. */
struct purpose {
	char text[400];
	size_t n;
};

static struct purpose for_host(const char *host)
{
	struct purpose p;

	p.n = (size_t)snprintf(p.text, sizeof(p.text), "pass\n%.253s", host);
	return p;
}

static struct purpose for_browser(const struct passes *s, const struct handover *to)
{
	char network[2 * HANDOVER_NETWORK_MAX + 1];
	struct purpose p;

	hex_write(to->network,
		to->network_n < HANDOVER_NETWORK_MAX ? to->network_n : HANDOVER_NETWORK_MAX,
		network);
	p.n = (size_t)snprintf(p.text, sizeof(p.text), "code\n%s\n%.64s\n%s\n%.253s", s->born,
		to->state, network, to->host);
	return p;
}

/* clear: time and sign-in. ret: NONCE_LEN + n + TAG_LEN bytes. */
static bool seal(const struct passes *p, const struct purpose *purpose, const uint8_t *clear,
	size_t n, uint8_t *ret)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int out;
	bool ok;

	random_bytes(ret, NONCE_LEN);
	ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, p->key, ret) == 1 &&
	     EVP_EncryptUpdate(ctx, NULL, &out, (const uint8_t *)purpose->text, (int)purpose->n) ==
		     1 &&
	     EVP_EncryptUpdate(ctx, ret + NONCE_LEN, &out, clear, (int)n) == 1 &&
	     EVP_EncryptFinal_ex(ctx, ret + NONCE_LEN + out, &out) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret + NONCE_LEN + n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool open_sealed(const struct passes *p, const struct purpose *purpose, uint8_t *bytes,
	size_t n, uint8_t *ret)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int out;
	bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, p->key, bytes) == 1 &&
		  EVP_DecryptUpdate(
			  ctx, NULL, &out, (const uint8_t *)purpose->text, (int)purpose->n) == 1 &&
		  EVP_DecryptUpdate(ctx, ret, &out, bytes + NONCE_LEN, (int)n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, bytes + NONCE_LEN + n) ==
			  1 &&
		  EVP_DecryptFinal_ex(ctx, ret + out, &out) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool seal_text(const struct passes *p, const struct purpose *purpose, const char *sign_in,
	size_t n, uint64_t until_sec, char ret[PASS_MAX + 1])
{
	uint8_t clear[TIME_LEN + SIGN_IN_MAX], bytes[AROUND + SIGN_IN_MAX];
	bool ok;

	if (n == 0 || n > SIGN_IN_MAX)
		return false;
	put_time(clear, until_sec);
	memcpy(clear + TIME_LEN, sign_in, n);
	ok = seal(p, purpose, clear, TIME_LEN + n, bytes);
	OPENSSL_cleanse(clear, sizeof(clear));
	if (ok)
		hex_write(bytes, AROUND + n, ret);
	return ok;
}

static bool open_text(const struct passes *p, const struct purpose *purpose, const char *text,
	size_t n, uint64_t now_sec, char ret[SIGN_IN_MAX + 1], size_t *ret_n,
	uint8_t nonce[NONCE_LEN])
{
	uint8_t bytes[AROUND + SIGN_IN_MAX], clear[TIME_LEN + SIGN_IN_MAX];
	size_t inside;
	bool ok;

	if (n % 2 || n / 2 <= AROUND || n / 2 > sizeof(bytes) || !hex_read(text, n / 2, bytes))
		return false;
	inside = n / 2 - NONCE_LEN - TAG_LEN;
	ok = open_sealed(p, purpose, bytes, inside, clear) && get_time(clear) > now_sec;
	if (ok) {
		*ret_n = inside - TIME_LEN;
		memcpy(ret, clear + TIME_LEN, *ret_n);
		ret[*ret_n] = '\0';
		memcpy(nonce, bytes, NONCE_LEN);
	}
	OPENSSL_cleanse(clear, sizeof(clear));
	return ok;
}

bool pass_seal(const struct passes *p, const char *host, const char *sign_in, size_t n,
	uint64_t now_sec, char ret[PASS_MAX + 1])
{
	const struct purpose purpose = for_host(host);

	return seal_text(p, &purpose, sign_in, n, now_sec + PASS_SEC, ret);
}

bool pass_open(const struct passes *p, const char *host, const char *pass, size_t n,
	uint64_t now_sec, char ret[SIGN_IN_MAX + 1], size_t *ret_n)
{
	const struct purpose purpose = for_host(host);
	uint8_t nonce[NONCE_LEN];

	return open_text(p, &purpose, pass, n, now_sec, ret, ret_n, nonce);
}

bool handover_seal(const struct passes *p, const struct handover *to, const char *sign_in, size_t n,
	uint64_t now_sec, char ret[PASS_MAX + 1])
{
	const struct purpose purpose = for_browser(p, to);

	return seal_text(p, &purpose, sign_in, n, now_sec + HANDOVER_SEC, ret);
}

/* False: it was used before, or nobody could remember that it is now. */
static bool use(struct passes *p, const uint8_t nonce[NONCE_LEN], uint64_t now_sec)
{
	struct used *u;

	while (p->first && p->first->until_sec <= now_sec)
		forget_first(p);
	if (p->used.n >= USED_MAX || map_get(&p->used, nonce, NONCE_LEN))
		return false;
	u = calloc(1, sizeof(*u));
	if (!u || map_put(&p->used, nonce, NONCE_LEN, u) < 0) {
		free(u);
		return false;
	}
	u->until_sec = now_sec + HANDOVER_SEC + 1;
	memcpy(u->nonce, nonce, NONCE_LEN);
	*p->last = u;
	p->last = &u->next;
	return true;
}

bool handover_take(struct passes *p, const struct handover *to, const char *code, uint64_t now_sec,
	char ret[SIGN_IN_MAX + 1], size_t *ret_n)
{
	const struct purpose purpose = for_browser(p, to);
	uint8_t nonce[NONCE_LEN];

	return open_text(p, &purpose, code, strlen(code), now_sec, ret, ret_n, nonce) &&
	       use(p, nonce, now_sec);
}
