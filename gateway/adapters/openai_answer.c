#include "gateway/adapters/openai_answer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "gateway/session/json_text.h"

/* --- texts --- */

static int add_usage(struct buf *b, const struct openai_usage *u)
{
	return buf_addf(b,
		"{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld}",
		(long long)u->prompt_tokens, (long long)u->completion_tokens,
		(long long)(u->prompt_tokens + u->completion_tokens));
}

/* {"id", "object", "created", "model", "choices":[ */
static int add_head(const struct openai_request *q, const char *object, struct buf *b)
{
	int r = buf_addf(b, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", q->id,
		object, (long long)q->created);

	if (r == 0)
		r = json_text_quote(b, q->model, strlen(q->model));
	return r < 0 ? r : buf_add_str(b, ",\"choices\":[");
}

/* What a model has written, taken apart. */
struct written {
	const char *text;
	size_t n;
	const char *reason;
	json_t *calls;          /* owned; NULL: it calls no tools */
	const json_t *logprobs; /* of each token; NULL: not asked for. Borrowed */
};

static int read_written(const struct openai_request *q, const json_t *value, struct written *ret)
{
	const json_t *text = json_object_get(value, "text");
	int r = 0;

	*ret = (struct written){json_string_value(text), json_string_length(text),
		json_string_value(json_object_get(value, "finish_reason")), NULL,
		json_object_get(value, "logprobs")};
	if (!ret->text || !ret->reason)
		return -EBADMSG;
	if (q->tools.functions)
		r = tools_find(&q->tools, ret->text, &ret->calls, &ret->n);
	if (r > 0)
		ret->reason = "tool_calls";
	return r < 0 ? r : 0;
}

/* Half a character has no text of its own, and its bytes are not told. */
static json_t *bytes_of(const char *token)
{
	json_t *list = json_array();

	if (!token || strstr(token, "\xef\xbf\xbd")) {
		json_decref(list);
		return json_null();
	}
	for (; *token; token++)
		(void)json_array_append_new(list, json_integer((uint8_t)*token));
	return list;
}

static json_t *likely_of(const json_t *token)
{
	json_t *text = json_object_get(token, "token");

	return json_pack("{s:O, s:O, s:o}", "token", text, "logprob",
		json_object_get(token, "logprob"), "bytes", bytes_of(json_string_value(text)));
}

/* {content: [{token, logprob, bytes, top_logprobs: […]}]} */
static json_t *chat_logprobs(const json_t *tokens)
{
	json_t *content = json_array();
	const json_t *token, *other;
	size_t i, j;

	json_array_foreach(tokens, i, token)
	{
		json_t *one = likely_of(token), *others = json_array();

		json_array_foreach(json_object_get(token, "top_logprobs"), j, other)(void)
			json_array_append_new(others, likely_of(other));
		(void)json_object_set_new(one, "top_logprobs", others);
		(void)json_array_append_new(content, one);
	}
	return json_pack("{s:o, s:n}", "content", content, "refusal");
}

/* {tokens, token_logprobs, top_logprobs: [{token: logprob}], text_offset}, in characters. */
static json_t *completion_logprobs(const json_t *tokens)
{
	json_t *names = json_array(), *numbers = json_array(), *tops = json_array();
	json_t *offsets = json_array();
	const json_t *token, *other;
	size_t i, j, at = 0;

	json_array_foreach(tokens, i, token)
	{
		const char *text = json_string_value(json_object_get(token, "token"));
		json_t *top = json_object();

		json_array_foreach(json_object_get(token, "top_logprobs"), j, other)
		{
			const char *name = json_string_value(json_object_get(other, "token"));

			(void)json_object_set(
				top, name ? name : "", json_object_get(other, "logprob"));
		}
		(void)json_array_append_new(names, json_string(text));
		(void)json_array_append(numbers, json_object_get(token, "logprob"));
		(void)json_array_append_new(tops, top);
		(void)json_array_append_new(offsets, json_integer((json_int_t)at));
		for (; text && *text; text++)
			at += ((uint8_t)*text & 0xc0) != 0x80;
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "tokens", names, "token_logprobs", numbers,
		"top_logprobs", tops, "text_offset", offsets);
}

