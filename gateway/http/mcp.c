/*
 * POST /-/mcp: the Model Context Protocol over streamable HTTP. Whoever has begun with initialize
 * has a session, named by a signed word that outlives this process; a call answers with a stream
 * where progress was asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/mcp.h"
#include "gateway/http/program.h"
#include "gateway/stream/sse.h"

#define SESSION_HEADER "Mcp-Session-Id"
#define VERSION_HEADER "Mcp-Protocol-Version"
#define TEXT_SHOWN 4096 /* bytes of a value on the way that a progress note carries */

struct mcp_request {
	struct program program;         /* first: the handler's state */
	struct mcp_request *next, **at; /* among those that run; at NULL: not one of them */
	char session[ID_LEN + 1];       /* "": none */
	struct mcp_message message;     /* into the body; id and token: see keep_names */
	struct mcp_call call;
	uint8_t id[MCP_ID_MAX], token[MCP_ID_MAX];
	double progress;
};

/* --- what is told --- */

static int end_event(struct program *p, struct buf *line)
{
	int r = p->streams ? buf_add_str(&p->out, "event: message\ndata: ") : 0;

	if (r == 0)
		r = sse_add_line(&p->out, line->data, line->len);
	return r == 0 && p->streams ? buf_add_str(&p->out, "\n\n") : r;
}

static int tell_progress(
	struct program *p, double progress, double total, const char *words, size_t n)
{
	struct mcp_request *m = (struct mcp_request *)p;
	CLEANUP(buf_done) struct buf line;
	int r;

	buf_init(&line, TEXT_SHOWN * 8);
	if (!m->call.token.at)
		return 0;
	m->progress = progress > m->progress ? progress : m->progress + 1;
	r = mcp_progress(
		&line, m->call.token, m->progress, m->progress <= total ? total : 0, words, n);
	return r < 0 ? r : end_event(p, &line);
}

static int on_queue(
	struct program *p, size_t place, size_t of, int64_t expected_ms, const char *reason)
{
	char words[80];
	int n = snprintf(words, sizeof(words), "waiting, number %zu of %zu", place, of);

	(void)expected_ms;
	if (reason)
		return tell_progress(p, 0, 0, reason, strlen(reason));
	return tell_progress(p, 0, 0, words, (size_t)n);
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static int on_progress(struct program *p, struct slice text)
{
	json_t *o = NULL;
	const char *words;
	double at, of;
	int r;

	if (json_parse(text.at, text.n, TEXT_SHOWN * 4, &o, NULL) < 0)
		return 0;
	words = json_string_value(json_object_get(o, "message"));
	of = number_of(o, "length");
	at = of > 0 ? number_of(o, "index") : number_of(o, "fraction");
	if (of <= 0 && json_object_get(o, "fraction"))
		of = 1;
	r = tell_progress(p, at, of, words, words ? strnlen(words, TEXT_SHOWN) : 0);
	json_decref(o);
	return r;
}

static int on_log(struct program *p, struct slice text)
{
	CLEANUP(buf_done) struct buf line;
	char level[16] = "info";
	int r;

	(void)slice_text(slice_member(text, "level"), level, sizeof(level));
	buf_init(&line, text.n + 256);
	r = mcp_log(&line, level, text);
	return r < 0 ? r : end_event(p, &line);
}

/* The first result's text, where it is one; a program that shows it sees it grow. */
static int on_value(struct program *p, struct slice results)
{
	struct slice_walk walk;
	struct slice first;
	json_t *v = NULL;
	const char *words = NULL;
	int r;

	if (slice_walk_begin(results, &walk) && slice_walk_next(&walk, NULL, &first) &&
		*first.at == '"' && json_parse(first.at, first.n, first.n, &v, NULL) == 0)
		words = json_string_value(v);
	r = tell_progress(p, 0, 0, words, words ? strnlen(words, TEXT_SHOWN) : 0);
	json_decref(v);
	return r;
}

static int on_result(struct program *p, struct slice results)
{
	struct mcp_request *m = (struct mcp_request *)p;
	CLEANUP(buf_done) struct buf named;
	CLEANUP(buf_done) struct buf line;
	struct mcp_given given = {.function = p->function->entry, .file = program_file, .data = p};
	int r;

	buf_init(&named, p->out.max);
	buf_init(&line, p->out.max);
	r = named_results(p->function->entry, results, p->url, &named);
	given.named = slice_of(named.data, named.len);
	if (r == 0)
		r = mcp_call_result(&line, m->message.id, &given);
	return r < 0 ? r : end_event(p, &line);
}

static int on_failed(struct program *p, enum call_failure why, const char *message)
{
	struct mcp_request *m = (struct mcp_request *)p;
	CLEANUP(buf_done) struct buf line;
	int r;

	(void)why;
	buf_init(&line, 64 << 10);
	r = mcp_call_failed(&line, m->message.id, message);
	return r < 0 ? r : end_event(p, &line);
}

static const struct program_voice voice = {
	.queue = on_queue,
	.progress = on_progress,
	.log = on_log,
	.value = on_value,
	.result = on_result,
	.failed = on_failed,
};

/* --- answers --- */

static enum MHD_Result answer_message(struct request *r, unsigned status, struct buf *b)
{
	return answer_bytes(r, status, "application/json", buf_str(b), b->len);
}

static enum MHD_Result refuse(
	struct request *r, unsigned status, struct slice id, enum mcp_code code, const char *words)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 16384);
	(void)mcp_error(&b, id, code, words);
	return answer_message(r, status, &b);
}

