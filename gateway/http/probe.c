/* What the page /-/connection tries out: /-/probe/… Each is bounded, and nothing is kept of any. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/loop.h"
#include "gateway/http/request.h"
#include "gateway/stream/sse.h"

#define SIZE_MAX_BYTES (32u << 20)
#define WAIT_MAX_SEC 30
#define TICK_SEC 1   /* the second event: whoever holds the first up brings both together */
#define QUIET_SEC 15 /* and then nothing, for longer than an impatient proxy waits */
#define RANGE_BYTES 1000

static enum MHD_Result answer_json(struct request *r, json_t *o)
{
	enum MHD_Result done;
	struct buf b;

	buf_init(&b, 65536);
	if (o)
		(void)json_write(&b, o);
	json_decref(o);
	done = answer_bytes(r, MHD_HTTP_OK, "application/json", buf_str(&b), b.len);
	buf_done(&b);
	return done;
}

static void begin_get(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_GET))
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered here");
}

/* --- what arrives --- */

/* The asker's own, and none that is a secret. */
static const char *const told_headers[] = {"Host", "Via", "Forwarded", "X-Forwarded-For",
	"X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Origin"};

static enum MHD_Result head_finish(struct request *r)
{
	json_t *headers = json_object();
	const char *cookie = request_header(r, "Cookie");
	char id[ID_LEN + 1];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(told_headers) / sizeof(*told_headers); i++) {
		const char *value = request_header(r, told_headers[i]);

		if (value)
			(void)json_object_set_new(headers, told_headers[i], json_string(value));
	}
	if (cookie)
		cookie = cookie_find(cookie, strlen(cookie), VISITOR_COOKIE, &n);
	return answer_json(
		r, json_pack("{ss sb so}", "http", r->version ? r->version : "", "cookie",
			   cookie && visitor_check(&request_gateway(r)->key, cookie, n, id),
			   "headers", headers));
}

const struct handler probe_head_handler = {
	.name = "probe head", .begin = begin_get, .finish = head_finish};

/* --- waiting --- */

struct wait_state {
	struct request *request;
	struct source *timer; /* owned */
	unsigned step;
	bool due;
	struct buf text;
	size_t at; /* of text, what the socket has taken */
};

static void on_due(void *data)
{
	struct wait_state *w = data;

	w->due = true;
	request_resume(w->request);
}

static struct wait_state *wait_new(struct request *r)
{
	struct wait_state *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->request = r;
	buf_init(&w->text, 8192);
	r->state = w;
	return loop_add_timer(request_gateway(r)->loop, on_due, w, &w->timer) == 0 ? w : NULL;
}

static void wait_done(struct request *r)
{
	struct wait_state *w = r->state;

	if (!w)
		return;
	(void)source_free(w->timer);
	buf_done(&w->text);
	free(w);
	r->state = NULL;
}

static void wait_for(struct wait_state *w, unsigned sec)
{
	timer_arm_after(w->timer, sec * USEC_PER_SEC);
	request_suspend(w->request);
}

/* GET /-/probe/wait?s=SECONDS: an answer that takes its time, as that of a poll. */
static enum MHD_Result wait_finish(struct request *r)
{
	struct wait_state *w = r->state ? r->state : wait_new(r);
	const char *text = request_argument(r, "s");
	unsigned long sec = text ? strtoul(text, NULL, 10) : 0;

	if (!w)
		return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	if (sec > WAIT_MAX_SEC)
		return answer_error(r, MHD_HTTP_BAD_REQUEST, "s: at most 30 seconds");
	if (w->due || sec == 0)
		return answer_json(r, json_pack("{sI}", "waited", (json_int_t)sec));
	wait_for(w, (unsigned)sec);
	return MHD_YES;
}

const struct handler probe_wait_handler = {
	.name = "probe wait", .begin = begin_get, .finish = wait_finish, .done = wait_done};

/* --- an event stream --- */

static int write_tick(struct buf *b)
{
	return buf_add_str(b, "event: tick\ndata:\n\n");
}

static const struct {
	unsigned after_sec;
	int (*write)(struct buf *b);
} steps[] = {{0, sse_write_open}, {TICK_SEC, write_tick}, {QUIET_SEC, sse_write_end}};

static ssize_t on_socket_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct wait_state *w = data;
	size_t n;

	(void)position;
	if (w->at == w->text.len) {
		if (w->step == sizeof(steps) / sizeof(*steps))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (steps[w->step].after_sec && !w->due) {
			wait_for(w, steps[w->step].after_sec);
			return 0;
		}
		w->due = false;
		w->at = 0;
		buf_clear(&w->text);
		if (steps[w->step++].write(&w->text) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	n = w->text.len - w->at < max ? w->text.len - w->at : max;
	memcpy(room, w->text.data + w->at, n);
	w->at += n;
	return (ssize_t)n;
}

static enum MHD_Result events_finish(struct request *r)
{
	struct wait_state *w = wait_new(r);
	struct MHD_Response *response = w ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
						    4096, on_socket_wants, w, NULL)
					  : NULL;

	if (!response)
		return MHD_NO;
	response_events(response);
	return answer(r, MHD_HTTP_OK, response);
}

const struct handler probe_events_handler = {
	.name = "probe events", .begin = begin_get, .finish = events_finish, .done = wait_done};

/* --- the size of a body --- */

static void size_begin(struct request *r)
{
	if (strcmp(r->method, MHD_HTTP_METHOD_POST))
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST is answered here");
	else if (!request_is_same_origin(r))
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
}

static size_t size_feed(struct request *r, const char *bytes, size_t n)
{
	(void)bytes;
	r->swallowed += n;
	if (r->swallowed > SIZE_MAX_BYTES)
		request_refuse(
			r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is over %u bytes", SIZE_MAX_BYTES);
	return n;
}

static enum MHD_Result size_finish(struct request *r)
{
	return answer_json(r, json_pack("{sI}", "bytes", (json_int_t)r->swallowed));
}

const struct handler probe_size_handler = {
	.name = "probe size", .begin = size_begin, .feed = size_feed, .finish = size_finish};

/* --- a range --- */

static enum MHD_Result range_finish(struct request *r)
{
	const char *range = request_header(r, MHD_HTTP_HEADER_RANGE);
	bool asked = range && !strcmp(range, "bytes=100-199"); /* what the page asks for */
	char bytes[RANGE_BYTES];
	struct MHD_Response *response;

	memset(bytes, '.', sizeof(bytes));
	response = MHD_create_response_from_buffer(
		asked ? 100 : sizeof(bytes), bytes, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	if (asked)
		response_header(response, "Content-Range", "bytes 100-199/1000");
	response_header(response, "Content-Type", "application/octet-stream");
	response_header(response, "Cache-Control", "no-store");
	return answer(r, asked ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
}

const struct handler probe_range_handler = {
	.name = "probe range", .begin = begin_get, .finish = range_finish};
