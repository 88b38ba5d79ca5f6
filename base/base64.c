#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_add(struct buf *b, const uint8_t *bytes, size_t n)
{
	size_t length = (n + 2) / 3 * 4;
	int r = buf_reserve(b, length);
	uint8_t *at;

	if (r < 0)
		return r;
	at = b->data + b->len;
	for (size_t i = 0; i < n; i += 3, at += 4) {
		uint32_t v = (uint32_t)bytes[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < n)
			v |= bytes[i + 2];
		at[0] = (uint8_t)digits[v >> 18];
		at[1] = (uint8_t)digits[v >> 12 & 63];
		at[2] = (uint8_t)(i + 1 < n ? digits[v >> 6 & 63] : '=');
		at[3] = (uint8_t)(i + 2 < n ? digits[v & 63] : '=');
	}
	b->len += length;
	b->data[b->len] = '\0';
	return 0;
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_add_decoded(struct buf *b, const char *text, size_t n)
{
	size_t tail = 0, kept = b->len;
	uint32_t v = 0;
	int r;

	if (n % 4)
		return -EBADMSG;
	while (tail < 2 && n > 0 && text[n - 1 - tail] == '=')
		tail++;
	r = buf_reserve(b, n / 4 * 3);
	for (size_t i = 0; i < n && r == 0; i++) {
		bool padding = i >= n - tail;
		int d = padding ? 0 : digit(text[i]);

		if (d < 0) {
			r = -EBADMSG;
			break;
		}
		v = v << 6 | (uint32_t)d;
		if (i % 4 == 3) {
			uint8_t three[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

			r = buf_add(b, three, i + 1 == n ? 3 - tail : 3);
			v = 0;
		}
	}
	if (r < 0 && b->len > kept) {
		b->len = kept;
		b->data[kept] = '\0';
	}
	return r;
}