static enum MHD_Result answer_taken(struct request *r)
{
	return answer_bytes(r, MHD_HTTP_ACCEPTED, "application/json", "", 0);
}

/* --- methods --- */

typedef enum MHD_Result (*method_fn)(struct mcp_request *m, const struct about *about);

static enum MHD_Result finish(struct mcp_request *m, struct buf *b, int r)
{
	struct request *request = m->program.request;

	if (r < 0)
		return refuse(request, MHD_HTTP_OK, m->message.id, MCP_INTERNAL_ERROR,
			"the answer is too large");
	return answer_message(request, MHD_HTTP_OK, b);
}

static enum MHD_Result do_initialize(struct mcp_request *m, const struct about *about)
{
	struct request *r = m->program.request;
	char id[ID_LEN + 1], session[VISITOR_COOKIE_LEN + 1];
	struct MHD_Response *response;
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 64 << 10);
	if (mcp_initialize(&b, &m->message, about) < 0)
		return finish(m, &b, -ENOSPC);
	visitor_new(&request_gateway(r)->key, id, session);
	response = MHD_create_response_from_buffer(b.len, b.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Cache-Control", "no-store");
	response_header(response, SESSION_HEADER, session);
	return answer(r, MHD_HTTP_OK, response);
}

static enum MHD_Result do_nothing(struct mcp_request *m, const struct about *about)
{
	CLEANUP(buf_done) struct buf b;

	(void)about;
	buf_init(&b, 1024);
	return finish(m, &b, mcp_result(&b, m->message.id, "{}"));
}

static enum MHD_Result do_tools(struct mcp_request *m, const struct about *about)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 8u << 20);
	return finish(m, &b, mcp_tools(&b, m->message.id, about));
}

static enum MHD_Result do_resources(struct mcp_request *m, const struct about *about)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 8192);
	return finish(m, &b, mcp_resources(&b, m->message.id, about));
}

static enum MHD_Result do_templates(struct mcp_request *m, const struct about *about)
{
	CLEANUP(buf_done) struct buf b;

	(void)about;
	buf_init(&b, 1024);
	return finish(m, &b, mcp_result(&b, m->message.id, "{\"resourceTemplates\":[]}"));
}

static enum MHD_Result do_read(struct mcp_request *m, const struct about *about)
{
	CLEANUP(buf_done) struct buf b;

	buf_init(&b, 8u << 20);
	return finish(m, &b, mcp_read_resource(&b, &m->message, about));
}

/* It is found again when it is cancelled. */
static void note_running(struct mcp_request *m)
{
	struct mcp_request **list = request_mcp_calls(m->program.request);

	m->next = *list;
	m->at = list;
	if (m->next)
		m->next->at = &m->next;
	*list = m;
}

static void keep_name(struct slice *s, uint8_t room[MCP_ID_MAX])
{
	if (!s->at)
		return;
	memcpy(room, s->at, s->n); /* mcp.h: no id is longer, nor a token */
	s->at = room;
}

/* What is told of a call names it, and the body does not outlast the call's beginning. */
static void keep_names(struct mcp_request *m)
{
	keep_name(&m->message.id, m->id);
	keep_name(&m->call.token, m->token);
	m->message.params = (struct slice){0};
}

static enum MHD_Result do_call(struct mcp_request *m, const struct about *about)
{
	struct program *p = &m->program;
	const char *accept = request_header(p->request, MHD_HTTP_HEADER_ACCEPT);
	CLEANUP(buf_done) struct buf b;
	char field[65] = "";
	struct err e = {0};
	unsigned status;

	(void)about;
	buf_init(&b, 16384);
	if (mcp_read_call(&m->message, &m->call, &e) < 0)
		return refuse(p->request, MHD_HTTP_OK, m->message.id, MCP_INVALID_PARAMS, e.text);
	p->function = function_find(p->functions, m->call.tool, strlen(m->call.tool));
	if (!p->function)
		return refuse(p->request, MHD_HTTP_OK, m->message.id, MCP_INVALID_PARAMS,
			"there is no tool of this name");
	p->streams = m->call.token.at && accept && strstr(accept, "text/event-stream");
	keep_names(m);
	if (!program_call(p, m->call.arguments, m->session[0] ? m->session : NULL,
		    strlen(m->session), &status, field, sizeof(field), &e)) {
		/* For the model to read, so that it may do better. */
		return finish(m, &b, mcp_call_failed(&b, m->message.id, e.text));
	}
	note_running(m);
	return program_answer(p);
}

