/*
 * Text of an event stream (text/event-stream, WHATWG HTML 9.2) that carries bytes: one event is
 * their base64, its id the number of the last piece in it. Knows no stream.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The beginning: padding, for what passes nothing on before it has 2 KiB, and the event "open".
 * -ENOSPC, -ENOMEM, as the others. */
int sse_write_open(struct buf *b);
int sse_write_bytes(struct buf *b, uint64_t id, const uint8_t *bytes, size_t n);
/* JSON as the rest of one line: between its tokens a line's end is a space. */
int sse_add_line(struct buf *b, const uint8_t *json, size_t n);
/* Says nothing but that the stream lives. */
int sse_write_beat(struct buf *b);
/* The last event, "end". */
int sse_write_end(struct buf *b);
