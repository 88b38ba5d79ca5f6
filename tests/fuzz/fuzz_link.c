/*
 * The link itself, as every service has one: turns that end in the middle of a packet, holding and
 * releasing, freeing from the callback. The first byte says what the receiver does.
 */
#include "base/link.h"

#include <errno.h>

#include "tests/support/packets.h"

#define KNOWN_MAX 20000

enum { TAKES_FILES = 1, HAS_TURNS = 2, HOLDS = 4, REFUSES = 8, FREES = 16 };

struct receiver {
	struct link *link; /* NULL once freed */
	int how, heard;
	bool closed;
};

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	struct receiver *r = data;

	MUST(!r->closed && r->link == l && f->type < 16 && f->length <= KNOWN_MAX && !f->more);
	MUST(files->n <= LINK_FILES_MAX);
	for (size_t i = 0; i < f->length; i++)
		r->heard += f->value[i] & 1; /* reads all of it */
	if ((r->how & HOLDS) && f->type == 1)
		link_hold(l);
	if ((r->how & FREES) && f->type == 2)
		r->link = link_free(l);
	return (r->how & REFUSES) && f->type == 3 ? err_set(e, -EPROTO, "refused") : 0;
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct receiver *r = data;

	MUST(!r->closed && r->link == l && (reason->code == 0 || reason->text[0]));
	r->closed = true;
	r->link = link_free(l);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return type < 16 ? KNOWN_MAX : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_ops ops = {on_frame, on_closed, value_max, NULL};
	struct receiver r = {.how = size ? data[0] : 0};
	struct link_limits limits = {.queue_max = 1 << 16,
		.files = r.how & TAKES_FILES,
		.round_usec = r.how & HAS_TURNS ? 1 : 0};
	struct loop *loop;
	int pair[2];

	if (size == 0)
		return 0;
	MUST(loop_new(&loop) == 0 && link_pair(pair) == 0);
	MUST(link_new(loop, pair[1], &ops, &limits, &r, &r.link) == 0);
	for (size_t at = 1; at < size;) {
		size_t n = size - at > 4096 ? 4096 : size - at;

		packets_feed(pair[0], loop, data + at, n);
		at += n;
		if (r.link && !r.closed)
			link_release(r.link);
	}
	close(pair[0]);
	packets_spin(loop, 64);
	if (r.link)
		(void)link_free(r.link);
	(void)loop_free(loop);
	return 0;
}