static int add_logprobs(const struct openai_request *q, const json_t *tokens, struct buf *b)
{
	CLEANUP(json_unrefp) json_t *o = NULL;
	int r = buf_add_str(b, ",\"logprobs\":");

	if (r < 0 || !tokens)
		return r < 0 ? r : buf_add_str(b, "null");
	o = q->kind == OPENAI_CHAT ? chat_logprobs(tokens) : completion_logprobs(tokens);
	return o ? json_write(b, o) : -ENOMEM;
}

static int write_choice(const struct openai_request *q, const struct written *w, struct buf *b)
{
	bool chat = q->kind == OPENAI_CHAT;
	int r = buf_add_str(
		b, chat ? "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
			: "{\"index\":0,\"text\":");

	if (r == 0 && w->calls && w->n == 0) /* beside calls there need not be words */
		r = buf_add_str(b, "null");
	else if (r == 0)
		r = json_text_quote(b, w->text, w->n);
	if (r == 0 && w->calls)
		r = buf_add_str(b, ",\"tool_calls\":");
	if (r == 0 && w->calls)
		r = json_write(b, w->calls);
	if (r == 0 && chat)
		r = buf_add_str(b, ",\"refusal\":null}");
	if (r == 0)
		r = add_logprobs(q, w->logprobs, b);
	return r < 0 ? r : buf_addf(b, ",\"finish_reason\":\"%s\"}", w->reason);
}

int openai_write(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	struct written w;
	int r = read_written(q, value, &w);

	if (r == 0)
		r = add_head(q, q->kind == OPENAI_CHAT ? "chat.completion" : "text_completion", b);
	if (r == 0)
		r = write_choice(q, &w, b);
	json_decref(w.calls);
	if (r == 0)
		r = buf_add_str(b, "],\"usage\":");
	if (r == 0)
		r = add_usage(b, usage);
	return r < 0 ? r : buf_add_str(b, "}");
}

static int begin_chunk(const struct openai_request *q, struct buf *b)
{
	int r = buf_add_str(b, "data: ");

	return r < 0 ? r
		     : add_head(q,
			       q->kind == OPENAI_CHAT ? "chat.completion.chunk" : "text_completion",
			       b);
}

