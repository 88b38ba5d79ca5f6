#include "orchestrator/hub/signed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

static const char *const verbs[SIGNED_VERBS] = {"get", "put", "part", "complete"};

int signed_key_load(const char *path, struct signed_key *ret, struct err *e)
{
	CLEANUP(buf_done) struct buf b;
	int r;

	buf_init(&b, SIGNED_KEY_LEN);
	r = fs_read(AT_FDCWD, path, &b, e);
	if (r == 0 && b.len == SIGNED_KEY_LEN) {
		memcpy(ret->bytes, b.data, SIGNED_KEY_LEN);
		OPENSSL_cleanse(b.data, b.len);
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (e)
		*e = (struct err){0};
	random_bytes(ret->bytes, SIGNED_KEY_LEN);
	return fs_write_durable(AT_FDCWD, path, ret->bytes, SIGNED_KEY_LEN, 0600, e);
}

static void write_mac(
	const struct signed_key *key, const char *text, size_t n, char ret[SHA256_HEX + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE] = {0};
	unsigned int length = 0;

	if (!HMAC(EVP_sha256(), key->bytes, SIGNED_KEY_LEN, (const unsigned char *)text, n, mac,
		    &length) ||
		length != SHA256_LEN)
		random_bytes(mac, SHA256_LEN); /* out of memory: a tag that fits nothing */
	hex_write(mac, SHA256_LEN, ret);
}

void signed_tag(
	const struct signed_key *key, const struct signed_claim *c, char ret[SHA256_HEX + 1])
{
	char text[512];
	/* No field can hold a line break, so no two claims have the same text. */
	int n = snprintf(text, sizeof(text),
		"%s\n%s\n%s\n%" PRIu64 "\n%" PRId64 "\n%s\n%" PRIu64 "\n%" PRIu64, verbs[c->verb],
		c->repo, c->oid, c->size, c->expires_sec, c->upload, c->chunk_size, c->part);

	write_mac(key, text, (size_t)n, ret);
}

void signed_receipt(const struct signed_key *key, const char *upload, uint64_t part,
	const char *birth, char ret[SHA256_HEX + 1])
{
	char text[256];
	/* No verb of an address begins so. */
	int n = snprintf(
		text, sizeof(text), "received\n%.32s\n%" PRIu64 "\n%.80s", upload, part, birth);

	write_mac(key, text, (size_t)n, ret);
}

int signed_write(const struct signed_key *key, const struct signed_claim *c, struct buf *b)
{
	char tag[SHA256_HEX + 1];
	int r;

	signed_tag(key, c, tag);
	r = buf_addf(b, "%s/%s?repo=%s&size=%" PRIu64 "&exp=%" PRId64, verbs[c->verb], c->oid,
		c->repo, c->size, c->expires_sec);
	if (r == 0 && c->upload[0])
		r = buf_addf(b, "&upload=%s&chunk=%" PRIu64, c->upload, c->chunk_size);
	if (r == 0 && c->part)
		r = buf_addf(b, "&part=%" PRIu64, c->part);
	return r == 0 ? buf_addf(b, "&sig=%s", tag) : r;
}

void signed_ticket(const struct signed_key *key, const char *repo, int64_t expires_sec,
	char ret[SIGNED_TICKET_MAX])
{
	char text[128], tag[SHA256_HEX + 1];
	/* As with receipts, no other text that is signed begins so. */
	int n = snprintf(text, sizeof(text), "ticket\n%.32s\n%" PRId64, repo, expires_sec);

	write_mac(key, text, (size_t)n, tag);
	(void)snprintf(ret, SIGNED_TICKET_MAX, "~%" PRId64 ".%s", expires_sec, tag);
}

/* "~", digits, ".", a tag. */
bool signed_is_ticket(const char *part, size_t n)
{
	size_t digits = 0;

	if (n < SHA256_HEX + 3 || n >= SIGNED_TICKET_MAX || part[0] != '~')
		return false;
	while (digits < 18 && part[1 + digits] >= '0' && part[1 + digits] <= '9')
		digits++;
	return digits > 0 && n == 1 + digits + 1 + SHA256_HEX && part[1 + digits] == '.';
}

bool signed_ticket_check(
	const struct signed_key *key, const char *repo, const char *part, size_t n, int64_t now_sec)
{
	char want[SIGNED_TICKET_MAX];
	int64_t expires_sec;

	if (!signed_is_ticket(part, n))
		return false;
	expires_sec = strtoll(part + 1, NULL, 10);
	signed_ticket(key, repo, expires_sec, want);
	return strlen(want) == n && CRYPTO_memcmp(want, part, n) == 0 && now_sec < expires_sec;
}

int signed_check(const struct signed_key *key, const struct signed_claim *c, const char *tag,
	int64_t now_sec, struct err *e)
{
	char want[SHA256_HEX + 1];

	signed_tag(key, c, want);
	if (!tag || strlen(tag) != SHA256_HEX || CRYPTO_memcmp(tag, want, SHA256_HEX) != 0)
		return err_set(e, -EACCES, "this address is not one that was given out here");
	if (now_sec >= c->expires_sec)
		return err_set(e, -ETIME, "this address has expired; ask for a new one");
	return 0;
}
