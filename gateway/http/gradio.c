/* Gradio's protocol: which path is what, who may use it, and what a client asks before it calls. */
#include "gateway/http/gradio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/json.h"
#include "gateway/page.h"
#include "gateway/session/json_text.h"
#include "gateway/stream/stream.h"

/* --- paths --- */

static bool after_prefix(const struct request *r, const char **ret, size_t *ret_n)
{
	const size_t n = strlen(GRADIO_PREFIX);
	bool prefixed = r->path.rest_length > n && !memcmp(r->path.rest, GRADIO_PREFIX, n) &&
			r->path.rest[n] == '/';

	*ret = r->path.rest + (prefixed ? n : 0);
	*ret_n = r->path.rest_length - (prefixed ? n : 0);
	return prefixed;
}

const char *gradio_path_after(const struct request *r, const char *text, size_t *ret_n)
{
	size_t n = strlen(text);
	const char *rest;

	(void)after_prefix(r, &rest, ret_n);
	if (*ret_n < n || memcmp(rest, text, n) != 0)
		return NULL;
	*ret_n -= n;
	return rest + n;
}

/* --- who may --- */

enum admission gradio_admit(struct request *r, struct space **ret)
{
	struct gateway *g = request_gateway(r);
	struct route *route;
	bool token;

	if (!request_identify_program(r, &token))
		return WAITING;
	route = route_by_name(g->routes, r->path.owner, r->path.name);
	if (!route || (route->private && !request_owns(r, route))) {
		/* The same for both, so that nobody learns what there is. */
		if (r->who.known && r->who.user[0])
			request_refuse(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
		else
			request_refuse(r, MHD_HTTP_UNAUTHORIZED,
				"This Space is private, or there is none of this name. Pass a "
				"token of somebody who may use it, or sign in.");
		return REFUSED;
	}
	*ret = space_of(g->spaces, route);
	if (!*ret)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	return *ret ? ADMITTED : REFUSED;
}

const struct function_table *gradio_functions(
	struct request *r, struct space *s, struct page **ret_page)
{
	const struct function_table *t = space_functions(s, ret_page);

	if (!t && s->route && !s->route->bundle[0])
		request_refuse(r, MHD_HTTP_NOT_FOUND, "Nothing has been built in this Space yet.");
	else if (!t)
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"This Space is starting; try again in a second.");
	return t;
}

/* --- answers --- */

enum MHD_Result gradio_answer_refusal(struct request *r)
{
	return answer_error(r, r->refusal, r->refusal_words);
}

enum MHD_Result gradio_answer_json(struct request *r, unsigned status, json_t *o)
{
	enum MHD_Result done;
	struct buf b;

	buf_init(&b, 8u << 20);
	if (!o || json_write(&b, o) < 0) {
		buf_done(&b);
		json_decref(o);
		return answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	}
	json_decref(o);
	done = answer_bytes(r, status, "application/json", b.data, b.len);
	buf_done(&b);
	return done;
}

/* --- bodies --- */

void gradio_body_begin(struct request *r, struct gradio_body *body)
{
	const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	buf_init(&body->text, GRADIO_BODY_MAX);
	if (length && strtoull(length, NULL, 10) > GRADIO_BODY_MAX)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the body is over the limit of %u bytes; upload files", GRADIO_BODY_MAX);
}

void gradio_body_feed(struct request *r, struct gradio_body *body, const char *bytes, size_t n)
{
	int done;

	if (!streams_reserve(request_gateway(r)->streams, n)) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too much is being received just now; try again in a second");
		return;
	}
	body->reserved += n;
	done = buf_add(&body->text, bytes, n);
	if (done == -ENOSPC)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the body is over the limit of %u bytes; upload files", GRADIO_BODY_MAX);
	else if (done < 0)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
}

bool gradio_body_object(struct request *r, const struct gradio_body *body, struct slice *ret)
{
	*ret = slice_of(body->text.data, body->text.len);
	if (ret->n > 0 && json_text_valid_nul(ret->at, ret->n) && *ret->at == '{')
		return true;
	request_refuse(r, MHD_HTTP_BAD_REQUEST, "the body is not a JSON object");
	return false;
}

void gradio_body_done(struct request *r, struct gradio_body *body)
{
	streams_release(request_gateway(r)->streams, body->reserved);
	buf_done(&body->text);
}

/* --- hanging up --- */

static void on_hangup(int fd, uint32_t events, void *data)
{
	struct gradio_hangup *h = data;

	(void)fd;
	(void)events;
	h->source = source_free(h->source);
	h->gone(h->data);
}

void gradio_hangup_begin(struct request *r, struct gradio_hangup *h)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	/* Without it a hang-up is heard when something is written. */
	if (info && info->connect_fd >= 0)
		(void)loop_add_fd(request_gateway(r)->loop, info->connect_fd, EPOLLRDHUP, on_hangup,
			h, &h->source);
}

void gradio_hangup_end(struct gradio_hangup *h)
{
	h->source = source_free(h->source);
}

/* --- config, info, app_id --- */

void gradio_root(const struct request *r, char *ret, size_t size)
{
	const char *host = request_header(r, "X-Forwarded-Host");
	const char *scheme = request_header(r, "X-Forwarded-Proto");
	char base[160];

	if (!host || !host_is_sane(host, strlen(host)))
		host = request_header(r, "Host");
	request_base(r, base, sizeof(base));
	(void)snprintf(ret, size, "%s://%s%s",
		r->tls || (scheme && !strcmp(scheme, "https")) ? "https" : "http",
		host ? host : "localhost", base);
}

