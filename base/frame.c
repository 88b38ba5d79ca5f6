#include "base/frame.h"

#include <assert.h>
#include <errno.h>

/* The most any message may declare as its maximum in proto/. */
#define JOINED_MAX (64u << 20)

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int write_one(
	struct buf *b, const struct frame *f, const uint8_t *value, size_t n, bool more)
{
	uint8_t head[FRAME_HEADER];
	int r = buf_reserve(b, FRAME_HEADER + n);

	if (r < 0)
		return r;
	head[0] = (uint8_t)n;
	head[1] = (uint8_t)(n >> 8);
	head[2] = f->type;
	head[3] = (uint8_t)(f->op | (more ? FRAME_MORE : 0));
	put_u32(head + 4, f->channel);
	put_u32(head + 8, f->node);
	put_u32(head + 12, f->seq);
	(void)buf_add(b, head, sizeof(head)); /* reserved above */
	(void)buf_add(b, value, n);
	return 0;
}

int frame_write(struct buf *b, const struct frame *f)
{
	const uint8_t *value = f->value;
	size_t left = f->length;
	size_t start = b->len;

	assert(f->op <= FRAME_OP_MAX);
	do {
		size_t n = left > FRAME_VALUE_MAX ? FRAME_VALUE_MAX : left;
		int r = write_one(b, f, value, n, left > n || f->more);

		if (r < 0) {
			b->len = start;
			return r;
		}
		if (n > 0) /* an empty value may be NULL */
			value += n;
		left -= n;
	} while (left > 0);
	return 0;
}

int frame_read(struct frame *f, const uint8_t *data, size_t n, struct err *e)
{
	size_t length;

	if (n < FRAME_HEADER)
		return err_set(e, -EBADMSG, "frame header: %zu bytes, need %d", n, FRAME_HEADER);
	length = (size_t)data[0] | (size_t)data[1] << 8;
	if (length > FRAME_VALUE_MAX)
		return err_set(e, -EBADMSG, "frame length: %zu is over the limit of %d", length,
			FRAME_VALUE_MAX);
	if (length > n - FRAME_HEADER)
		return err_set(e, -EBADMSG, "frame length: %zu but only %zu bytes follow", length,
			n - FRAME_HEADER);

	*f = (struct frame){
		.type = data[2],
		.op = data[3] & FRAME_OP_MAX,
		.more = data[3] & FRAME_MORE,
		.channel = get_u32(data + 4),
		.node = get_u32(data + 8),
		.seq = get_u32(data + 12),
		.value = data + FRAME_HEADER,
		.length = length,
	};
	return (int)(FRAME_HEADER + length);
}

void frame_joiner_init(struct frame_joiner *j)
{
	*j = (struct frame_joiner){0};
	buf_init(&j->parts, JOINED_MAX);
}

void frame_joiner_done(struct frame_joiner *j)
{
	buf_done(&j->parts);
}

static bool same_run(const struct frame *a, const struct frame *b)
{
	return a->type == b->type && a->op == b->op && a->channel == b->channel &&
	       a->node == b->node && a->seq == b->seq;
}

int frame_join(struct frame_joiner *j, struct frame *f, size_t max, struct err *e)
{
	int r;

	if (j->open && !same_run(&j->head, f))
		return err_set(e, -EBADMSG, "frame type %u interrupts a continued value", f->type);
	if ((j->open ? j->parts.len : 0) + f->length > max)
		return err_set(e, -EMSGSIZE, "frame type %u: value is over the limit of %zu bytes",
			f->type, max);
	if (!j->open && !f->more)
		return 1;

	if (!j->open) {
		buf_clear(&j->parts);
		j->head = *f;
		j->open = true;
	}
	r = buf_add(&j->parts, f->value, f->length);
	if (r < 0)
		return err_set(e, r, "out of memory");
	if (f->more)
		return 0;
	j->open = false;
	f->value = j->parts.data;
	f->length = j->parts.len;
	return 1;
}
