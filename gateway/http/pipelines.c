/*
 * A model by its path, as Hugging Face's inference clients ask: POST /models/OWNER/NAME for its own
 * task, .../pipeline/TASK for another, and .../v1/... for OpenAI's API, where the path's model is
 * the one that counts.
 */
#include "gateway/adapters/pipelines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/http/openai.h"
#include "proto/messages.h"

struct pipeline_ask {
	struct openai_ask openai; /* first: its address is ours, and its ask; below v1/ all of it */
	bool is_openai;
	bool read; /* q is */
	struct pipeline_request q;
	char task[48]; /* of the path; "": the model's own */
};

/* --- what is told --- */

static int on_text(struct ask *a, const char *text, size_t n)
{
	(void)a;
	(void)text;
	(void)n;
	return 0; /* nothing streams here */
}

static int on_result(struct ask *a, const struct infer_result *result)
{
	struct pipeline_ask *p = (struct pipeline_ask *)a;
	CLEANUP(json_unrefp) json_t *answer = pipeline_answer(&p->q, result->value);

	return answer ? json_write(&a->out, answer) : -EBADMSG;
}

static int on_error(struct ask *a, const char *code, const char *param, const char *message)
{
	CLEANUP(json_unrefp) json_t *o = json_pack("{s:s}", "error", message);

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
	char words[OPENAI_MODEL_MAX + 128];

	if (!row) {
		(void)snprintf(words, sizeof(words), "model: there is no '%s'", model);
		refuse(&p->openai.ask, MHD_HTTP_NOT_FOUND, words);
		return NULL;
	}
	if (!task) {
		(void)snprintf(words, sizeof(words), "task: '%.48s' is not run here",
			name ? name : "unknown");
		refuse(&p->openai.ask, MHD_HTTP_BAD_REQUEST, words);
	}
	return task;
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
	if (!ask_wait_list(a) || !(task = choose_task(p)))
		return;
	r = json_parse(a->body.data, a->body.len, ASK_BODY_MAX, &body, &e);
	if (r < 0)
		(void)err_wrap(&e, "the body");
	else
		r = pipeline_read(task, body, &p->q, &e);
	p->read = r == 0;
	if (r < 0)
		refuse(a, r == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_BAD_REQUEST,
			e.text);
	else
		ask_call(a, &(struct model_ask){.model = p->openai.model,
				    .task = p->q.task,
				    .payer = a->payer,
				    .inputs = p->q.inputs,
				    .options = p->q.options});
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
	else
		ask_begin(r, &p->openai.ask, &voice);
	if (!found)
		request_refuse(r, MHD_HTTP_NOT_FOUND,
			"a model is called at /models/OWNER/NAME, …/pipeline/TASK or …/v1/…");
}

static void done(struct request *r)
{
	struct pipeline_ask *p = r->state;

	if (!p)
		return;
	openai_end(&p->openai);
	if (p->read)
		pipeline_done(&p->q);
	free(p);
	r->state = NULL;
}

const struct handler pipelines_handler = {
	.name = "pipelines", .begin = begin, .feed = ask_feed, .finish = ask_finish, .done = done};
