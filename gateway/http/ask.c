#include "gateway/http/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/stream/stream.h"
#include "proto/messages.h"

#define TEXT_MAX (1u << 20) /* inference's own limit of a text is below that */
#define OUT_MAX (16u << 20)
#define LIST_WAIT_SEC 60
#define LOOK_USEC (250 * USEC_PER_MSEC)
#define BEAT_SEC 15 /* of silence, then a line that says nothing */

/* --- the request --- */

void ask_begin(struct request *r, struct ask *a, const struct ask_voice *voice)
{
	a->request = r;
	a->voice = voice;
	a->status = MHD_HTTP_OK;
	if (!a->body_max)
		a->body_max = ASK_BODY_MAX;
	buf_init(&a->body, a->body_max);
	buf_init(&a->text, TEXT_MAX);
	buf_init(&a->out, OUT_MAX);
	r->state = a;
	r->cors = true;
}

size_t ask_feed(struct request *r, const char *bytes, size_t n)
{
	struct ask *a = r->state;

	if (a->body.len + n > a->body_max) {
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the body is over the limit of %zu bytes", a->body_max);
	} else if (!streams_reserve(request_gateway(r)->streams, n)) {
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too much is being received just now; try again in a second");
	} else {
		a->reserved += n;
		if (buf_add(&a->body, bytes, n) < 0)
			request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	return n;
}

void ask_release(struct ask *a)
{
	streams_release(request_gateway(a->request)->streams, a->reserved);
	a->reserved = 0;
	buf_done(&a->body);
}

void ask_end(struct ask *a)
{
	if (!a->request)
		return;
	ask_release(a);
	a->timer = source_free(a->timer);
	a->hangup = source_free(a->hangup);
	a->call = model_call_drop(a->call);
	buf_done(&a->text);
	buf_done(&a->out);
}

bool ask_path(const struct request *r, const char *prefix, char *ret, size_t size)
{
	size_t skip = strlen(prefix), n;

	if (strncmp(r->target, prefix, skip) != 0)
		return false;
	n = strcspn(r->target + skip, "?");
	if (n >= size)
		return false;
	memcpy(ret, r->target + skip, n);
	ret[n] = '\0';
	return !strstr(ret, "%00") && MHD_http_unescape(ret) > 0;
}

/* --- refusals --- */

unsigned ask_status(const char *code)
{
	static const struct {
		const char *code;
		unsigned status;
	} table[] = {
		{"no_model", MHD_HTTP_NOT_FOUND},
		{"bad_input", MHD_HTTP_BAD_REQUEST},
		{"too_long", MHD_HTTP_BAD_REQUEST},
		{"busy", MHD_HTTP_TOO_MANY_REQUESTS},
		{"quota", MHD_HTTP_TOO_MANY_REQUESTS},
		{"away", MHD_HTTP_GATEWAY_TIMEOUT},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].code, code))
			return table[i].status;
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* It cannot be said whole: then not at all. */
static void said(struct ask *a, int r)
{
	if (r >= 0)
		return;
	a->over = true;
	a->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	if (!a->begun)
		buf_clear(&a->out);
}

void ask_refuse(
	struct ask *a, unsigned status, const char *code, const char *param, const char *message)
{
	a->status = status;
	a->over = true;
	if (!a->begun)
		buf_clear(&a->out);
	said(a, a->voice->error(a, code, param, message));
}

/* --- who --- */

/* Nobody in particular pays as the network that it comes from. */
static void name_stranger(struct ask *a)
{
	const struct request *r = a->request;
	char network[NETWORK_KEY_LEN + 1];
	const uint8_t *name = (const uint8_t *)"";
	const char *class;
	size_t n = 0;

	if (r->address)
		name = address_network(r->address, &n);
	visitor_network(&request_gateway(r)->key, name, n, network);
	class = classes_find(&request_gateway(r)->classes, name, n);
	(void)snprintf(
		a->payer, sizeof(a->payer), "network:%s%s%s", network, *class ? "@" : "", class);
}

