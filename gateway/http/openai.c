#include "gateway/http/openai.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "proto/messages.h"

#define INPUTS_AT_ONCE 32 /* of a call of inference, whose value is 1 MiB at most */

/* --- what is told --- */

static int on_text(struct ask *a, const char *text, size_t n)
{
	struct openai_ask *o = (struct openai_ask *)a;

	return openai_write_text(&o->q, text, n, &a->out);
}

static void call(struct openai_ask *o, json_t *inputs)
{
	ask_call(&o->ask, &(struct model_ask){.model = o->q.model,
				  .task = o->q.task,
				  .payer = o->ask.payer,
				  .inputs = inputs,
				  .options = o->q.options});
	openai_called(&o->q, o->asked);
}

/* The next inputs, as many as inference takes at once. */
static void call_some(struct openai_ask *o)
{
	CLEANUP(json_unrefp) json_t *some = json_array();

	for (size_t i = 0; i < INPUTS_AT_ONCE && o->asked < o->q.n_inputs; i++)
		(void)json_array_append(some, json_array_get(o->q.inputs, o->asked++));
	call(o, some);
}

static int on_embeddings(struct openai_ask *o, const struct infer_result *result)
{
	struct openai_usage usage = {.prompt_tokens = o->tokens += result->tokens_in};
	int r = openai_add_embeddings(&o->q, result->value, o->told, &o->ask.out);

	o->told += json_array_size(result->value);
	if (r == 0 && o->told != o->asked) /* each must have its own */
		r = -EBADMSG;
	if (r < 0)
		return r;
	if (o->asked == o->q.n_inputs)
		return openai_end_embeddings(&usage, &o->ask.out);
	call_some(o);
	return 1;
}

static int on_result(struct ask *a, const struct infer_result *result)
{
	struct openai_ask *o = (struct openai_ask *)a;
	struct openai_usage usage = {result->tokens_in, result->tokens_out};

	if (o->q.kind == OPENAI_EMBEDDINGS)
		return on_embeddings(o, result);
	return a->streams ? openai_write_end(&o->q, result->value, &usage, &a->out)
			  : openai_write(&o->q, result->value, &usage, &a->out);
}

/* The field of a request that inference's words begin with: "options.stop: …", "inputs[0]: …". */
static void name_param(const struct openai_ask *o, const char *message, char *ret, size_t size)
{
	static const char *const inputs[] = {
		[OPENAI_CHAT] = "messages",
		[OPENAI_COMPLETION] = "prompt",
		[OPENAI_EMBEDDINGS] = "input",
	};
	size_t n = strcspn(message, ":");

	*ret = '\0';
	if (!message[n] || n >= OPENAI_PARAM_MAX)
		return;
	if (!strncmp(message, "options.", 8))
		(void)snprintf(ret, size, "%.*s", (int)n - 8, message + 8);
	else if (!strncmp(message, "inputs", 6))
		(void)snprintf(ret, size, "%s%.*s", inputs[o->q.kind], (int)n - 6, message + 6);
	else if (!strncmp(message, "model:", 6))
		(void)snprintf(ret, size, "model");
}

/* OpenAI's names for what its clients tell apart by them. */
static const char *code_of(const struct ask *a, const char *code)
{
	static const char *const table[][2] = {
		{"no_model", "model_not_found"},
		{"too_long", "context_length_exceeded"},
		{"busy", "rate_limit_exceeded"},
		{"quota", "insufficient_quota"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i][0], code))
			return table[i][1];
	return a->status == MHD_HTTP_UNAUTHORIZED ? "invalid_api_key" : NULL;
}

static int on_error(struct ask *a, const char *code, const char *param, const char *message)
{
	struct openai_ask *o = (struct openai_ask *)a;
	char field[OPENAI_PARAM_MAX + 1];
	int r = a->begun ? buf_add_str(&a->out, "data: ") : 0;

	name_param(o, message, field, sizeof(field));
	if (r == 0)
		r = openai_write_error(
			&a->out, a->status, message, *param ? param : field, code_of(a, code));
	return r < 0 || !a->begun ? r : buf_add_str(&a->out, "\n\ndata: [DONE]\n\n");
}

/* --- endpoints --- */

