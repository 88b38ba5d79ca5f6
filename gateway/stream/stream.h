/*
 * A page's connection where no WebSocket gets through: numbered pieces of frames both ways, so that
 * it outlives the requests that carry it. Knows no HTTP: a reader fetches what waits for the page,
 * and what the page sends is put in with its number.
 *
 * What a reader has taken is kept until the page says that it has it, in bounds. A page that asks
 * for more than is kept joins its session anew over another stream, and loses nothing either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "gateway/gateway.h"
#include "gateway/visit.h"

struct stream;
struct streams;

/* One request that waits for something to take to the page. */
struct stream_reader {
	struct stream *stream; /* NULL: another reader took its place, or the stream is gone */
	uint64_t until_usec;   /* monotonic; it is woken then in any case, a second late at most */
	void (*wake)(struct stream_reader *r); /* something has come, or it is over */
};

int streams_new(struct gateway *g, struct streams **ret);
/* Ends all of them. No reader may be left. */
struct streams *streams_free(struct streams *t);
DEFINE_CLEANUP(struct streams *, streams_free)

/*
 * Opens one; ops and transport of start are not looked at. Counts as one more connection of its
 * address. -EBUSY: that has too many. -ENOMEM.
 */
int stream_open(
	struct streams *t, const struct visit_start *start, struct stream **ret, struct err *e);
void stream_close(struct stream *s);

/* NULL: there is none of that id, or it is another visitor's, or another Space's. */
struct stream *stream_find(
	struct streams *t, const char *id, const char *visitor, const struct space *space);
const char *stream_id(const struct stream *s); /* borrowed */

/* Room for a body under way, of all streams together. False: others fill it just now. */
bool streams_reserve(struct streams *t, size_t n);
void streams_release(struct streams *t, size_t n);

/* False: this page has sent more than anyone types, and should wait. */
bool stream_may_send(struct stream *s);

/*
 * Takes piece number n of the page, counted from 1. One that has been taken before is none the
 * worse. -EPROTO: pieces before it are missing.
 */
int stream_take(struct stream *s, uint64_t n, const uint8_t *bytes, size_t length, struct err *e);

/* The page has everything up to this number. */
void stream_ack(struct stream *s, uint64_t n);

/*
 * Reads from after this number on, instead of an earlier reader. -ESTALE: the page has not that
 * much, or what came after it is no longer kept.
 */
int stream_attach(struct stream *s, struct stream_reader *r, uint64_t after, struct err *e);
void stream_detach(struct stream_reader *r);

/*
 * Adds to b what waits, about max bytes of whole frames but one message at least; *ret_last is the
 * number of its last. False: nothing waits, or b has no room.
 */
bool stream_read(struct stream_reader *r, size_t max, struct buf *b, uint64_t *ret_last);

/* The socket takes of what was read last. */
void stream_flows(struct stream_reader *r);

bool stream_has_news(const struct stream_reader *r);
/* Nothing waits, and nothing more will come. */
bool stream_is_over(const struct stream_reader *r);

size_t streams_count(const struct streams *t);