static void write_revision(const struct route *route, char ret[17])
{
	(void)snprintf(ret, 17, "%.16s", route->bundle);
}

static enum MHD_Result answer_config_refusal(struct request *r)
{
	if (r->refusal != MHD_HTTP_UNAUTHORIZED)
		return gradio_answer_refusal(r);
	return gradio_answer_json(r, r->refusal,
		json_pack("{s{ss ss}}", "detail", "error", "Not authenticated", "auth_message",
			r->refusal_words));
}

static enum MHD_Result config_finish(struct request *r)
{
	struct gradio_about about = {.upload_bytes = request_gateway(r)->upload_bytes};
	CLEANUP(page_unrefp) struct page *page = NULL;
	const struct function_table *t = NULL;
	struct space *s = NULL;
	char root[512], revision[17];
	enum admission a = gradio_admit(r, &s);

	if (a == WAITING)
		return MHD_YES;
	if (a == ADMITTED)
		t = gradio_functions(r, s, &page);
	if (!t)
		return answer_config_refusal(r);
	/* The worker starts while the client asks for the rest. */
	space_expect(s);
	gradio_root(r, root, sizeof(root));
	write_revision(s->route, revision);
	about.root = root;
	about.title = s->route->title;
	about.revision = revision;
	return gradio_answer_json(r, MHD_HTTP_OK, gradio_config(&about, t));
}

static enum MHD_Result info_finish(struct request *r)
{
	CLEANUP(page_unrefp) struct page *page = NULL;
	const struct function_table *t = NULL;
	struct space *s = NULL;
	enum admission a = gradio_admit(r, &s);

	if (a == WAITING)
		return MHD_YES;
	if (a == ADMITTED)
		t = gradio_functions(r, s, &page);
	if (!t)
		return gradio_answer_refusal(r);
	return gradio_answer_json(r, MHD_HTTP_OK, gradio_info(t));
}

/* The client sends no token here; of a Space that it may not see it learns a number. */
static enum MHD_Result app_id_finish(struct request *r)
{
	struct route *route =
		route_by_name(request_gateway(r)->routes, r->path.owner, r->path.name);
	char revision[17];

	if (!route || !route->bundle[0])
		return answer_error(r, MHD_HTTP_NOT_FOUND, "There is no such Space.");
	write_revision(route, revision);
	return gradio_answer_json(r, MHD_HTTP_OK, json_pack("{ss}", "app_id", revision));
}

static enum MHD_Result options_finish(struct request *r)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	return answer(r, MHD_HTTP_NO_CONTENT, response);
}

static const struct handler config_handler = {.name = "config", .finish = config_finish};
static const struct handler info_handler = {.name = "info", .finish = info_finish};
static const struct handler app_id_handler = {.name = "app_id", .finish = app_id_finish};
static const struct handler options_handler = {.name = "options", .finish = options_finish};

/* --- which of them --- */

/* bare: without the prefix too. tail: the path goes on. */
static const struct {
	const char *method, *path;
	bool bare, tail;
	const struct handler *handler;
} paths[] = {
	{"GET", "/config", true, false, &config_handler},
	{"GET", "/info", false, false, &info_handler},
	{"GET", "/app_id", false, false, &app_id_handler},
	{"POST", "/login", true, false, &gradio_login_handler},
	{"POST", "/queue/join", false, false, &gradio_join_handler},
	{"GET", "/queue/data", false, false, &gradio_data_handler},
	{"POST", "/call/", true, true, &gradio_call_handler},
	{"GET", "/call/", true, true, &gradio_result_handler},
	{"POST", "/run/", false, true, &gradio_run_handler},
	{"POST", "/api/", false, true, &gradio_run_handler},
	{"POST", "/upload", false, false, &gradio_upload_handler},
	{"GET", "/file=", false, true, &gradio_file_handler},
	{"HEAD", "/file=", false, true, &gradio_file_handler},
	{"POST", "/cancel", false, false, &gradio_cancel_handler},
	{"POST", "/reset", false, false, &gradio_reset_handler},
	{"GET", "/heartbeat/", false, true, &gradio_heartbeat_handler},
};

static void gradio_begin(struct request *r)
{
	const char *rest;
	size_t n;
	bool prefixed = after_prefix(r, &rest, &n);

	r->cors = r->detail = true;
	if (!strcmp(r->method, MHD_HTTP_METHOD_OPTIONS)) {
		r->handler = &options_handler;
		return;
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		size_t length = strlen(paths[i].path);

		if (strcmp(paths[i].method, r->method) || (!prefixed && !paths[i].bare) ||
			(paths[i].tail ? n <= length : n != length) ||
			memcmp(paths[i].path, rest, length) != 0)
			continue;
		r->handler = paths[i].handler;
		if (r->handler->begin)
			r->handler->begin(r);
		return;
	}
	request_refuse(r, MHD_HTTP_NOT_FOUND, "There is nothing here that %s gets.", r->method);
}

const struct handler gradio_handler = {
	.name = "gradio", .begin = gradio_begin, .finish = gradio_answer_refusal};
