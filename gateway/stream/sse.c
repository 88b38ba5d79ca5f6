#include "gateway/stream/sse.h"

#include <inttypes.h>

#define PADDING 2048

int sse_write_open(struct buf *b)
{
	return buf_addf(b, ":%*s\nevent: open\ndata:\n\n", PADDING, "");
}

/* RFC 4648, 4 */
static void encode(uint8_t *at, const uint8_t *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
}

int sse_write_bytes(struct buf *b, uint64_t id, const uint8_t *bytes, size_t n)
{
	size_t length = (n + 2) / 3 * 4;
	int r = buf_reserve(b, length + 64); /* of which the lines around it use less than 64 */

	if (r < 0)
		return r;
	r = buf_addf(b, "id: %" PRIu64 "\ndata: ", id);
	if (r < 0)
		return r;
	encode(b->data + b->len, bytes, n);
	b->len += length;
	return buf_add(b, "\n\n", 2);
}

int sse_write_beat(struct buf *b)
{
	return buf_add(b, ":\n\n", 3);
}

int sse_write_end(struct buf *b)
{
	return buf_add_str(b, "event: end\ndata:\n\n");
}
