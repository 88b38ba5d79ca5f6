#include "gateway/stream/sse.h"

#include <inttypes.h>

#include "base/base64.h"

#define PADDING 2048

int sse_write_open(struct buf *b)
{
	return buf_addf(b, ":%*s\nevent: open\ndata:\n\n", PADDING, "");
}

int sse_write_bytes(struct buf *b, uint64_t id, const uint8_t *bytes, size_t n)
{
	size_t before = b->len;
	int r = buf_addf(b, "id: %" PRIu64 "\ndata: ", id);

	if (r == 0)
		r = base64_add(b, bytes, n);
	if (r == 0)
		r = buf_add(b, "\n\n", 2);
	if (r < 0 && b->len > before) {
		b->len = before;
		b->data[before] = '\0';
	}
	return r;
}

int sse_add_line(struct buf *b, const uint8_t *json, size_t n)
{
	size_t at = b->len;
	int r = buf_add(b, json, n);

	for (; r == 0 && at < b->len; at++)
		if (b->data[at] == '\n' || b->data[at] == '\r')
			b->data[at] = ' ';
	return r;
}

int sse_write_beat(struct buf *b)
{
	return buf_add(b, ":\n\n", 3);
}

int sse_write_end(struct buf *b)
{
	return buf_add_str(b, "event: end\ndata:\n\n");
}
