/*
 * A model by its path, as Hugging Face's inference clients ask: POST /models/OWNER/NAME for its own
 * task, .../pipeline/TASK for another, and .../v1/... for OpenAI's API, where the path's model is
 * the one that counts.
 */
#include "gateway/adapters/pipelines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "gateway/http/openai.h"
#include "gateway/models/pictures.h"
#include "picture/job.h"
#include "proto/messages.h"

struct pipeline_ask {
	struct openai_ask openai; /* first: its address is ours, and its ask; below v1/ all of it */
	bool is_openai;
	bool read; /* q is */
	struct pipeline_request q;
	struct picture_job how;          /* n 0: not known yet */
	struct picture_reading *reading; /* owned; under way */
	char task[48];                   /* of the path; "": the model's own */
};

/* --- what is told --- */

static int on_text(struct ask *a, const char *text, size_t n)
{
	(void)a;
	(void)text;
	(void)n;
	return 0; /* nothing streams here */
}

static void on_pixels(const uint8_t *rgb, size_t n, const char *words, void *data)
{
	struct pipeline_ask *p = data;
	struct ask *a = &p->openai.ask;
	CLEANUP(json_unrefp)
	json_t *size = json_pack("{s:I, s:I}", "width", (json_int_t)p->how.width, "height",
		(json_int_t)p->how.height);

	p->reading = NULL;
	if (a->over)
		return; /* nobody waits for it */
	if (rgb)
		ask_call(a, &(struct model_ask){.model = p->openai.model,
				    .task = p->q.task,
				    .payer = a->payer,
				    .inputs = size,
				    .options = p->q.options,
				    .rgb = rgb,
				    .rgb_n = n});
	else
		ask_refuse(a, MHD_HTTP_BAD_REQUEST, "bad_input", "", words);
	if (a->over)
		request_resume(a->request);
}

static uint32_t side_of(const json_t *form, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(form, name));

	return n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* Inference has said how the model wants its pictures. 1: the picture is being read. */
static int read_picture(struct pipeline_ask *p, const json_t *description)
{
	const json_t *form = json_object_get(description, "picture");
	struct ask *a = &p->openai.ask;
	struct err e = {0};
	int r;

	if (!json_is_object(form)) {
		ask_refuse(a, MHD_HTTP_BAD_REQUEST, "bad_input", "",
			"model: it does not look at pictures");
		return 1;
	}
	p->how = (struct picture_job){.width = side_of(form, "width"),
		.height = side_of(form, "height"),
		.shortest = side_of(form, "shortest"),
		.filter = side_of(form, "filter"),
		.n = (uint32_t)a->body.len};
	r = picture_read_begin(request_gateway(a->request)->pictures, &p->how, a->body.data,
		on_pixels, p, &p->reading, &e);
	ask_release(a);
	if (r < 0)
		ask_refuse(a,
			r == -EBUSY      ? MHD_HTTP_TOO_MANY_REQUESTS
			: r == -EMSGSIZE ? MHD_HTTP_CONTENT_TOO_LARGE
			: r == -EINVAL   ? MHD_HTTP_BAD_REQUEST
					 : MHD_HTTP_INTERNAL_SERVER_ERROR,
			"bad_input", "", e.text);
	return 1;
}

static int on_result(struct ask *a, const struct infer_result *result)
{
	struct pipeline_ask *p = (struct pipeline_ask *)a;
	CLEANUP(json_unrefp) json_t *answer = NULL;

	if (a->keeps && !p->how.n)
		return read_picture(p, result->value);
	answer = pipeline_answer(&p->q, result->value);
	return answer ? json_write(&a->out, answer) : -EBADMSG;
}

static int on_error(struct ask *a, const char *code, const char *param, const char *message)
{
	bool option = !strncmp(message, "options.", 8); /* what inference calls a parameter */
	CLEANUP(json_unrefp)
	json_t *o = json_pack(
		"{s:s+}", "error", option ? "parameters." : "", option ? message + 8 : message);

	(void)code;
	(void)param;
	return o ? json_write(&a->out, o) : -ENOMEM;
}

/* --- the request --- */

static void refuse(struct ask *a, unsigned status, const char *words)
{
	ask_refuse(a, status, "refused", "", words);
}

/* The task that is run. NULL: refused. */
static const char *choose_task(struct pipeline_ask *p)
{
	const char *model = p->openai.model;
	const json_t *row = ask_find(&p->openai.ask, model);
	const char *name = p->task[0] ? p->task : json_string_value(json_object_get(row, "task"));
	const char *task = name ? pipeline_task(name) : NULL;
	const char *broken = json_string_value(json_object_get(row, "error"));
	char words[OPENAI_MODEL_MAX + 384];

	if (!row) {
		(void)snprintf(words, sizeof(words), "model: there is no '%s'", model);
		refuse(&p->openai.ask, MHD_HTTP_NOT_FOUND, words);
		return NULL;
	}
	if (!task && broken && *broken) {
		(void)snprintf(
			words, sizeof(words), "model: '%s' cannot be used: %.255s", model, broken);
		refuse(&p->openai.ask, MHD_HTTP_BAD_REQUEST, words);
		return NULL;
	}
	if (!task) {
		(void)snprintf(words, sizeof(words), "task: '%.48s' is not run here",
			name ? name : "unknown");
		refuse(&p->openai.ask, MHD_HTTP_BAD_REQUEST, words);
	}
	return task;
}

