#include "orchestrator/space/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/random.h"

#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16
#define VERSION 1
#define HEAD_LEN (1 + NONCE_LEN)

struct seal_key {
	uint8_t bytes[KEY_LEN];
};

/* --- the key --- */

static int make_key(const char *path, struct seal_key *k, struct err *e)
{
	char text[2 * KEY_LEN + 2];
	int r;

	random_bytes(k->bytes, KEY_LEN);
	hex_write(k->bytes, KEY_LEN, text);
	text[2 * KEY_LEN] = '\n';
	r = fs_write_durable(AT_FDCWD, path, text, 2 * KEY_LEN + 1, 0600, e);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int read_key(const char *path, struct seal_key *k, struct err *e)
{
	CLEANUP(buf_done) struct buf text;
	int r;

	buf_init(&text, 256);
	r = fs_read(AT_FDCWD, path, &text, e);
	if (r == 0 && (text.len < 2 * KEY_LEN || !hex_read(buf_str(&text), KEY_LEN, k->bytes)))
		r = err_set(
			e, -EBADMSG, "%s: is no key: %d hexadecimal digits are", path, 2 * KEY_LEN);
	if (text.data)
		explicit_bzero(text.data, text.len);
	return r;
}

int seal_key_open(const char *path, struct seal_key **ret, struct err *e)
{
	CLEANUP(seal_key_freep) struct seal_key *k = calloc(1, sizeof(*k));
	struct err why = {0};
	struct stat st;
	int r;

	if (!k)
		return err_set(e, -ENOMEM, "out of memory");
	/* A backup may have brought it back with the modes of whoever ran it. */
	if (stat(path, &st) == 0 && (st.st_mode & 077) && chmod(path, 0600) < 0)
		return err_set(e, -errno, "%s: others can read it: %s", path, strerror(errno));
	r = read_key(path, k, &why);
	if (r == -ENOENT)
		r = make_key(path, k, e);
	else if (r < 0)
		(void)err_set(e, r, "%s", why.text);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(k);
	return 0;
}

struct seal_key *seal_key_free(struct seal_key *k)
{
	if (k)
		explicit_bzero(k->bytes, KEY_LEN);
	free(k);
	return NULL;
}

/* --- texts --- */

static bool begin(EVP_CIPHER_CTX *ctx, const struct seal_key *k, const uint8_t *nonce,
	const char *about, int seal)
{
	int out;

	return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, k->bytes, nonce, seal) == 1 &&
	       EVP_CipherUpdate(
		       ctx, NULL, &out, (const unsigned char *)about, (int)strlen(about)) == 1;
}

int seal_close(
	const struct seal_key *k, const char *about, const char *text, char **ret, struct err *e)
{
	size_t n = strlen(text), length = HEAD_LEN + n + TAG_LEN;
	CLEANUP(freep) uint8_t *bytes = NULL;
	CLEANUP(freep) char *hex = NULL;
	EVP_CIPHER_CTX *ctx;
	int out = 0;
	bool ok;

	if (n > SEAL_TEXT_MAX)
		return err_set(e, -EFBIG, "the text is over %u KiB", SEAL_TEXT_MAX >> 10);
	bytes = malloc(length);
	hex = malloc(2 * length + 1);
	ctx = EVP_CIPHER_CTX_new();
	if (!bytes || !hex || !ctx) {
		EVP_CIPHER_CTX_free(ctx);
		return err_set(e, -ENOMEM, "out of memory");
	}
	bytes[0] = VERSION;
	random_bytes(bytes + 1, NONCE_LEN);
	ok = begin(ctx, k, bytes + 1, about, 1) &&
	     EVP_EncryptUpdate(ctx, bytes + HEAD_LEN, &out, (const unsigned char *)text, (int)n) ==
		     1 &&
	     EVP_EncryptFinal_ex(ctx, bytes + HEAD_LEN + out, &out) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, bytes + HEAD_LEN + n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return err_set(e, -EIO, "the text cannot be sealed");
	hex_write(bytes, length, hex);
	*ret = TAKE_PTR(hex);
	return 0;
}

static bool decrypt(
	const struct seal_key *k, const char *about, uint8_t *bytes, size_t n, uint8_t *clear)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int out = 0;
	bool ok = ctx && begin(ctx, k, bytes + 1, about, 0) &&
		  EVP_DecryptUpdate(ctx, clear, &out, bytes + HEAD_LEN, (int)n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, bytes + HEAD_LEN + n) ==
			  1 &&
		  EVP_DecryptFinal_ex(ctx, clear + out, &out) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

int seal_open(const struct seal_key *k, const char *about, const char *sealed, struct buf *b,
	struct err *e)
{
	size_t length = strlen(sealed) / 2, n;
	CLEANUP(freep) uint8_t *bytes = NULL;
	CLEANUP(freep) uint8_t *clear = NULL;
	int r;

	if (strlen(sealed) % 2 || length < HEAD_LEN + TAG_LEN ||
		length > HEAD_LEN + SEAL_TEXT_MAX + TAG_LEN)
		return err_set(e, -EBADMSG, "it is no sealed text");
	n = length - HEAD_LEN - TAG_LEN;
	bytes = malloc(length);
	clear = malloc(n + 1);
	if (!bytes || !clear)
		return err_set(e, -ENOMEM, "out of memory");
	if (!hex_read(sealed, length, bytes) || bytes[0] != VERSION)
		return err_set(e, -EBADMSG, "it is no sealed text");
	if (!decrypt(k, about, bytes, n, clear))
		return err_set(e, -EBADMSG, "it was sealed with another key, or is damaged");
	r = buf_add(b, clear, n);
	explicit_bzero(clear, n);
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}
