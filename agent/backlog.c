#include "agent/backlog.h"

#include <string.h>

#define HEAD (1 + sizeof(uint32_t))

void backlog_init(struct backlog *b)
{
	*b = (struct backlog){0};
	buf_init(&b->records, BACKLOG_MAX);
}

void backlog_done(struct backlog *b)
{
	buf_done(&b->records);
}

void backlog_add(struct backlog *b, uint8_t type, const void *value, size_t n)
{
	uint32_t length = (uint32_t)n;

	if (b->dropped > 0 || n > UINT32_MAX || buf_reserve(&b->records, HEAD + n) < 0) {
		b->dropped++;
		return;
	}
	(void)buf_add(&b->records, &type, 1);
	(void)buf_add(&b->records, &length, sizeof(length));
	(void)buf_add(&b->records, value, n);
}

unsigned int backlog_empty(struct backlog *b,
	void (*fn)(uint8_t type, const uint8_t *value, size_t n, void *data), void *data)
{
	unsigned int dropped = b->dropped;

	for (size_t at = 0; at < b->records.len;) {
		uint32_t length;

		memcpy(&length, b->records.data + at + 1, sizeof(length));
		fn(b->records.data[at], b->records.data + at + HEAD, length, data);
		at += HEAD + length;
	}
	buf_done(&b->records);
	backlog_init(b);
	return dropped;
}
