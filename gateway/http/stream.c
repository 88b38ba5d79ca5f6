/* Pages behind proxies: a stream is opened, fed by POSTs, and read as an event stream or by polls.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/http/request.h"
#include "gateway/space.h"
#include "gateway/stream/sse.h"
#include "gateway/stream/stream.h"
#include "proto/constants.h"

#define EVENT_BYTES (48 * 1024) /* of frames in one event */
#define POLL_BYTES (256 * 1024) /* of frames in one answer to a poll */
#define FRAMES_MAX (24u << 20)  /* one message may be more than these, but never this */
#define NUMBER_MAX (1ull << 53) /* what JavaScript counts exactly */

/* --- what all of them ask --- */

/* Whoever shows no sign-in is not told of a private Space, not by its stream's ending either. */
static bool may_ask(struct request *r, const struct route *route)
{
	size_t n;

	return route && (!route->private || request_sign_in(r, &n));
}

/* The Space that is asked for. NULL: the refusal is decided. */
static struct space *asked_space(struct request *r, const char *method)
{
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	struct space *space = NULL;

	if (strcmp(r->method, method)) {
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only %s is answered here", method);
	} else if (!request_is_same_origin(r)) {
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
	} else {
		space = may_ask(r, route) ? space_of(g->spaces, route) : NULL;
		if (!space)
			request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	}
	return space;
}

/* A number in the query; absent: what is given. False: it is none. */
static bool number(const struct request *r, const char *name, uint64_t absent, uint64_t *ret)
{
	const char *text = request_argument(r, name);
	char *end;

	*ret = absent;
	if (!text)
		return true;
	if (*text < '0' || *text > '9')
		return false;
	*ret = strtoull(text, &end, 10);
	return !*end && *ret <= NUMBER_MAX;
}

/* The stream that is asked for. NULL: the refusal is decided. */
static struct stream *asked_stream(struct request *r, const char *method)
{
	struct space *space = asked_space(r, method);
	const char *id = request_argument(r, "stream");
	struct stream *s = NULL;

	if (!space)
		return NULL;
	request_visitor(r);
	if (id)
		s = stream_find(request_gateway(r)->streams, id, r->visitor, space);
	if (!s)
		request_refuse(r, MHD_HTTP_NOT_FOUND,
			"stream: there is none of that id; it has ended, or another visitor has "
			"it");
	return s;
}

static enum MHD_Result answer_empty(struct request *r, unsigned status)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, "Cache-Control", "no-store");
	return answer(r, status, response);
}

/* --- POST -/stream --- */

static enum MHD_Result open_finish(struct request *r)
{
	struct gateway *g = request_gateway(r);
	struct space *space = asked_space(r, MHD_HTTP_METHOD_POST);
	struct visit_start start = {.gateway = g, .space = space, .address = r->address};
	struct stream *s;
	struct err e = {0};
	char json[96];
	int n;

	if (!space)
		return answer_error(r, r->refusal, r->refusal_words);
	request_visitor(r);
	start.visitor = r->visitor;
	start.cookie = request_sign_in(r, &start.cookie_length);
	n = r->address ? stream_open(g->streams, &start, &s, &e) : -ENOMEM;
	if (n == -EBUSY)
		return answer_error(r, MHD_HTTP_TOO_MANY_REQUESTS, e.text);
	if (n < 0)
		return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	/* The worker starts while the page is still on its way to JOIN. */
	if (space->route && !space->route->private)
		space_expect(space);
	n = snprintf(json, sizeof(json), "{\"stream\":\"%s\"}", stream_id(s));
	return answer_bytes(r, MHD_HTTP_CREATED, "application/json", json, (size_t)n);
}

const struct handler stream_handler = {.name = "stream", .finish = open_finish};

/* --- POST -/send?stream=ID&n=N[&ack=N][&close=1] --- */

struct send_state {
	struct buf body;
	size_t reserved; /* of what all streams may have under way */
	uint64_t n, ack;
};