static const struct {
	const char *name;
	method_fn run;
} methods[] = {
	{"initialize", do_initialize},
	{"ping", do_nothing},
	{"logging/setLevel", do_nothing},
	{"tools/list", do_tools},
	{"tools/call", do_call},
	{"resources/list", do_resources},
	{"resources/templates/list", do_templates},
	{"resources/read", do_read},
};

static enum MHD_Result run(struct mcp_request *m)
{
	struct about about;

	program_about(&m->program, &about);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (!strcmp(methods[i].name, m->message.method))
			return methods[i].run(m, &about);
	return refuse(m->program.request, MHD_HTTP_OK, m->message.id, MCP_METHOD_NOT_FOUND,
		"there is no such method");
}

/* --- notifications --- */

/* A session is one program's, but it is no Space's: what it calls elsewhere has its own ids. */
static bool is_of_one(const struct mcp_request *a, const struct mcp_request *b)
{
	const struct space_path *x = &a->program.request->path, *y = &b->program.request->path;

	return !strcmp(a->session, b->session) && !strcmp(x->owner, y->owner) &&
	       !strcmp(x->name, y->name);
}

/* Without a session nobody can tell whose call it is: then only hanging up ends it. */
static void cancel(const struct mcp_request *m)
{
	struct slice id = slice_member(m->message.params, "requestId");
	struct mcp_request *other = *request_mcp_calls(m->program.request);

	for (; other && id.at && m->session[0]; other = other->next) {
		struct program *p = &other->program;

		if (!is_of_one(other, m) || other->message.id.n != id.n ||
			memcmp(other->message.id.at, id.at, id.n) || !p->call)
			continue;
		/* Its stream ends without a word, as the protocol has it; a plain answer is
		 * waited for by HTTP itself. */
		p->call = call_drop(p->call);
		p->over = true;
		if (!p->streams)
			(void)mcp_call_failed(&p->out, other->message.id, "Cancelled");
		request_resume(p->request);
		return;
	}
}

/* --- the request --- */

static void mcp_begin(struct request *r)
{
	struct mcp_request *m = calloc(1, sizeof(*m));

	if (!m) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	program_begin(r, &m->program, &voice);
	if (!request_is_same_origin(r))
		request_refuse(
			r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this Space");
}

static void mcp_done(struct request *r)
{
	struct mcp_request *m = r->state;

	if (!m)
		return;
	if (m->at) {
		*m->at = m->next;
		if (m->next)
			m->next->at = m->at;
	}
	program_end(&m->program);
	free(m);
	r->state = NULL;
}

/* False: *ret_done is how it was refused. */
static bool read_headers(struct request *r, struct mcp_request *m, enum MHD_Result *ret_done)
{
	const char *session = request_header(r, SESSION_HEADER);
	const char *version = request_header(r, VERSION_HEADER);

	if (version && !mcp_speaks(version)) {
		*ret_done = refuse(r, MHD_HTTP_BAD_REQUEST, m->message.id, MCP_INVALID_REQUEST,
			VERSION_HEADER ": this version is not spoken here");
		return false;
	}
	if (session &&
		!visitor_check(&request_gateway(r)->key, session, strlen(session), m->session)) {
		*ret_done = refuse(r, MHD_HTTP_NOT_FOUND, m->message.id, MCP_INVALID_REQUEST,
			SESSION_HEADER ": there is no such session; initialize again");
		return false;
	}
	return true;
}

static enum MHD_Result take(struct request *r, struct mcp_request *m)
{
	struct program *p = &m->program;
	enum MHD_Result done;
	struct err e = {0};
	int n = mcp_read(p->body.data, p->body.len, &m->message, &e);

	if (n < 0)
		return refuse(r, MHD_HTTP_BAD_REQUEST, m->message.id,
			n == -EBADMSG ? MCP_PARSE_ERROR : MCP_INVALID_REQUEST, e.text);
	if (!read_headers(r, m, &done))
		return done;
	if (m->message.kind == MCP_REQUEST)
		return run(m);
	if (m->message.kind == MCP_NOTIFICATION &&
		!strcmp(m->message.method, "notifications/cancelled"))
		cancel(m);
	return answer_taken(r);
}

static enum MHD_Result mcp_finish(struct request *r)
{
	static const struct slice none;
	struct mcp_request *m = r->state;
	int met;

	if (strcmp(r->method, MHD_HTTP_METHOD_POST)) /* no stream of its own, no session to end */
		return refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, none, MCP_INVALID_REQUEST,
			"messages are sent with POST");
	if (m->program.caller)
		return program_answer(&m->program);
	met = program_meet(&m->program);
	if (met < 0)
		return refuse(r, r->refusal, none, MCP_INVALID_REQUEST, r->refusal_words);
	return met == 0 ? MHD_YES : take(r, m);
}

const struct handler mcp_handler = {.name = "mcp",
	.begin = mcp_begin,
	.feed = program_feed,
	.finish = mcp_finish,
	.done = mcp_done};
