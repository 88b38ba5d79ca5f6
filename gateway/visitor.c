#include "gateway/visitor.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fs.h"
#include "gateway/session/state.h"

#define TAG_LEN 16

int visitor_key_load(const char *path, struct visitor_key *ret, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, VISITOR_KEY_LEN);
	r = fs_read(AT_FDCWD, path, &b, e);
	if (r == 0 && b.len == VISITOR_KEY_LEN) {
		memcpy(ret->bytes, b.data, VISITOR_KEY_LEN);
		OPENSSL_cleanse(b.data, b.len);
		buf_done(&b);
		return 0;
	}
	buf_done(&b);
	if (r < 0 && r != -ENOENT)
		return r;
	if (e)
		*e = (struct err){0};
	random_bytes(ret->bytes, VISITOR_KEY_LEN);
	return fs_write_durable(AT_FDCWD, path, ret->bytes, VISITOR_KEY_LEN, 0600, e);
}

static void tag_of(const struct visitor_key *key, const char *id, char ret[2 * TAG_LEN + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	(void)HMAC(EVP_sha256(), key->bytes, VISITOR_KEY_LEN, (const unsigned char *)id, ID_LEN,
		mac, &n);
	hex_write(mac, TAG_LEN, ret);
}

void visitor_new(const struct visitor_key *key, char ret_id[ID_LEN + 1],
	char ret_cookie[VISITOR_COOKIE_LEN + 1])
{
	char tag[2 * TAG_LEN + 1];

	random_id(ret_id);
	tag_of(key, ret_id, tag);
	(void)snprintf(ret_cookie, VISITOR_COOKIE_LEN + 1, "%s.%s", ret_id, tag);
}

bool visitor_check(
	const struct visitor_key *key, const char *cookie, size_t n, char ret_id[ID_LEN + 1])
{
	char id[ID_LEN + 1], tag[2 * TAG_LEN + 1];

	if (n != VISITOR_COOKIE_LEN || cookie[ID_LEN] != '.')
		return false;
	memcpy(id, cookie, ID_LEN);
	id[ID_LEN] = '\0';
	tag_of(key, id, tag);
	if (CRYPTO_memcmp(tag, cookie + ID_LEN + 1, 2 * TAG_LEN) != 0)
		return false;
	/* The tag was made over these bytes by us, so they are an id. */
	memcpy(ret_id, id, sizeof(id));
	return true;
}

void visitor_of_program(const struct visitor_key *key, const char *space, const char *user,
	const void *name, size_t n, char ret_id[ID_LEN + 1])
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	struct buf b;

	buf_init(&b, 4096);
	if (buf_addf(&b, "program\n%s\n%s\n", space, user) == 0 && buf_add(&b, name, n) == 0)
		(void)HMAC(EVP_sha256(), key->bytes, VISITOR_KEY_LEN, b.data, b.len, mac, &length);
	buf_done(&b);
	if (length < ID_LEN)
		random_bytes(mac, ID_LEN); /* out of memory: a session for itself */
	for (size_t i = 0; i < ID_LEN; i++)
		ret_id[i] = letters[mac[i] % 32];
	ret_id[0] = SESSION_PROGRAM;
	ret_id[ID_LEN] = '\0';
}

void visitor_network(
	const struct visitor_key *key, const void *name, size_t n, char ret[NETWORK_KEY_LEN + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE] = {0};
	unsigned int length = 0;
	struct buf b;

	buf_init(&b, 256);
	if (buf_add_str(&b, "network\n") == 0 && buf_add(&b, name, n) == 0)
		(void)HMAC(EVP_sha256(), key->bytes, VISITOR_KEY_LEN, b.data, b.len, mac, &length);
	buf_done(&b);
	hex_write(mac, NETWORK_KEY_LEN / 2, ret);
}

const char *cookie_find(const char *header, size_t n, const char *name, size_t *ret_n)
{
	size_t name_length = strlen(name);
	const char *end = header + n;

	while (header < end) {
		const char *stop = memchr(header, ';', (size_t)(end - header));
		size_t length = (size_t)((stop ? stop : end) - header);

		while (length > 0 && (*header == ' ' || *header == '\t')) {
			header++;
			length--;
		}
		if (length > name_length && header[name_length] == '=' &&
			!memcmp(header, name, name_length)) {
			*ret_n = length - name_length - 1;
			return header + name_length + 1;
		}
		header = stop ? stop + 1 : end;
	}
	return NULL;
}