static void send_begin(struct request *r)
{
	struct stream *s = asked_stream(r, MHD_HTTP_METHOD_POST);
	struct send_state *state;

	if (!s)
		return;
	if (!stream_may_send(s)) {
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"this page sends too much at once; try again in a second");
		return;
	}
	state = calloc(1, sizeof(*state));
	if (!state) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	buf_init(&state->body, STREAM_SEND_MAX);
	r->state = state;
	if (!number(r, "n", 0, &state->n) || !number(r, "ack", 0, &state->ack))
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "n, ack: must be numbers below 2^53");
}

static size_t send_feed(struct request *r, const char *bytes, size_t n)
{
	struct send_state *state = r->state;

	if (state->body.len + n > STREAM_SEND_MAX) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the body is over the limit of %d bytes", STREAM_SEND_MAX);
	} else if (!streams_reserve(request_gateway(r)->streams, n)) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too much is being received just now; try again in a second");
	} else {
		state->reserved += n;
		if (buf_add(&state->body, bytes, n) < 0)
			request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	return n;
}

static enum MHD_Result send_finish(struct request *r)
{
	struct stream *s = asked_stream(r, MHD_HTTP_METHOD_POST);
	struct send_state *state = r->state;
	struct err e = {0};

	if (!s)
		return answer_error(r, r->refusal, r->refusal_words);
	stream_ack(s, state->ack);
	if (state->n > 0 &&
		stream_take(s, state->n, state->body.data, state->body.len, &e) == -EPROTO)
		return answer_error(r, MHD_HTTP_CONFLICT, e.text);
	if (request_argument(r, "close"))
		stream_close(s);
	return answer_empty(r, MHD_HTTP_NO_CONTENT);
}

static void send_done(struct request *r)
{
	struct send_state *state = r->state;

	if (!state)
		return;
	streams_release(request_gateway(r)->streams, state->reserved);
	/* It may hold a password. */
	if (state->body.data)
		explicit_bzero(state->body.data, state->body.len);
	buf_done(&state->body);
	free(state);
	r->state = NULL;
}

const struct handler send_handler = {.name = "send",
	.begin = send_begin,
	.feed = send_feed,
	.finish = send_finish,
	.done = send_done};

/* --- readers --- */

struct read_state {
	struct stream_reader reader; /* first: its address is ours */
	struct request *request;
	struct buf frames; /* whole ones, just read */
	struct buf text;   /* of the event stream */
	size_t at;         /* of text, what the socket has taken */
	uint64_t last;
	bool ended;
};

static void on_wake(struct stream_reader *reader)
{
	struct read_state *state = (struct read_state *)reader;

	request_resume(state->request);
}

static uint64_t in_seconds(uint64_t sec)
{
	return clock_mono_usec() + sec * USEC_PER_SEC;
}

/* Where the page wants to go on; a stream that was cut says it in the header. */
static bool asked_after(const struct request *r, uint64_t *ret)
{
	const char *header = request_header(r, "Last-Event-ID");
	char *end;

	if (!number(r, "after", 0, ret))
		return false;
	if (!header || request_argument(r, "after"))
		return true;
	*ret = strtoull(header, &end, 10);
	return *header >= '0' && *header <= '9' && !*end && *ret <= NUMBER_MAX;
}

/* Attaches a reader. NULL: the refusal is decided. */
static struct read_state *attach(struct request *r)
{
	struct stream *s = asked_stream(r, MHD_HTTP_METHOD_GET);
	struct read_state *state = s ? calloc(1, sizeof(*state)) : NULL;
	struct err e = {0};
	uint64_t after;

	if (!state) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return NULL;
	}
	state->reader.wake = on_wake;
	state->request = r;
	buf_init(&state->frames, FRAMES_MAX);
	buf_init(&state->text, FRAMES_MAX / 3 * 4 + 4096);
	r->state = state;
	if (!asked_after(r, &after))
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "after: must be a number below 2^53");
	else if (stream_attach(s, &state->reader, after, &e) < 0)
		request_refuse(r, MHD_HTTP_GONE, "%s", e.text);
	else
		state->last = after;
	return r->refusal ? NULL : state;
}