/* 1: may ask. 0: suspended, finish is called again. Negative: refused. */
static int meet(struct ask *a)
{
	struct request *r = a->request;
	bool token = false;

	if (!request_identify_program(r, &token))
		return 0;
	if (token && !r->who.known) {
		ask_refuse(a, MHD_HTTP_GATEWAY_TIMEOUT, "refused", "",
			"access tokens cannot be checked just now; try again in a moment");
	} else if (token && !r->who.user[0]) {
		ask_refuse(
			a, MHD_HTTP_UNAUTHORIZED, "refused", "", "the access token is not known");
	} else if (!r->who.user[0] && !request_gateway(r)->open_models) {
		ask_refuse(a, MHD_HTTP_UNAUTHORIZED, "refused", "",
			"an access token is needed, as Authorization: Bearer TOKEN");
	} else if (r->address && !limits_take(r->address, LIMIT_MODEL, clock_mono_usec())) {
		ask_refuse(a, MHD_HTTP_TOO_MANY_REQUESTS, "refused", "",
			"too many requests from your address; try again in a second");
	} else {
		if (r->who.user[0])
			(void)snprintf(a->payer, sizeof(a->payer), "user:%s", r->who.user);
		else
			name_stranger(a);
		return 1;
	}
	return -EPERM;
}

/* --- the call --- */

static void on_text(const char *text, size_t n, void *data)
{
	struct ask *a = data;

	if (!a->streams)
		return; /* all of it is in the result */
	if (buf_add(&a->text, text, n) < 0)
		said(a, -ENOMEM);
	request_resume(a->request);
}

static void tell_text(struct ask *a)
{
	if (a->text.len > 0 && a->streams)
		said(a, a->voice->text(a, buf_str(&a->text), a->text.len));
	buf_clear(&a->text);
}

static void on_result(const struct infer_result *result, void *data)
{
	struct ask *a = data;
	int r;

	a->call = NULL;
	tell_text(a);
	r = a->over ? 0 : a->voice->result(a, result);
	if (r > 0 && !a->over)
		return;
	if (r == -EBADMSG && !a->begun)
		ask_refuse(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", "",
			"the model's answer is not of the kind that was asked for");
	else
		said(a, r);
	a->over = true;
	request_resume(a->request);
}

static void on_failed(const char *code, const char *message, void *data)
{
	struct ask *a = data;

	a->call = NULL;
	tell_text(a);
	ask_refuse(a, ask_status(code), code, "", message);
	request_resume(a->request);
}

/* A comment in the stream: clients pass over it, people who look see it. */
static void on_wait(const char *reason, void *data)
{
	struct ask *a = data;

	(void)snprintf(a->waits_for, sizeof(a->waits_for), "%s", reason);
	a->beat_usec = 0;
	if (a->streams)
		request_resume(a->request);
}

static const struct model_call_ops call_ops = {
	.on_wait = on_wait,
	.on_text = on_text,
	.on_result = on_result,
	.on_failed = on_failed,
};

/* A suspended connection is not looked at by HTTP itself; and of one that is, a hang-up would only
 * be heard with the next text. */
static void on_hangup(int fd, uint32_t events, void *data)
{
	struct ask *a = data;

	(void)fd;
	(void)events;
	a->hangup = source_free(a->hangup);
	a->call = model_call_drop(a->call); /* nobody waits for it */
	if (!a->over)
		ask_refuse(a, MHD_HTTP_REQUEST_TIMEOUT, "refused", "", "the program has gone");
	request_resume(a->request);
}

static void on_look(void *data)
{
	struct ask *a = data;

	if (a->over)
		return;
	if (a->give_up_usec || (a->streams && clock_mono_usec() >= a->beat_usec))
		request_resume(a->request);
	timer_arm_after(a->timer, LOOK_USEC);
}

static int keep_watch(struct ask *a)
{
	struct loop *loop = request_gateway(a->request)->loop;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(a->request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!a->hangup && info && info->connect_fd >= 0)
		(void)loop_add_fd(loop, info->connect_fd, EPOLLRDHUP, on_hangup, a, &a->hangup);
	if (!a->timer && loop_add_timer(loop, on_look, a, &a->timer) < 0)
		return -ENOMEM;
	timer_arm_after(a->timer, LOOK_USEC);
	return 0;
}

int ask_parse(const struct ask *a, size_t max, json_t **ret, struct err *e)
{
	size_t values = 0;
	bool in_text = false;

	/* Parsed, a value of two bytes takes a hundred times as much. */
	for (size_t i = 0; i < a->body.len; i++) {
		uint8_t c = (uint8_t)a->body.data[i];

		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == ',' || c == '[' || c == '{'))
			values++;
	}
	return values > ASK_VALUES_MAX
		       ? err_set(e, -EMSGSIZE, "over %d values of JSON", ASK_VALUES_MAX)
		       : json_parse(a->body.data, a->body.len, max, ret, e);
}

