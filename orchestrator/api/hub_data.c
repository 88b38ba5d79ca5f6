/*
 * REST: what an app keeps, for whoever manages its Space: one operation of vitrine.store at a time,
 * as the app itself asks them, over the keys of the Space or of one visitor; and "dump", over all.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/random.h"
#include "orchestrator/api/handlers.h"
#include "orchestrator/api/request.h"
#include "orchestrator/data/data.h"
#include "proto/constants.h"

#define VISITOR_MAX 64

struct waiting {
	struct request *request; /* borrowed; NULL: it has gone */
};

static void end_waiting(struct request *r)
{
	struct waiting *x = r->state;

	x->request = NULL; /* freed by its answer, which comes in any case but the program's end */
}

static void answer_failure(struct request *r, const char *code, const char *words)
{
	static const struct {
		const char *code;
		unsigned int status;
	} known[] = {{"quota", MHD_HTTP_CONTENT_TOO_LARGE}, {"busy", MHD_HTTP_SERVICE_UNAVAILABLE},
		{"unavailable", MHD_HTTP_SERVICE_UNAVAILABLE}};
	unsigned int status = MHD_HTTP_BAD_REQUEST;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].code, code))
			status = known[i].status;
	request_error(r, status, NULL, "%s", words);
}

static void answer_result(struct request *r, const uint8_t *value, size_t n)
{
	const uint8_t *nul = memchr(value, '\0', n);
	size_t head = nul ? (size_t)(nul - value) : n;
	CLEANUP(buf_done) struct buf text;
	json_t *result = NULL, *o;
	struct err e = {0};

	buf_init(&text, 2 * n + 16);
	if (json_parse(value, head, n, &result, &e) < 0 ||
		(nul && base64_add(&text, nul + 1, n - head - 1) < 0)) {
		json_decref(result);
		request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, "out of memory");
		return;
	}
	o = json_pack("{s:o}", "result", result);
	if (nul)
		(void)json_object_set_new(o, "bytes", json_string(buf_str(&text)));
	request_json(r, MHD_HTTP_OK, o);
}

static void on_answer(uint64_t ticket, uint8_t op, const void *value, size_t n, void *data)
{
	struct waiting *x = data;
	struct request *r = x->request;

	(void)ticket;
	free(x);
	if (!r)
		return;
	r->state = NULL;
	r->on_end = NULL;
	if (op == HOST_DONE)
		answer_result(r, value, n);
	else
		answer_failure(r, value, (const char *)value + strlen(value) + 1);
}

/* Arguments as apps send them: JSON; NUL and bytes. */
static int write_body(const json_t *o, struct buf *b, struct err *e)
{
	const json_t *args = json_object_get(o, "args");
	const json_t *bytes = json_object_get(o, "bytes");
	int r = args && !json_is_object(args) ? err_set(e, -EINVAL, "args: must be an object") : 0;

	if (r == 0)
		r = args ? json_write(b, args) : buf_add_str(b, "{}");
	if (r == 0 && bytes)
		r = buf_add(b, "", 1);
	if (r == 0 && bytes &&
		(!json_is_string(bytes) || base64_add_decoded(b, json_string_value(bytes),
						   json_string_length(bytes)) < 0))
		return err_set(e, -EINVAL, "bytes: must be base64");
	return r;
}

void handle_data(struct request *r)
{
	CLEANUP(buf_done) struct buf body;
	char id[ID_LEN + 3];
	struct data_call c = {.id = id, .user = "", .visitor = ""};
	struct space space;
	struct waiting *x;
	struct err e = {0};
	int code;

	buf_init(&body, DATA_BODY_MAX);
	if (request_space(r, &space) < 0)
		return;
	code = json_get_str(r->json, "op", 32, &c.op, &e);
	if (code == 0)
		code = json_opt_str(r->json, "visitor", VISITOR_MAX, "", &c.owner_scope, &e);
	if (code == 0)
		code = write_body(r->json, &body, &e);
	x = code == 0 ? calloc(1, sizeof(*x)) : NULL;
	if (!x) {
		request_fail(r, code == -ENOENT ? -EINVAL : code ? code : -ENOMEM, &e);
		return;
	}
	memcpy(id, "h-", 2);
	random_id(id + 2);
	c.space = space.id;
	c.body = body.data;
	c.n = body.len;
	x->request = r;
	r->state = x;
	r->on_end = end_waiting;
	data_take(r->world->data, &c, 0, on_answer, x);
}
