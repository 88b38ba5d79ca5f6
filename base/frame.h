/*
 * The one frame of all links: a 16-byte header and an opaque value.
 *
 *	 0      2     3     4          8         12         16
 *	+------+-----+-----+----------+----------+----------+--------- - -
 *	|length|type |op   | channel  | node     | seq      | value
 *	+------+-----+-----+----------+----------+----------+--------- - -
 *
 * Little endian. The top bit of op says MORE: the value goes on in the next frame of the same
 * type and channel. Several whole frames may share one packet. The same bytes travel over
 * SOCK_SEQPACKET between processes and inside WebSocket messages to the browser. What the fields
 * mean for each type is in proto/; this file knows only the shape.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define FRAME_HEADER 16
#define FRAME_VALUE_MAX (60 * 1024 - FRAME_HEADER) /* one frame fits one packet */
#define FRAME_PACKET_MAX (60 * 1024)
#define FRAME_OP_MAX 0x7f
#define FRAME_MORE 0x80

struct frame {
	uint8_t type;
	uint8_t op;       /* 0 to FRAME_OP_MAX */
	bool more;        /* the value is continued; never seen by receivers of whole messages */
	uint32_t channel; /* 0: the link itself */
	uint32_t node;
	uint32_t seq;
	const uint8_t *value; /* borrowed; not NUL-terminated */
	size_t length;        /* may exceed FRAME_VALUE_MAX before splitting and after joining */
};

/* Appends header and value as one frame, or as several with MORE. -ENOSPC, -ENOMEM. */
int frame_write(struct buf *b, const struct frame *f);

/*
 * Reads the frame at the start of data. Returns the bytes it takes, > 0; f->value points into
 * data. -EBADMSG: truncated header or value, or a length over FRAME_VALUE_MAX.
 */
int frame_read(struct frame *f, const uint8_t *data, size_t n, struct err *e);

/*
 * Joins continued frames. One per direction of a link: at most one value per link is under way,
 * which senders keep because they write a split value as one run.
 */
struct frame_joiner {
	struct buf parts;
	struct frame head; /* of the run under way; meaningful while open */
	bool open;
};

void frame_joiner_init(struct frame_joiner *j);
void frame_joiner_done(struct frame_joiner *j);

/*
 * Takes a frame as read. Returns 1 when *f now is a whole message (f->value borrowed until the
 * next call), 0 when more is to come. -EBADMSG: another run began before the last one ended.
 * -EMSGSIZE: the joined value is longer than max.
 */
int frame_join(struct frame_joiner *j, struct frame *f, size_t max, struct err *e);
