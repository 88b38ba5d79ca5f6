/* POST /-/api/NAME[?session=KEY]: a function called with named arguments as a JSON object. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/schema.h"
#include "gateway/http/program.h"
#include "gateway/session/json_text.h"
#include "gateway/stream/sse.h"

#define SESSION_KEY_MAX 64
#define PREFIX "/-/api/"

/* --- what is told --- */

static int begin_event(struct program *p, const char *name)
{
	return buf_addf(&p->out, "event: %s\ndata: ", name);
}

static int add_event(struct program *p, const char *name, struct slice json)
{
	int r = begin_event(p, name);

	if (r == 0)
		r = sse_add_line(&p->out, json.at, json.n);
	return r < 0 ? r : buf_add_str(&p->out, "\n\n");
}

static int on_queue(
	struct program *p, size_t place, size_t of, int64_t expected_ms, const char *reason)
{
	CLEANUP(json_unrefp) json_t *text = reason ? json_string(reason) : NULL;
	CLEANUP(freep) char *words = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
	int r = begin_event(p, "queue");

	if (r == 0)
		r = buf_addf(&p->out, "{\"place\":%zu,\"of\":%zu", place, of);
	if (r == 0 && expected_ms > 0)
		r = buf_addf(&p->out, ",\"expected_ms\":%lld", (long long)expected_ms);
	if (r == 0 && words)
		r = buf_addf(&p->out, ",\"reason\":%s", words);
	return r < 0 ? r : buf_add_str(&p->out, "}\n\n");
}

static int on_progress(struct program *p, struct slice json)
{
	return add_event(p, "progress", json);
}

static int on_log(struct program *p, struct slice json)
{
	return add_event(p, "log", json);
}

static int add_results(struct program *p, const char *event, struct slice results)
{
	CLEANUP(buf_done) struct buf named;
	int r;

	buf_init(&named, p->out.max);
	r = named_results(p->function->entry, results, p->url, &named);
	if (r < 0)
		return r;
	if (p->streams)
		return add_event(p, event, slice_of(named.data, named.len));
	return buf_add(&p->out, named.data, named.len);
}

static int on_value(struct program *p, struct slice results)
{
	return add_results(p, "value", results);
}

static int on_result(struct program *p, struct slice results)
{
	return add_results(p, "result", results);
}

static int on_failed(struct program *p, enum call_failure why, const char *message)
{
	int r = p->streams ? begin_event(p, "error") : 0;
	char field[PORT_NAME_MAX + 1];

	p->status = program_status(why);
	if (r == 0)
		r = buf_add_str(&p->out, "{\"error\":");
	if (r == 0)
		r = json_text_quote(&p->out, message, strlen(message));
	if (r == 0 && why == CALL_INVALID &&
		named_field(p->function->entry, message, field, sizeof(field)))
		r = buf_addf(&p->out, ",\"field\":\"%s\"", field);
	if (r == 0 && p->streams)
		r = buf_addf(&p->out, ",\"status\":%u", p->status);
	return r < 0 ? r : buf_add_str(&p->out, p->streams ? "}\n\n" : "}");
}

static const struct program_voice voice = {
	.queue = on_queue,
	.progress = on_progress,
	.log = on_log,
	.value = on_value,
	.result = on_result,
	.failed = on_failed,
};

/* --- the request --- */

static void rest_begin(struct request *r)
{
	struct program *p = calloc(1, sizeof(*p));

	r->cors = true;
	if (!p)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else
		program_begin(r, p, &voice);
}

static void rest_done(struct request *r)
{
	struct program *p = r->state;

	if (!p)
		return;
	program_end(p);
	free(p);
	r->state = NULL;
}

static bool is_key(const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n <= SESSION_KEY_MAX && !key[n];
}

static enum MHD_Result call(struct request *r, struct program *p)
{
	const char *key = request_argument(r, "session");
	const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);
	struct slice named = slice_of(p->body.data, p->body.len);
	char field[PORT_NAME_MAX + 1] = "";
	struct err e = {0};
	unsigned status;

	p->function = function_find(
		p->functions, r->path.rest + strlen(PREFIX), r->path.rest_length - strlen(PREFIX));
	if (!p->function)
		return program_refuse(
			r, MHD_HTTP_NOT_FOUND, NULL, "This Space has no function of this name.");
	if (key && !is_key(key))
		return program_refuse(r, MHD_HTTP_BAD_REQUEST, "session",
			"session: 1 to 64 letters, digits, '_' or '-'");
	if (named.n == 0)
		named = slice_of("{}", 2);
	if (!json_text_valid_nul(named.at, named.n))
		return program_refuse(r, MHD_HTTP_BAD_REQUEST, NULL, "the body is not JSON");
	p->streams = accept && strstr(accept, "text/event-stream");
	if (!program_call(p, named, key, key ? strlen(key) : 0, &status, field, sizeof(field), &e))
		return program_refuse(r, status, field, e.text);
	return program_answer(p);
}

static enum MHD_Result rest_finish(struct request *r)
{
	struct program *p = r->state;
	int met;

	if (!strcmp(r->method, MHD_HTTP_METHOD_OPTIONS))
		return answer_bytes(r, MHD_HTTP_OK, "text/plain", "", 0);
	if (strcmp(r->method, MHD_HTTP_METHOD_POST))
		return program_refuse(
			r, MHD_HTTP_METHOD_NOT_ALLOWED, NULL, "functions are called with POST");
	if (p->caller)
		return program_answer(p);
	met = program_meet(p);
	if (met < 0)
		return program_refuse(r, r->refusal, NULL, r->refusal_words);
	return met == 0 ? MHD_YES : call(r, p);
}

const struct handler rest_handler = {.name = "rest",
	.begin = rest_begin,
	.feed = program_feed,
	.finish = rest_finish,
	.done = rest_done};
