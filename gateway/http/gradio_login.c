/* Gradio's protocol: a name and a password for a cookie. The orchestrator decides. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/http/gradio.h"
#include "gateway/http/upstream.h"

#define FIELD_MAX 512
#define POST_BUFFER 2048
#define LOGIN_BODY_MAX 8192

struct login_state {
	struct MHD_PostProcessor *processor; /* owned */
	size_t taken;
	struct buf username, password;
	struct exchange *exchange; /* owned */
};

static enum MHD_Result on_piece(void *data, enum MHD_ValueKind kind, const char *key,
	const char *filename, const char *type, const char *coding, const char *bytes,
	uint64_t offset, size_t n)
{
	struct request *r = data;
	struct login_state *l = r->state;
	struct buf *into = !key                       ? NULL
			   : !strcmp(key, "username") ? &l->username
			   : !strcmp(key, "password") ? &l->password
						      : NULL;

	(void)kind;
	(void)filename;
	(void)type;
	(void)coding;
	(void)offset;
	if (into && buf_add(into, bytes, n) < 0)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "%s: over the limit of %d bytes", key,
			FIELD_MAX);
	return MHD_YES;
}

static void login_begin(struct request *r)
{
	struct login_state *l = calloc(1, sizeof(*l));

	r->state = l;
	if (!l) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	buf_init(&l->username, FIELD_MAX);
	buf_init(&l->password, FIELD_MAX);
	/* The platform's cookie is for its own host. */
	if (*r->host) {
		request_refuse(r, MHD_HTTP_NOT_FOUND, "There is nothing here that POST gets.");
		return;
	}
	/* What another site's page sends must not sign a browser in. */
	if (!request_is_same_origin(r)) {
		request_refuse(r, MHD_HTTP_FORBIDDEN, "Origin: not the host that serves this page");
		return;
	}
	l->processor = MHD_create_post_processor(r->connection, POST_BUFFER, on_piece, r);
	if (!l->processor)
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "Content-Type: must be a form");
}

static size_t login_feed(struct request *r, const char *bytes, size_t n)
{
	struct login_state *l = r->state;

	l->taken += n;
	if (l->taken > LOGIN_BODY_MAX)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"the form is over the limit of %d bytes", LOGIN_BODY_MAX);
	else if (l->processor && MHD_post_process(l->processor, bytes, n) != MHD_YES)
		request_refuse(r, MHD_HTTP_BAD_REQUEST, "the form is malformed");
	return n;
}

static bool ask(struct request *r, struct login_state *l)
{
	json_t *o = json_pack("{ss% ss%}", "username", buf_str(&l->username), l->username.len,
		"password", buf_str(&l->password), l->password.len);
	struct buf b;
	bool asked;

	buf_init(&b, 8192);
	asked = o && json_write(&b, o) == 0;
	json_decref(o);
	if (asked)
		l->exchange = upstream_ask(r, "/api/login", &b);
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_done(&b);
	return l->exchange != NULL;
}

static enum MHD_Result answer_signed_in(struct request *r, struct login_state *l)
{
	static char words[] = "{\"success\":true}";
	struct MHD_Response *response =
		MHD_create_response_from_buffer(sizeof(words) - 1, words, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", "application/json");
	response_header(response, "Cache-Control", "no-store");
	upstream_copy_header(l->exchange, "Set-Cookie", response);
	return answer(r, MHD_HTTP_OK, response);
}

static enum MHD_Result login_finish(struct request *r)
{
	struct login_state *l = r->state;
	long status;

	if (!l->exchange && !ask(r, l))
		return answer_error(r, MHD_HTTP_BAD_REQUEST,
			"username and password: must be there, and be text");
	status = upstream_status(l->exchange);
	if (status == 0) {
		request_suspend(r);
		return MHD_YES;
	}
	if (status == 200)
		return answer_signed_in(r, l);
	if (status == 429)
		return answer_error(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many tries to sign in; try again in a while");
	if (status >= 500 || status < 0)
		return answer_error(r, MHD_HTTP_BAD_GATEWAY,
			"the platform is restarting; try again in a moment");
	return answer_error(r, MHD_HTTP_UNAUTHORIZED, "Incorrect credentials.");
}

static void login_done(struct request *r)
{
	struct login_state *l = r->state;

	if (!l)
		return;
	if (l->processor)
		(void)MHD_destroy_post_processor(l->processor);
	upstream_forget(l->exchange);
	if (l->password.data)
		explicit_bzero(l->password.data, l->password.len);
	buf_done(&l->username);
	buf_done(&l->password);
	free(l);
	r->state = NULL;
}

const struct handler gradio_login_handler = {.name = "login",
	.begin = login_begin,
	.feed = login_feed,
	.finish = login_finish,
	.done = login_done};
