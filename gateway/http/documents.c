/* What programs read about a Space before they call it: GET /-/openapi.json and /-/agents.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/adapters/agents.h"
#include "gateway/adapters/openapi.h"
#include "gateway/http/program.h"

#define DOCUMENT_MAX (8u << 20)

static void documents_begin(struct request *r)
{
	struct program *p = calloc(1, sizeof(*p));

	r->cors = true;
	if (!p)
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
	else
		program_begin(r, p, NULL);
}

static void documents_done(struct request *r)
{
	struct program *p = r->state;

	if (!p)
		return;
	program_end(p);
	free(p);
	r->state = NULL;
}

static int write_openapi(struct buf *b, const struct about *about)
{
	json_t *o = openapi_document(about);
	int r = o ? json_write(b, o) : -ENOMEM;

	json_decref(o);
	return r;
}

static enum MHD_Result answer_document(
	struct request *r, const char *type, int (*write)(struct buf *b, const struct about *about))
{
	struct program *p = r->state;
	enum MHD_Result done;
	struct about about;
	struct buf b;
	int met;

	/* Asked without the token that the request after it carries, and not about what is here. */
	if (!strcmp(r->method, MHD_HTTP_METHOD_OPTIONS))
		return answer_bytes(r, MHD_HTTP_OK, "text/plain", "", 0);
	met = program_meet(p);
	if (met < 0)
		return program_refuse(r, r->refusal, NULL, r->refusal_words);
	if (met == 0)
		return MHD_YES;
	program_about(p, &about);
	buf_init(&b, DOCUMENT_MAX);
	if (write(&b, &about) < 0)
		done = answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the document is too large");
	else
		done = answer_bytes(r, MHD_HTTP_OK, type, b.data, b.len);
	buf_done(&b);
	return done;
}

static enum MHD_Result openapi_finish(struct request *r)
{
	return answer_document(r, "application/json", write_openapi);
}

static enum MHD_Result agents_finish(struct request *r)
{
	return answer_document(r, "text/markdown; charset=utf-8", agents_write);
}

const struct handler openapi_handler = {.name = "openapi",
	.begin = documents_begin,
	.finish = openapi_finish,
	.done = documents_done};

const struct handler agents_handler = {.name = "agents",
	.begin = documents_begin,
	.finish = agents_finish,
	.done = documents_done};