static void refuse_body(struct ask *a, int r, const struct err *e)
{
	refuse(a,
		r == -ENOMEM     ? MHD_HTTP_INTERNAL_SERVER_ERROR
		: r == -EMSGSIZE ? MHD_HTTP_CONTENT_TOO_LARGE
				 : MHD_HTTP_BAD_REQUEST,
		e->text);
}

/* A body that is JSON holds the picture as base64; the body is its bytes from then on. */
static int unpack_picture(struct pipeline_ask *p, json_t *body, struct err *e)
{
	struct ask *a = &p->openai.ask;
	CLEANUP(buf_done) struct buf bytes;
	const char *text;
	size_t n;
	int r = pipeline_read(p->q.task, body, &p->q, e);

	buf_init(&bytes, a->body.max);
	if (r < 0)
		return r;
	p->read = true;
	text = pipeline_picture(body, &n);
	if (!text || base64_add_decoded(&bytes, text, n) < 0)
		return err_set(e, -EINVAL, "inputs: must be a picture's base64");
	json_decref(p->q.inputs); /* its bytes are there */
	p->q.inputs = NULL;
	buf_clear(&a->body); /* the base64 was longer */
	return buf_add(&a->body, bytes.data, bytes.len) < 0 ? err_set(e, -ENOMEM, "out of memory")
							    : 0;
}

/* Whatever is no JSON object is the picture; its bytes say what kind, and no header. */
static void start_seeing(struct pipeline_ask *p, const char *task)
{
	struct ask *a = &p->openai.ask;
	CLEANUP(json_unrefp) json_t *body = NULL;
	CLEANUP(json_unrefp) json_t *nothing = json_object();
	struct err e = {0};
	int r = 0;

	p->q.task = task;
	if (a->body.len > 0 && a->body.data[0] == '{') {
		r = ask_parse(a, a->body.max, &body, &e);
		if (r == 0)
			r = unpack_picture(p, body, &e);
		else if (r != -EMSGSIZE)
			r = 0;
	}
	if (r < 0) {
		refuse_body(a, r, &e);
		return;
	}
	a->keeps = true;
	ask_call(a, &(struct model_ask){.model = p->openai.model,
			    .task = "describe",
			    .payer = a->payer,
			    .inputs = nothing});
}

static void start(struct ask *a)
{
	struct pipeline_ask *p = (struct pipeline_ask *)a;
	CLEANUP(json_unrefp) json_t *body = NULL;
	struct err e = {0};
	const char *task;
	int r;

	if (strcmp(a->request->method, MHD_HTTP_METHOD_POST) != 0) {
		refuse(a, MHD_HTTP_METHOD_NOT_ALLOWED, "models are called with POST");
		return;
	}
	if (!ask_wait_model(a, p->openai.model) || !(task = choose_task(p)))
		return;
	if (pipeline_sees(task)) {
		start_seeing(p, task);
		return;
	}
	r = ask_parse(a, ASK_BODY_MAX, &body, &e);
	if (r < 0)
		(void)err_wrap(&e, "the body");
	else
		r = pipeline_read(task, body, &p->q, &e);
	p->read = r == 0;
	if (r < 0) {
		refuse_body(a, r, &e);
		return;
	}
	ask_call(a, &(struct model_ask){.model = p->openai.model,
			    .task = p->q.task,
			    .payer = a->payer,
			    .inputs = p->q.inputs,
			    .options = p->q.options});
	pipeline_called(&p->q);
}

static const struct ask_voice voice = {
	.start = start,
	.text = on_text,
	.result = on_result,
	.error = on_error,
};

/* OWNER/NAME[/pipeline/TASK | /v1/...]. False: nothing that is here. */
static bool split(struct pipeline_ask *p, char *path)
{
	char *slash = strchr(path, '/');
	char *rest = slash ? strchr(slash + 1, '/') : NULL;

	if (rest)
		*rest++ = '\0';
	if (!slash || slash == path || !slash[1] || strlen(path) > OPENAI_MODEL_MAX)
		return false;
	memcpy(p->openai.model, path, strlen(path) + 1);
	if (!rest || !*rest)
		return true;
	p->is_openai = !strncmp(rest, "v1/", 3);
	if (p->is_openai)
		return (size_t)snprintf(p->openai.path, sizeof(p->openai.path), "%s", rest + 3) <
		       sizeof(p->openai.path);
	return !strncmp(rest, "pipeline/", 9) &&
	       (size_t)snprintf(p->task, sizeof(p->task), "%s", rest + 9) < sizeof(p->task);
}

static void begin(struct request *r)
{
	struct pipeline_ask *p = calloc(1, sizeof(*p));
	char path[2 * OPENAI_MODEL_MAX];
	bool found;

	if (!p) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	found = ask_path(r, "/models/", path, sizeof(path)) && split(p, path);
	if (found && p->is_openai)
		openai_begin(r, &p->openai);
	else {
		p->openai.ask.body_max = PICTURE_FILE_MAX;
		ask_begin(r, &p->openai.ask, &voice);
	}
	if (!found)
		request_refuse(r, MHD_HTTP_NOT_FOUND,
			"a model is called at /models/OWNER/NAME, …/pipeline/TASK or …/v1/…");
}

static void done(struct request *r)
{
	struct pipeline_ask *p = r->state;

	if (!p)
		return;
	p->reading = picture_reading_drop(p->reading);
	openai_end(&p->openai);
	if (p->read)
		pipeline_done(&p->q);
	free(p);
	r->state = NULL;
}

const struct handler pipelines_handler = {
	.name = "pipelines", .begin = begin, .feed = ask_feed, .finish = ask_finish, .done = done};
