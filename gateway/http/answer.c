/* The answers that all handlers share. */
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/openai_answer.h"
#include "gateway/http/request.h"
#include "gateway/tus.h"

#define HSTS_SEC "15552000" /* half a year: browsers come by https only until then */

void response_header(struct MHD_Response *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

/* Without credentials: what comes from there is nobody's, whatever cookies the browser has. */
static void add_cors(struct MHD_Response *response)
{
	response_header(response, "Access-Control-Allow-Origin", "*");
	response_header(response, "Access-Control-Allow-Methods", "GET, HEAD, POST");
	response_header(response, "Access-Control-Allow-Headers",
		"Authorization, Content-Type, X-Gradio-User, X-HF-Authorization");
	response_header(response, "Access-Control-Max-Age", "86400");
	response_header(response, "Cross-Origin-Resource-Policy", "cross-origin");
}

/* Neither the page that opened this one nor one around it may look at its address. */
static void response_alone(struct MHD_Response *response)
{
	response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	response_header(response, "Content-Security-Policy", "frame-ancestors 'none'");
	if (!MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL))
		response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

enum MHD_Result answer(struct request *r, unsigned status, struct MHD_Response *response)
{
	bool secure = *r->host ? request_gateway(r)->hosts.https
			       : strcmp(request_scheme(r), "https") == 0;
	char cookie[VISITOR_COOKIE_LEN + 160];
	enum MHD_Result done;

	if (!response)
		return MHD_NO;
	response_header(response, "X-Content-Type-Options", "nosniff");
	response_header(response, "Referrer-Policy", "same-origin");
	if (r->handler == &enter_handler || r->handler == &entry_handler)
		response_alone(response);
	if (r->tls)
		response_header(response, "Strict-Transport-Security", "max-age=" HSTS_SEC);
	response_quota(r, response);
	if (r->cors)
		add_cors(response);
	if (r->tus)
		response_header(response, "Tus-Resumable", TUS_VERSION);
	if (r->tus && status == MHD_HTTP_PRECONDITION_FAILED)
		response_header(response, "Tus-Version", TUS_VERSION);
	if (r->set_cookie[0]) {
		(void)snprintf(cookie, sizeof(cookie),
			"%s=%s; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax%s",
			request_visitor_cookie(r), r->set_cookie, secure ? "; Secure" : "");
		response_header(response, "Set-Cookie", cookie);
	}
	done = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return done;
}

enum MHD_Result answer_bytes(
	struct request *r, unsigned status, const char *type, const void *bytes, size_t n)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(n, (void *)bytes, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return MHD_NO;
	response_header(response, "Content-Type", type);
	response_header(response, "Cache-Control", "no-store");
	/* It is no page, whatever a browser may be made to believe. */
	response_header(
		response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	return answer(r, status, response);
}

enum MHD_Result answer_error(struct request *r, unsigned status, const char *words)
{
	struct buf b;
	enum MHD_Result done;

	buf_init(&b, 8192);
	if (r->openai) {
		(void)openai_write_error(&b, status, words, NULL, NULL);
	} else {
		json_t *o = json_pack("{ss}", r->detail ? "detail" : "error", words);

		if (o)
			(void)json_write(&b, o);
		json_decref(o);
	}
	done = answer_bytes(r, status, "application/json", buf_str(&b), b.len);
	buf_done(&b);
	return done;
}

void response_events(struct MHD_Response *response)
{
	response_header(response, "Content-Type", "text/event-stream");
	response_header(response, "Cache-Control", "no-cache, no-transform");
	response_header(response, "X-Accel-Buffering", "no"); /* nginx and some others */
}