static void read_done(struct request *r)
{
	struct read_state *state = r->state;

	if (!state)
		return;
	stream_detach(&state->reader);
	buf_done(&state->frames);
	buf_done(&state->text);
	free(state);
	r->state = NULL;
}

/* --- GET -/events?stream=ID[&after=N] --- */

static int write_next(struct read_state *state)
{
	struct stream_reader *reader = &state->reader;

	buf_clear(&state->frames);
	if (stream_read(reader, EVENT_BYTES, &state->frames, &state->last))
		return sse_write_bytes(
			&state->text, state->last, state->frames.data, state->frames.len);
	if (stream_is_over(reader)) {
		state->ended = true;
		return sse_write_end(&state->text);
	}
	return reader->until_usec <= clock_mono_usec() ? sse_write_beat(&state->text) : 0;
}

static ssize_t on_socket_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct read_state *state = data;
	size_t n;

	(void)position;
	stream_flows(&state->reader);
	if (state->at == state->text.len) {
		state->at = 0;
		/* One great event is no reason to keep its room. */
		if (state->text.cap > 4 * EVENT_BYTES) {
			buf_done(&state->text);
			buf_done(&state->frames);
		}
		buf_clear(&state->text);
		if (state->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (write_next(state) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (state->text.len == 0) {
			request_suspend(state->request);
			return 0;
		}
		state->reader.until_usec = in_seconds(STREAM_BEAT_SEC);
	}
	n = state->text.len - state->at < max ? state->text.len - state->at : max;
	memcpy(room, state->text.data + state->at, n);
	state->at += n;
	return (ssize_t)n;
}

static enum MHD_Result events_finish(struct request *r)
{
	struct read_state *state = attach(r);
	struct MHD_Response *response;

	if (!state)
		return answer_error(r, r->refusal, r->refusal_words);
	if (sse_write_open(&state->text) < 0)
		return MHD_NO;
	state->reader.until_usec = in_seconds(STREAM_BEAT_SEC);
	response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16 * 1024, on_socket_wants, state, NULL);
	if (!response)
		return MHD_NO;
	response_events(response);
	return answer(r, MHD_HTTP_OK, response);
}

const struct handler events_handler = {
	.name = "events", .finish = events_finish, .done = read_done};

/* --- GET -/poll?stream=ID&after=N[&wait=SECONDS] --- */

/* The number of the last message, 8 bytes little endian, and the frames. */
static enum MHD_Result answer_poll(struct request *r, struct read_state *state)
{
	struct buf *b = &state->frames;
	uint8_t number[8];

	if (buf_add(b, number, sizeof(number)) < 0)
		return MHD_NO;
	(void)stream_read(&state->reader, POLL_BYTES, b, &state->last);
	for (size_t i = 0; i < sizeof(number); i++)
		b->data[i] = (uint8_t)(state->last >> 8 * i);
	return answer_bytes(r, MHD_HTTP_OK, "application/octet-stream", b->data, b->len);
}

static enum MHD_Result poll_finish(struct request *r)
{
	bool begins = !r->state;
	struct read_state *state = begins ? attach(r) : r->state;
	uint64_t wait;

	if (!state)
		return answer_error(r, r->refusal, r->refusal_words);
	if (begins) {
		if (!number(r, "wait", STREAM_POLL_SEC, &wait) || wait > STREAM_POLL_SEC)
			wait = STREAM_POLL_SEC;
		state->reader.until_usec = in_seconds(wait);
	}
	if (stream_has_news(&state->reader))
		return answer_poll(r, state);
	if (stream_is_over(&state->reader) && state->reader.stream)
		return answer_error(r, MHD_HTTP_GONE, "the connection has ended");
	if (stream_is_over(&state->reader) || state->reader.until_usec <= clock_mono_usec())
		return answer_poll(r, state);
	request_suspend(r);
	return MHD_YES;
}

const struct handler poll_handler = {.name = "poll", .finish = poll_finish, .done = read_done};