void ask_call(struct ask *a, const struct model_ask *what)
{
	struct err e = {0};
	int r = keep_watch(a);

	if (r == 0)
		r = models_call(
			request_gateway(a->request)->models, what, &call_ops, a, &a->call, &e);
	else
		(void)err_set(&e, r, "out of memory");
	a->beat_usec = clock_mono_usec() + BEAT_SEC * USEC_PER_SEC;
	if (r == 0 && !a->keeps)
		ask_release(a);
	else if (r < 0)
		ask_refuse(a,
			r == -EBUSY      ? MHD_HTTP_TOO_MANY_REQUESTS
			: r == -EMSGSIZE ? MHD_HTTP_CONTENT_TOO_LARGE
			: r == -EINVAL   ? MHD_HTTP_BAD_REQUEST
					 : MHD_HTTP_INTERNAL_SERVER_ERROR,
			r == -EBUSY ? "busy" : "refused", "", e.text);
}

/* True: it is, so there is nothing to wait for. */
static bool wait_until(struct ask *a, bool known)
{
	uint64_t now = clock_mono_usec();

	if (known) {
		a->give_up_usec = 0;
		return true;
	}
	if (!a->give_up_usec)
		a->give_up_usec = now + LIST_WAIT_SEC * USEC_PER_SEC;
	if (now >= a->give_up_usec || keep_watch(a) < 0)
		ask_refuse(a, MHD_HTTP_GATEWAY_TIMEOUT, "away", "",
			"models are not served just now; the request was held for 60 seconds, the "
			"limit");
	return false;
}

bool ask_wait_list(struct ask *a)
{
	return wait_until(a, models_list(request_gateway(a->request)->models));
}

bool ask_wait_model(struct ask *a, const char *model)
{
	const json_t *row = ask_find(a, model);

	return wait_until(
		a, models_list(request_gateway(a->request)->models) &&
			   (!row || json_string_length(json_object_get(row, "task")) > 0 ||
				   json_string_length(json_object_get(row, "error")) > 0));
}

const json_t *ask_find(const struct ask *a, const char *model)
{
	const json_t *row;
	size_t i;

	json_array_foreach(models_list(request_gateway(a->request)->models), i, row)
	{
		const char *id = json_string_value(json_object_get(row, "id"));

		if (id && !strcmp(id, model))
			return row;
	}
	return NULL;
}

/* --- the answer --- */

static ssize_t on_socket_wants(void *data, uint64_t position, char *room, size_t max)
{
	struct ask *a = data;
	size_t n;

	(void)position;
	if (a->at == a->out.len) {
		a->at = 0;
		buf_clear(&a->out);
		tell_text(a);
	}
	if (a->at == a->out.len) {
		if (a->over)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (clock_mono_usec() < a->beat_usec) {
			request_suspend(a->request);
			return 0;
		}
		if (buf_addf(&a->out, ": %s\n\n", a->waits_for) < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	a->beat_usec = clock_mono_usec() + BEAT_SEC * USEC_PER_SEC;
	n = a->out.len - a->at < max ? a->out.len - a->at : max;
	memcpy(room, a->out.data + a->at, n);
	a->at += n;
	return (ssize_t)n;
}

static enum MHD_Result answer_stream(struct ask *a)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16 * 1024, on_socket_wants, a, NULL);

	if (!response)
		return MHD_NO;
	a->begun = true;
	response_events(response);
	return answer(a->request, MHD_HTTP_OK, response);
}

static enum MHD_Result answer_whole(struct ask *a)
{
	struct request *r = a->request;
	struct MHD_Response *response;

	if (a->out.len == 0)
		return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
			"the answer is too large, or memory has run out");
	response = MHD_create_response_from_buffer(a->out.len, a->out.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Cache-Control", "no-store");
	if (a->status == MHD_HTTP_TOO_MANY_REQUESTS)
		response_header(response, "Retry-After", "1");
	if (a->status == MHD_HTTP_UNAUTHORIZED)
		response_header(response, "WWW-Authenticate", "Bearer");
	return answer(r, a->status, response);
}

enum MHD_Result ask_finish(struct request *r)
{
	struct ask *a = r->state;

	if (!strcmp(r->method, MHD_HTTP_METHOD_OPTIONS))
		return answer_bytes(r, MHD_HTTP_OK, "text/plain", "", 0);
	if (!a->started && !a->over) {
		int met = a->payer[0] ? 1 : meet(a);

		if (met == 0)
			return MHD_YES;
		if (met > 0)
			a->voice->start(a);
		a->started = a->call || a->over;
	}
	if (a->over)
		return a->streams && a->status == MHD_HTTP_OK ? answer_stream(a) : answer_whole(a);
	if (a->streams && (a->text.len > 0 || clock_mono_usec() >= a->beat_usec) && a->call)
		return answer_stream(a);
	request_suspend(r);
	return MHD_YES;
}