static int end_chunk(const struct openai_request *q, struct buf *b)
{
	return buf_add_str(b, q->include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

/* One choice: its delta or text is what has been appended by then. */
static int end_choice(
	const struct openai_request *q, const json_t *logprobs, const char *reason, struct buf *b)
{
	int r = add_logprobs(q, logprobs, b);

	if (r == 0)
		r = buf_addf(b, reason ? ",\"finish_reason\":\"%s\"}" : ",\"finish_reason\":null}",
			reason);
	return r < 0 ? r : end_chunk(q, b);
}

static int add_role(struct openai_request *q, struct buf *b)
{
	int r;

	if (q->role_told || q->kind != OPENAI_CHAT)
		return 0;
	q->role_told = true;
	r = begin_chunk(q, b);
	if (r == 0)
		r = buf_add_str(b, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
				   "\"\",\"refusal\":null}");
	return r < 0 ? r : end_choice(q, NULL, NULL, b);
}

static int write_piece(const struct openai_request *q, const char *text, size_t n, struct buf *b)
{
	bool chat = q->kind == OPENAI_CHAT;
	int r = begin_chunk(q, b);

	if (r == 0)
		r = buf_add_str(b,
			chat ? "{\"index\":0,\"delta\":{\"content\":" : "{\"index\":0,\"text\":");
	if (r == 0)
		r = json_text_quote(b, text, n);
	if (r == 0 && chat)
		r = buf_add_str(b, "}");
	return r < 0 ? r : end_choice(q, NULL, NULL, b);
}

int openai_write_text(struct openai_request *q, const char *text, size_t n, struct buf *b)
{
	int r = add_role(q, b);

	/* Whether it is words or calls is known when all of it is there. */
	return r < 0 || q->tools.functions ? r : write_piece(q, text, n, b);
}

/* What was kept back until the text was whole. */
static int write_kept(const struct openai_request *q, const struct written *w, struct buf *b)
{
	json_t *call;
	size_t i;
	int r = w->n > 0 ? write_piece(q, w->text, w->n, b) : 0;

	if (r < 0 || !w->calls)
		return r;
	json_array_foreach(w->calls, i, call)
	{
		if (json_object_set_new(call, "index", json_integer((json_int_t)i)) < 0)
			return -ENOMEM;
	}
	r = begin_chunk(q, b);
	if (r == 0)
		r = buf_add_str(b, "{\"index\":0,\"delta\":{\"tool_calls\":");
	if (r == 0)
		r = json_write(b, w->calls);
	if (r == 0)
		r = buf_add_str(b, "}");
	return r < 0 ? r : end_choice(q, NULL, NULL, b);
}

int openai_write_end(struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	struct written w;
	int r = read_written(q, value, &w);

	if (r == 0)
		r = add_role(q, b);
	if (r == 0 && q->tools.functions)
		r = write_kept(q, &w, b);
	json_decref(w.calls);
	if (r == 0)
		r = begin_chunk(q, b);
	if (r == 0)
		r = buf_add_str(b, q->kind == OPENAI_CHAT ? "{\"index\":0,\"delta\":{}"
							  : "{\"index\":0,\"text\":\"\"");
	if (r == 0)
		r = end_choice(q, w.logprobs, w.reason, b);
	if (r == 0 && q->include_usage) {
		r = begin_chunk(q, b);
		if (r == 0)
			r = buf_add_str(b, "],\"usage\":");
		if (r == 0)
			r = add_usage(b, usage);
		if (r == 0)
			r = buf_add_str(b, "}\n\n");
	}
	return r < 0 ? r : buf_add_str(b, "data: [DONE]\n\n");
}

/* --- embeddings --- */

/* The first n numbers of a vector, as long as 1 where some are left out. */
static int read_vector(const json_t *vector, size_t n, struct buf *floats)
{
	double scale = 1, sum = 0;
	const json_t *item;
	size_t i;

	json_array_foreach(vector, i, item)
	{
		double x = json_number_value(item);

		if (!json_is_number(item))
			return -EBADMSG;
		if (i < n)
			sum += x * x;
	}
	if (n < json_array_size(vector) && sum > 0)
		scale = 1 / sqrt(sum);
	for (i = 0; i < n; i++) {
		float x = (float)(json_number_value(json_array_get(vector, i)) * scale);
		int r = isfinite(x) ? buf_add(floats, &x, sizeof(x)) /* little endian, as we are */
				    : -EBADMSG;

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_floats(const struct buf *floats, struct buf *b)
{
	int r = buf_add_str(b, "[");

	for (size_t at = 0; r == 0 && at < floats->len; at += sizeof(float)) {
		float x;

		memcpy(&x, floats->data + at, sizeof(x));
		r = buf_addf(b, at ? ",%.9g" : "%.9g", (double)x);
	}
	return r < 0 ? r : buf_add_str(b, "]");
}

static int add_embedding(
	const struct openai_request *q, const json_t *vector, size_t index, struct buf *b)
{
	CLEANUP(buf_done) struct buf floats;
	size_t n = json_array_size(vector);
	int r;

	buf_init(&floats, OPENAI_DIMENSIONS_MAX * sizeof(float));
	if (n == 0)
		return -EBADMSG;
	r = read_vector(vector, q->dimensions && q->dimensions < n ? q->dimensions : n, &floats);
	if (r == 0)
		r = buf_addf(b, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":%s",
			index ? "," : "", index, q->base64 ? "\"" : "");
	if (r == 0)
		r = q->base64 ? base64_add(b, floats.data, floats.len) : add_floats(&floats, b);
	return r < 0 ? r : buf_add_str(b, q->base64 ? "\"}" : "}");
}

int openai_add_embeddings(
	const struct openai_request *q, const json_t *value, size_t first, struct buf *b)
{
	const json_t *vector;
	size_t i;
	int r = 0;

	if (!json_is_array(value) || first + json_array_size(value) > q->n_inputs)
		return -EBADMSG;
	if (first == 0) {
		r = buf_add_str(b, "{\"object\":\"list\",\"model\":");
		if (r == 0)
			r = json_text_quote(b, q->model, strlen(q->model));
		if (r == 0)
			r = buf_add_str(b, ",\"data\":[");
	}
	json_array_foreach(value, i, vector)
	{
		if (r == 0)
			r = add_embedding(q, vector, first + i, b);
	}
	return r;
}

int openai_end_embeddings(const struct openai_usage *usage, struct buf *b)
{
	return buf_addf(b, "],\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
		(long long)usage->prompt_tokens, (long long)usage->prompt_tokens);
}

/* --- errors and models --- */

static int add_text_or_null(struct buf *b, const char *name, const char *text)
{
	int r = buf_addf(b, ",\"%s\":", name);

	if (r < 0)
		return r;
	return text && *text ? json_text_quote(b, text, strlen(text)) : buf_add_str(b, "null");
}

int openai_write_error(
	struct buf *b, unsigned status, const char *message, const char *param, const char *code)
{
	int r = buf_add_str(b, "{\"error\":{\"message\":");

	if (r == 0)
		r = json_text_quote(b, message, strlen(message));
	if (r == 0)
		r = buf_addf(b, ",\"type\":\"%s\"",
			status >= 500   ? "server_error"
			: status == 429 ? "rate_limit_error"
					: "invalid_request_error");
	if (r == 0)
		r = add_text_or_null(b, "param", param);
	if (r == 0)
		r = add_text_or_null(b, "code", code);
	return r < 0 ? r : buf_add_str(b, "}}");
}

/* A model's owner is the first part of its id. */
static int add_model(const json_t *row, const char *separator, struct buf *b)
{
	const char *id = json_string_value(json_object_get(row, "id"));
	const char *task = json_string_value(json_object_get(row, "task"));
	size_t owner = id ? strcspn(id, "/") : 0;
	int r;

	if (!id)
		return 0;
	r = buf_addf(b, "%s{\"id\":", separator);
	if (r == 0)
		r = json_text_quote(b, id, strlen(id));
	if (r == 0) /* when it was made nobody has said; the field must be there */
		r = buf_add_str(b, ",\"object\":\"model\",\"created\":0,\"owned_by\":");
	if (r == 0)
		r = json_text_quote(b, id, owner);
	if (r == 0 && task && *task)
		r = add_text_or_null(b, "task", task);
	return r < 0 ? r : buf_add_str(b, "}");
}

/* One that cannot be loaded is there for its operator, and not for programs. */
static bool is_served(const json_t *row)
{
	const char *error = json_string_value(json_object_get(row, "error"));

	return json_is_true(json_object_get(row, "loaded")) || !error || !*error;
}

int openai_write_models(const json_t *served, struct buf *b)
{
	const char *separator = "";
	const json_t *row;
	size_t i;
	int r = buf_add_str(b, "{\"object\":\"list\",\"data\":[");

	json_array_foreach(served, i, row)
	{
		if (r < 0 || !is_served(row))
			continue;
		r = add_model(row, separator, b);
		separator = ",";
	}
	return r < 0 ? r : buf_add_str(b, "]}");
}

int openai_write_model(const json_t *served, const char *id, struct buf *b)
{
	const json_t *row;
	size_t i;

	json_array_foreach(served, i, row)
	{
		const char *name = json_string_value(json_object_get(row, "id"));

		if (name && !strcmp(name, id) && is_served(row)) {
			int r = add_model(row, "", b);

			return r < 0 ? r : 1;
		}
	}
	return 0;
}
