#include "gateway/http/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/adapters/data_url.h"
#include "gateway/metrics.h"
#include "gateway/page.h"
#include "gateway/space.h"
#include "gateway/stream/stream.h"

#define WAIT_SEC 20           /* for what the Space offers, and for its worker to say it */
#define LOOK_MS 250           /* while waiting */
#define BEAT_SEC 15           /* of silence, then a line that says nothing */
#define BEHIND_MAX (1u << 20) /* unread by the program: then it gets the newest value only */
#define OUT_MAX (64u << 20)
#define FILE_SHOWN_MAX (4u << 20)

/* --- the request --- */

static bool may_ask(const struct request *r)
{
	return !strcmp(r->method, MHD_HTTP_METHOD_POST) ||
	       !strcmp(r->method, MHD_HTTP_METHOD_OPTIONS) ||
	       !strcmp(r->method, MHD_HTTP_METHOD_GET) || !strcmp(r->method, MHD_HTTP_METHOD_HEAD);
}

void program_begin(struct request *r, struct program *p, const struct program_voice *voice)
{
	p->request = r;
	p->voice = voice;
	p->status = MHD_HTTP_OK;
	buf_init(&p->body, PROGRAM_BODY_MAX);
	buf_init(&p->out, OUT_MAX);
	r->state = p;
	if (!may_ask(r))
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "%s: not answered here", r->method);
}

size_t program_feed(struct request *r, const char *bytes, size_t n)
{
	struct program *p = r->state;

	if (p->body.len + n > PROGRAM_BODY_MAX) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the body is over the limit of %u bytes", PROGRAM_BODY_MAX);
	} else if (!streams_reserve(request_gateway(r)->streams, n)) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too much is being received just now; try again in a second");
	} else {
		p->reserved += n;
		if (buf_add(&p->body, bytes, n) < 0)
			request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	return n;
}

/* All bodies share what may be received: who waits for a long call holds nothing of it. */
static void release_body(struct program *p)
{
	streams_release(request_gateway(p->request)->streams, p->reserved);
	p->reserved = 0;
	buf_done(&p->body);
}

void program_end(struct program *p)
{
	if (!p->request)
		return;
	release_body(p);
	p->timer = source_free(p->timer);
	p->call = call_drop(p->call);
	p->caller = caller_close(p->caller);
	p->page = page_unref(p->page);
	buf_done(&p->out);
}

/* --- waiting --- */

