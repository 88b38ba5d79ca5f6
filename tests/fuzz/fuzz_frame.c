/* A packet from a stranger: frames, joining, and the JSON of the message it claims to be. The
 * first byte chooses link and direction. */
#include <stdint.h>

#include "base/frame.h"
#include "proto/messages.h"
#include "tests/support/fuzz.h"

static void read_value(const struct proto_message *d, const struct frame *f)
{
	/* Large enough for every generated struct: a root and at most 16 members. */
	uint64_t m[32] = {0};
	struct err e = {0};

	if (d && d->n_fields > 0 && proto_read(d, m, f->value, f->length, &e) == 0)
		proto_done(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum proto_link link;
	enum proto_direction direction;
	struct frame_joiner joiner;
	struct err e = {0};

	if (size == 0)
		return 0;
	link = data[0] % (PROTO_MODELS + 1);
	direction = data[0] >> 7;
	data++, size--;
	frame_joiner_init(&joiner);
	while (size > 0) {
		struct frame f;
		int used = frame_read(&f, data, size, &e);
		long max;

		if (used < 0)
			break;
		MUST((size_t)used <= size && f.length <= FRAME_VALUE_MAX);
		data += used;
		size -= (size_t)used;
		max = proto_value_max(link, direction, f.type);
		if (max < 0)
			break;
		used = frame_join(&joiner, &f, (size_t)max, &e);
		if (used < 0)
			break;
		MUST(used == 0 || f.length <= (size_t)max);
		if (used == 1)
			read_value(proto_find(link, direction, f.type), &f);
	}
	frame_joiner_done(&joiner);
	return 0;
}