static void start_reading(struct openai_ask *o, enum openai_kind kind)
{
	struct ask *a = &o->ask;
	CLEANUP(json_unrefp) json_t *body = NULL;
	char param[OPENAI_PARAM_MAX + 1] = "";
	struct err e = {0};
	int r = ask_parse(a, ASK_BODY_MAX, &body, &e);

	if (r < 0)
		(void)err_wrap(&e, "the body");
	else
		r = openai_read(kind, body, &o->q, param, &e);
	o->read = r == 0;
	if (r < 0) {
		ask_refuse(a, r == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_BAD_REQUEST,
			"refused", param, e.text);
		return;
	}
	if (o->model[0])
		(void)snprintf(o->q.model, sizeof(o->q.model), "%s", o->model);
	a->streams = o->q.stream;
	if (o->q.model[0] && kind == OPENAI_EMBEDDINGS)
		call_some(o);
	else if (o->q.model[0])
		call(o, o->q.inputs);
	else
		ask_refuse(a, MHD_HTTP_BAD_REQUEST, "refused", "model", "model: missing");
}

static void start_chat(struct openai_ask *o)
{
	start_reading(o, OPENAI_CHAT);
}

static void start_completion(struct openai_ask *o)
{
	start_reading(o, OPENAI_COMPLETION);
}

static void start_embeddings(struct openai_ask *o)
{
	start_reading(o, OPENAI_EMBEDDINGS);
}

static void write_answer(struct openai_ask *o, int r)
{
	if (r < 0)
		ask_refuse(&o->ask, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", "", "out of memory");
	o->ask.over = true;
}

static void list_models(struct openai_ask *o)
{
	if (ask_wait_list(&o->ask))
		write_answer(
			o, openai_write_models(models_list(request_gateway(o->ask.request)->models),
				   &o->ask.out));
}

static void show_model(struct openai_ask *o)
{
	const char *id = o->path + strlen("models/");
	char words[OPENAI_MODEL_MAX + 64];
	int r;

	if (!ask_wait_list(&o->ask))
		return;
	r = openai_write_model(
		models_list(request_gateway(o->ask.request)->models), id, &o->ask.out);
	if (r != 0) {
		write_answer(o, r);
		return;
	}
	(void)snprintf(words, sizeof(words), "model: there is no '%s'", id);
	ask_refuse(&o->ask, MHD_HTTP_NOT_FOUND, "no_model", "model", words);
}

static const struct {
	const char *method, *path;
	bool prefix;
	void (*start)(struct openai_ask *o);
} endpoints[] = {
	{MHD_HTTP_METHOD_POST, "chat/completions", false, start_chat},
	{MHD_HTTP_METHOD_POST, "completions", false, start_completion},
	{MHD_HTTP_METHOD_POST, "embeddings", false, start_embeddings},
	{MHD_HTTP_METHOD_GET, "models", false, list_models},
	{MHD_HTTP_METHOD_GET, "models/", true, show_model},
};

static void start(struct ask *a)
{
	struct openai_ask *o = (struct openai_ask *)a;
	bool known = false;

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
		const char *path = endpoints[i].path;

		if (endpoints[i].prefix ? strncmp(o->path, path, strlen(path)) != 0
					: strcmp(o->path, path) != 0)
			continue;
		known = true;
		if (!strcmp(a->request->method, endpoints[i].method)) {
			endpoints[i].start(o);
			return;
		}
	}
	if (known)
		ask_refuse(a, MHD_HTTP_METHOD_NOT_ALLOWED, "refused", "",
			"this path is not asked for in this way");
	else
		ask_refuse(a, MHD_HTTP_NOT_FOUND, "refused", "",
			"there is no such endpoint; there are models, chat/completions, "
			"completions and embeddings");
}

static const struct ask_voice voice = {
	.start = start,
	.text = on_text,
	.result = on_result,
	.error = on_error,
};

/* --- the request --- */

void openai_begin(struct request *r, struct openai_ask *o)
{
	r->openai = true;
	ask_begin(r, &o->ask, &voice);
}

void openai_end(struct openai_ask *o)
{
	ask_end(&o->ask);
	if (o->read)
		openai_done(&o->q);
}

static void begin(struct request *r)
{
	struct openai_ask *o = calloc(1, sizeof(*o));

	r->openai = true;
	if (!o) {
		request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
		return;
	}
	openai_begin(r, o);
	if (!ask_path(r, "/v1/", o->path, sizeof(o->path)))
		request_refuse(r, MHD_HTTP_NOT_FOUND, "there is no such endpoint");
}

static void done(struct request *r)
{
	struct openai_ask *o = r->state;

	if (!o)
		return;
	openai_end(o);
	free(o);
	r->state = NULL;
}

const struct handler openai_handler = {
	.name = "openai", .begin = begin, .feed = ask_feed, .finish = ask_finish, .done = done};
