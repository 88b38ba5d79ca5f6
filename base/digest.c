#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

void hex_write(const uint8_t *bytes, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * n] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_read(const char *text, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void sha256(const void *bytes, size_t n, uint8_t ret[SHA256_LEN])
{
	unsigned int len = SHA256_LEN;

	if (EVP_Digest(bytes, n, ret, &len, EVP_sha256(), NULL) != 1)
		abort(); /* SHA-256 cannot be missing, and no caller could go on without it */
}

void sha256_hex(const void *bytes, size_t n, char ret[SHA256_HEX + 1])
{
	uint8_t raw[SHA256_LEN];

	sha256(bytes, n, raw);
	hex_write(raw, sizeof(raw), ret);
}

int sha256_fd_hex(int fd, char ret[SHA256_HEX + 1], struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t raw[SHA256_LEN], chunk[65536];
	unsigned int len = sizeof(raw);
	ssize_t n;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return err_set(e, -ENOMEM, "out of memory");
	}
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			EVP_MD_CTX_free(ctx);
			return err_set(e, r, "cannot read: %s", strerror(-r));
		}
		(void)EVP_DigestUpdate(ctx, chunk, (size_t)n);
	}
	(void)EVP_DigestFinal_ex(ctx, raw, &len);
	EVP_MD_CTX_free(ctx);
	hex_write(raw, sizeof(raw), ret);
	return 0;
}