/* Who is waited for in vain has nobody to tell us: a suspended connection is not looked at. */
static bool has_left(const struct program *p)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(p->request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char c;

	return info && recv(info->connect_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_look(void *data)
{
	struct program *p = data;
	uint64_t now = clock_mono_usec();

	if (has_left(p)) {
		p->call = call_drop(p->call); /* nobody waits for it */
		p->over = true;
	}
	if (p->over || !p->call || (p->streams && now >= p->beat_usec))
		request_resume(p->request);
	if (!p->over)
		timer_arm_after(p->timer, LOOK_MS * USEC_PER_MSEC);
}

static bool keep_looking(struct program *p)
{
	if (!p->timer &&
		loop_add_timer(request_gateway(p->request)->loop, on_look, p, &p->timer) < 0)
		return false;
	timer_arm_after(p->timer, LOOK_MS * USEC_PER_MSEC);
	return true;
}

/* --- who, and what there is --- */

static int refuse(struct program *p, unsigned status, const char *words)
{
	request_refuse(p->request, status, "%s", words);
	return -EPERM;
}

/* Route and worker may have gone while we waited. */
static int find_functions(struct program *p, struct route *route)
{
	struct gateway *g = request_gateway(p->request);

	p->space = space_of(g->spaces, route);
	if (!p->space)
		return refuse(p, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	if (p->functions)
		return 1;
	if (!route->bundle[0])
		return refuse(p, MHD_HTTP_SERVICE_UNAVAILABLE,
			"This Space has nothing to call: nothing has been built yet.");
	p->functions = space_functions(p->space, &p->page);
	if (p->functions)
		return 1;
	if (!p->give_up_usec)
		p->give_up_usec = clock_mono_usec() + WAIT_SEC * USEC_PER_SEC;
	if (clock_mono_usec() >= p->give_up_usec || !keep_looking(p))
		return refuse(p, MHD_HTTP_SERVICE_UNAVAILABLE, "This Space cannot be started now.");
	request_suspend(p->request);
	return 0;
}

int program_meet(struct program *p)
{
	struct request *r = p->request;
	struct gateway *g = request_gateway(r);
	struct route *route = route_by_name(g->routes, r->path.owner, r->path.name);
	bool token = false;

	if (p->over)
		return refuse(p, MHD_HTTP_REQUEST_TIMEOUT, "the program has gone");
	if (!request_identify_program(r, &token))
		return 0;
	if (token && !r->who.known)
		return refuse(p, MHD_HTTP_SERVICE_UNAVAILABLE, "tokens cannot be checked just now");
	if (token && !r->who.user[0])
		return refuse(p, MHD_HTTP_UNAUTHORIZED, "the token is not known");
	if (!route || (route->private && !request_owns(r, route)))
		return refuse(p, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	request_url(p->request, p->url, sizeof(p->url));
	return find_functions(p, route);
}

void program_about(struct program *p, struct about *ret)
{
	const struct route *route = p->space->route;

	hosts_address(&request_gateway(p->request)->hosts, route, p->address);
	*ret = (struct about){.owner = route->owner,
		.name = route->name,
		.title = route->title,
		.url = *p->address ? p->address : p->url,
		.revision = route->bundle,
		.private = route->private,
		.functions = p->functions->api};
}

/* --- files --- */

/* What a small file in the arguments becomes: one of the Space's, as if it had been uploaded. */
static int keep_file(struct slice url, struct buf *b, void *data, struct err *e)
{
	struct program *p = data;
	struct gateway *g = request_gateway(p->request);
	CLEANUP(upload_freep) struct upload *upload = NULL;
	CLEANUP(buf_done) struct buf bytes;
	struct file_info info;
	int r;

	buf_init(&bytes, DATA_URL_BYTES_MAX);
	if (g->upload_refusal[0])
		return err_set(e, -ENOSPC, "%s", g->upload_refusal);
	if (p->request->address &&
		!limits_take(p->request->address, LIMIT_UPLOAD, clock_mono_usec()))
		return err_set(
			e, -EAGAIN, "too many files from your address; try again in a minute");
	r = data_url_decode(url, &bytes, e);
	if (r == 0)
		r = upload_new(g->files, p->space->id, NULL, "file", &upload, e);
	if (r == 0)
		r = upload_write(upload, bytes.data, bytes.len, g->upload_bytes, e);
	if (r == 0)
		r = upload_finish(TAKE_PTR(upload), &info, e);
	return r < 0 ? r : buf_addf(b, "{\"file\":\"%s\"}", info.id);
}

bool program_file(const char *id, char ret_type[64], struct buf *ret_bytes, void *program)
{
	struct program *p = program;
	struct gateway *g = request_gateway(p->request);
	struct file_info info;
	int fd = p->space ? files_open(g->files, p->space->id, id, &info) : -ENOENT;
	bool whole = false;

	if (fd < 0)
		return false;
	if (info.size <= FILE_SHOWN_MAX && buf_reserve(ret_bytes, info.size) == 0 &&
		(info.size == 0 ||
			pread(fd, ret_bytes->data, info.size, 0) == (ssize_t)info.size)) {
		ret_bytes->len = info.size;
		memcpy(ret_type, info.type, 64);
		whole = true;
	}
	close(fd);
	return whole;
}

/* --- the call --- */

static void said(struct program *p, int r)
{
	if (r < 0) { /* it cannot be said whole: then not at all */
		p->over = true;
		p->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		if (!p->streams)
			buf_clear(&p->out);
	}
	if (p->streams || p->over)
		request_resume(p->request);
}

static bool is_behind(const struct program *p)
{
	return p->out.len - p->at > BEHIND_MAX;
}

static void on_queue(size_t place, size_t of, int64_t expected_ms, const char *reason, void *data)
{
	struct program *p = data;

	if (p->streams && !is_behind(p))
		said(p, p->voice->queue(p, place, of, expected_ms, reason));
}

static void on_started(void *data)
{
	(void)data;
}

static void on_progress(const uint8_t *json, size_t n, void *data)
{
	struct program *p = data;

	if (p->streams && !is_behind(p))
		said(p, p->voice->progress(p, slice_of(json, n)));
}

static void on_log(const uint8_t *json, size_t n, void *data)
{
	struct program *p = data;

	if (p->streams && !is_behind(p))
		said(p, p->voice->log(p, slice_of(json, n)));
}

static void on_yield(const uint8_t *json, size_t n, void *data)
{
	struct program *p = data;

	/* Values are whole: who is behind misses nothing but steps. */
	if (p->streams && !is_behind(p))
		said(p, p->voice->value(p, slice_of(json, n)));
}

static void on_final(const uint8_t *json, size_t n, void *data)
{
	struct program *p = data;

	p->call = NULL;
	p->over = true;
	said(p, p->voice->result(p, slice_of(json, n)));
}

static void on_failed(enum call_failure why, const char *message, void *data)
{
	struct program *p = data;

	p->call = NULL;
	p->over = true;
	said(p, p->voice->failed(p, why, message));
}

static const struct call_ops call_ops = {
	.on_queue = on_queue,
	.on_started = on_started,
	.on_progress = on_progress,
	.on_log = on_log,
	.on_yield = on_yield,
	.on_final = on_final,
	.on_failed = on_failed,
};

static unsigned status_of(int error)
{
	switch (error) {
	case -EBADMSG:
	case -EINVAL:
		return MHD_HTTP_BAD_REQUEST;
	case -EMSGSIZE:
		return MHD_HTTP_CONTENT_TOO_LARGE;
	case -EAGAIN:
	case -EBUSY:
		return MHD_HTTP_TOO_MANY_REQUESTS;
	case -ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case -ENOSPC:
		return MHD_HTTP_INSUFFICIENT_STORAGE;
	case -ENOTCONN:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

unsigned program_status(enum call_failure why)
{
	static const unsigned statuses[] = {
		[CALL_ERROR] = MHD_HTTP_INTERNAL_SERVER_ERROR,
		[CALL_INVALID] = MHD_HTTP_BAD_REQUEST,
		[CALL_LIMIT] = MHD_HTTP_INTERNAL_SERVER_ERROR,
		[CALL_CANCELLED] = MHD_HTTP_CONFLICT,
		[CALL_INTERRUPTED] = MHD_HTTP_SERVICE_UNAVAILABLE,
		[CALL_UNAVAILABLE] = MHD_HTTP_SERVICE_UNAVAILABLE,
	};

	return statuses[why];
}

bool program_call(struct program *p, struct slice named, const char *key, size_t key_length,
	unsigned *ret_status, char *ret_field, size_t field_size, struct err *e)
{
	struct request *r = p->request;
	const struct named_files files = {.keep = keep_file, .data = p};
	struct caller_start start = {.space = p->space,
		.address = r->address,
		.who = &r->who,
		.key = key,
		.key_length = key_length};
	CLEANUP(buf_done) struct buf args;
	int n;

	buf_init(&args, CALL_ARGS_MAX + 16);
	n = named_arguments(p->function->entry, named, &files, &args, ret_field, field_size, e);
	if (n == -ENOSPC && !e->text[0])
		n = err_set(e, -EMSGSIZE, "the arguments are over the limit of %u bytes",
			CALL_ARGS_MAX);
	if (n == 0)
		n = caller_open(request_gateway(r)->callers, &start, &p->caller, e);
	if (n == 0)
		n = call_start(
			p->caller, p->function, args.data, args.len, &call_ops, p, &p->call, e);
	if (n == 0 && !keep_looking(p))
		n = -ENOMEM;
	if (n == 0)
		release_body(p);
	*ret_status = n < 0 ? status_of(n) : MHD_HTTP_OK;
	if (n < 0 && !e->text[0])
		(void)err_set(e, n, "%s", strerror(-n));
	return n == 0;
}

/* --- the answer --- */

static ssize_t on_socket_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct program *p = data;
	size_t n;

	(void)position;
	if (p->at == p->out.len) {
		p->at = 0;
		buf_clear(&p->out);
		if (p->over)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (clock_mono_usec() < p->beat_usec) {
			request_suspend(p->request);
			return 0;
		}
		if (buf_add(&p->out, ":\n\n", 3) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	p->beat_usec = clock_mono_usec() + BEAT_SEC * USEC_PER_SEC;
	n = p->out.len - p->at < max ? p->out.len - p->at : max;
	memcpy(room, p->out.data + p->at, n);
	p->at += n;
	/* Who is always a little behind never empties it, and has to get the end as well. */
	if (p->at > BEHIND_MAX) {
		buf_consume(&p->out, p->at);
		p->at = 0;
	}
	return (ssize_t)n;
}

static enum MHD_Result answer_stream(struct program *p)
{
	struct MHD_Response *response;

	p->beat_usec = clock_mono_usec() + BEAT_SEC * USEC_PER_SEC;
	response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16 * 1024, on_socket_wants, p, NULL);
	if (!response)
		return MHD_NO;
	response_events(response);
	return answer(p->request, MHD_HTTP_OK, response);
}

/* Who asks too much, or too early, is told when to come again. */
static enum MHD_Result answer_later(struct request *r, unsigned status, const struct buf *b)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(b->len, (void *)buf_str(b), MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Cache-Control", "no-store");
	if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE)
		response_header(response, "Retry-After", "2");
	return answer(r, status, response);
}

enum MHD_Result program_answer(struct program *p)
{
	if (p->streams)
		return answer_stream(p);
	if (!p->over) {
		request_suspend(p->request);
		return MHD_YES;
	}
	if (p->out.len == 0)
		return answer_error(p->request, MHD_HTTP_INTERNAL_SERVER_ERROR,
			"the result is too large to be answered");
	return answer_later(p->request, p->status, &p->out);
}

enum MHD_Result program_refuse(
	struct request *r, unsigned status, const char *field, const char *words)
{
	json_t *o = json_pack("{ss}", "error", words);
	enum MHD_Result done;
	struct buf b;

	if (o && field && *field)
		(void)json_object_set_new(o, "field", json_string(field));
	buf_init(&b, 16384);
	if (o)
		(void)json_write(&b, o);
	json_decref(o);
	done = answer_later(r, status, &b);
	buf_done(&b);
	return done;
}
