#include "gateway/adapters/openai.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/base64.h"
#include "gateway/session/json_text.h"

#define TOKENS_MAX (1 << 20)
#define INPUTS_MAX 2048

/* --- reading: fields that become options of inference --- */

struct reading {
	struct openai_request *q;
	const json_t *body;
	char *param;
	struct err *e;
};

/* Fails for the field, which the words begin with. */
static int refuse(struct reading *in, const char *param, const char *words)
{
	(void)snprintf(in->param, OPENAI_PARAM_MAX + 1, "%s", param);
	return err_set(in->e, -EINVAL, "%s: %s", param, words);
}

static int no_memory(struct reading *in)
{
	return err_set(in->e, -ENOMEM, "out of memory");
}

static int set_option(struct reading *in, const char *name, json_t *value)
{
	return json_object_set_new(in->q->options, name, value) < 0 ? no_memory(in) : 0;
}

static int read_count(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1)
		return refuse(in, name, "must be a whole number above 0");
	return set_option(in, "max_tokens",
		json_integer(
			json_integer_value(v) < TOKENS_MAX ? json_integer_value(v) : TOKENS_MAX));
}

static int read_temperature(struct reading *in, const char *name, const json_t *v)
{
	double n = json_number_value(v);

	if (!json_is_number(v) || !(n >= 0 && n <= 2))
		return refuse(in, name, "must be a number from 0 to 2");
	return set_option(in, name, json_real(n));
}

static int read_top_p(struct reading *in, const char *name, const json_t *v)
{
	double n = json_number_value(v);

	if (!json_is_number(v) || !(n >= 0 && n <= 1))
		return refuse(in, name, "must be a number from 0 to 1");
	return set_option(in, name, json_real(n > 0.000001 ? n : 0.000001));
}

static int read_seed(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_integer(v))
		return refuse(in, name, "must be a whole number");
	return set_option(in, name, json_integer(json_integer_value(v)));
}

static int read_stop(struct reading *in, const char *name, const json_t *v)
{
	static const char must[] = "must be a text, or at most 4 of them";
	const json_t *item;
	size_t i;

	if (!json_is_string(v) && !(json_is_array(v) && json_array_size(v) <= 4))
		return refuse(in, name, must);
	json_array_foreach(v, i, item) if (!json_is_string(item)) return refuse(in, name, must);
	return set_option(in, name, json_deep_copy(v));
}

/* Inference says what it makes of the number. */
static int read_penalty(struct reading *in, const char *name, const json_t *v)
{
	double n = json_number_value(v);

	if (!json_is_number(v) || !(n >= -2 && n <= 2))
		return refuse(in, name, "must be a number from -2 to 2");
	return n == 0 ? 0 : set_option(in, name, json_real(n));
}

static int read_one(struct reading *in, const char *name, const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) == 1
		       ? 0
		       : refuse(in, name, "must be 1: one answer is written for a request");
}

/* What would change the answer and is not had: only its usual value. */
static int read_absent(struct reading *in, const char *name, const json_t *v)
{
	bool usual = json_is_false(v) || (json_is_integer(v) && json_integer_value(v) == 0) ||
		     ((json_is_array(v) || json_is_object(v)) &&
			     json_array_size(v) + json_object_size(v) == 0);

	return usual ? 0 : refuse(in, name, "is not supported");
}

static int read_stream(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_boolean(v))
		return refuse(in, name, "must be true or false");
	in->q->stream = json_is_true(v);
	return 0;
}

static int read_stream_options(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_object(v))
		return refuse(in, name, "must be an object");
	in->q->include_usage = json_is_true(json_object_get(v, "include_usage"));
	return 0;
}

typedef int (*field_fn)(struct reading *in, const char *name, const json_t *v);

struct field {
	const char *name;
	field_fn read;
};

static int read_fields(struct reading *in, const struct field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_object_get(in->body, fields[i].name);
		int r = v && !json_is_null(v) ? fields[i].read(in, fields[i].name, v) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- reading: what is written from --- */

/* The words of a message: a text, or parts that are all texts. */
static int read_content(struct reading *in, const char *name, const json_t *content, json_t **ret)
{
	CLEANUP(buf_done) struct buf text;
	const json_t *part;
	size_t i;

	buf_init(&text, 1u << 20);
	if (json_is_string(content)) {
		*ret = json_incref((json_t *)content);
		return 0;
	}
	if (!json_is_array(content))
		return refuse(in, name, "must be a text or an array of parts");
	json_array_foreach(content, i, part)
	{
		const json_t *words = json_object_get(part, "text");
		const char *type = json_string_value(json_object_get(part, "type"));

		if (!type || strcmp(type, "text") != 0 || !json_is_string(words))
			return refuse(in, name, "only parts of type text are supported");
		if (buf_add(&text, json_string_value(words), json_string_length(words)) < 0)
			return refuse(in, name, "is over 1 MiB");
	}
	*ret = json_stringn(buf_str(&text), text.len);
	return *ret ? 0 : no_memory(in);
}

static int read_message(struct reading *in, size_t i, const json_t *message)
{
	CLEANUP(json_unrefp) json_t *content = NULL;
	const char *role = json_string_value(json_object_get(message, "role"));
	char name[40];
	int r;

	(void)snprintf(name, sizeof(name), "messages[%zu].role", i);
	if (!role)
		return refuse(in, name, "must be a text");
	if (!strcmp(role, "developer")) /* what newer models of OpenAI's call it */
		role = "system";
	if (strcmp(role, "system") != 0 && strcmp(role, "user") != 0 &&
		strcmp(role, "assistant") != 0)
		return refuse(in, name, "must be system, user or assistant");
	(void)snprintf(name, sizeof(name), "messages[%zu].content", i);
	r = read_content(in, name, json_object_get(message, "content"), &content);
	if (r < 0)
		return r;
	return json_array_append_new(
		       in->q->inputs, json_pack("{s:s, s:O}", "role", role, "content", content)) < 0
		       ? no_memory(in)
		       : 0;
}

static int read_messages(struct reading *in)
{
	const json_t *messages = json_object_get(in->body, "messages"), *message;
	size_t i;

	if (!json_is_array(messages) || json_array_size(messages) == 0)
		return refuse(in, "messages", "must be an array with a message at least");
	in->q->inputs = json_array();
	if (!in->q->inputs)
		return no_memory(in);
	json_array_foreach(messages, i, message)
	{
		int r = read_message(in, i, message);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_prompt(struct reading *in)
{
	const json_t *prompt = json_object_get(in->body, "prompt");

	if (json_is_array(prompt) && json_array_size(prompt) == 1)
		prompt = json_array_get(prompt, 0);
	if (!json_is_string(prompt))
		return refuse(in, "prompt", "must be a text, or an array of one text");
	in->q->inputs = json_incref((json_t *)prompt);
	return 0;
}

static int read_input(struct reading *in)
{
	const json_t *input = json_object_get(in->body, "input"), *item;
	size_t i;

	if (json_is_string(input)) {
		in->q->inputs = json_pack("[O]", input);
		return in->q->inputs ? 0 : no_memory(in);
	}
	if (!json_is_array(input) || json_array_size(input) == 0 ||
		json_array_size(input) > INPUTS_MAX)
		return refuse(in, "input", "must be a text, or an array of 1 to 2048 texts");
	json_array_foreach(input, i, item) if (!json_is_string(item)) return refuse(
		in, "input", "must be texts: ids of tokens are each model's own");
	in->q->inputs = json_incref((json_t *)input);
	return 0;
}

static int read_encoding(struct reading *in, const char *name, const json_t *v)
{
	const char *format = json_string_value(v);

	if (!format || (strcmp(format, "float") != 0 && strcmp(format, "base64") != 0))
		return refuse(in, name, "must be float or base64");
	in->q->base64 = !strcmp(format, "base64");
	return 0;
}

static int read_dimensions(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1 ||
		json_integer_value(v) > OPENAI_DIMENSIONS_MAX)
		return refuse(in, name, "must be a whole number from 1 to 65536");
	in->q->dimensions = (uint32_t)json_integer_value(v);
	return 0;
}

/* --- reading: the request --- */

/* Of everything that writes texts. */
static const struct field writing_fields[] = {
	{"max_tokens", read_count},
	{"temperature", read_temperature},
	{"top_p", read_top_p},
	{"seed", read_seed},
	{"stop", read_stop},
	{"frequency_penalty", read_penalty},
	{"presence_penalty", read_penalty},
	{"n", read_one},
	{"logit_bias", read_absent},
	{"stream", read_stream},
	{"stream_options", read_stream_options},
};

static const struct field chat_fields[] = {
	{"max_completion_tokens", read_count},
	{"logprobs", read_absent},
	{"top_logprobs", read_absent},
	{"audio", read_absent},
	{"functions", read_absent},
	{"function_call", read_absent},
	{"prediction", read_absent},
	{"web_search_options", read_absent},
};

static const struct field completion_fields[] = {
	{"best_of", read_one},
	{"echo", read_absent},
	{"logprobs", read_absent},
	{"suffix", read_absent},
};

static const struct field embeddings_fields[] = {
	{"encoding_format", read_encoding},
	{"dimensions", read_dimensions},
};

static const struct {
	const char *task, *id;
	int (*read)(struct reading *in);
	const struct field *fields;
	size_t n_fields;
} kinds[] = {
	[OPENAI_CHAT] = {"chat", "chatcmpl-", read_messages, chat_fields,
		sizeof(chat_fields) / sizeof(*chat_fields)},
	[OPENAI_COMPLETION] = {"text-generation", "cmpl-", read_prompt, completion_fields,
		sizeof(completion_fields) / sizeof(*completion_fields)},
	[OPENAI_EMBEDDINGS] = {"feature-extraction", "emb-", read_input, embeddings_fields,
		sizeof(embeddings_fields) / sizeof(*embeddings_fields)},
};

static int read_model(struct reading *in)
{
	const json_t *v = json_object_get(in->body, "model");

	if (!v || json_is_null(v))
		return 0; /* the path may name it */
	if (!json_is_string(v))
		return refuse(in, "model", "must be a text");
	/* Longer ones name nothing here, and a path may name another. */
	if (json_string_length(v) <= OPENAI_MODEL_MAX)
		memcpy(in->q->model, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

int openai_read(enum openai_kind kind, const json_t *body, struct openai_request *ret,
	char param[OPENAI_PARAM_MAX + 1], struct err *e)
{
	struct reading in = {.q = ret, .body = body, .param = param, .e = e};
	char id[ID_LEN + 1];
	int r;

	param[0] = '\0';
	random_id(id);
	*ret = (struct openai_request){.kind = kind,
		.task = kinds[kind].task,
		.created = (int64_t)(clock_wall_usec() / USEC_PER_SEC)};
	(void)snprintf(ret->id, sizeof(ret->id), "%s%s", kinds[kind].id, id);
	if (!json_is_object(body))
		return err_set(e, -EINVAL, "the body must be a JSON object");
	ret->options = json_object();
	r = ret->options ? read_model(&in) : no_memory(&in);
	if (r == 0)
		r = kinds[kind].read(&in);
	if (r == 0)
		r = read_fields(&in, kinds[kind].fields, kinds[kind].n_fields);
	if (r == 0)
		r = kind == OPENAI_EMBEDDINGS
			    ? set_option(&in, "normalize", json_true())
			    : read_fields(&in, writing_fields,
				      sizeof(writing_fields) / sizeof(*writing_fields));
	if (r < 0)
		openai_done(ret);
	return r;
}

void openai_done(struct openai_request *q)
{
	json_decref(q->inputs);
	json_decref(q->options);
	q->inputs = q->options = NULL;
}

/* --- writing: texts --- */

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

static int write_answer(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	const json_t *text = json_object_get(value, "text");
	const char *reason = json_string_value(json_object_get(value, "finish_reason"));
	bool chat = q->kind == OPENAI_CHAT;
	int r;

	if (!json_is_string(text) || !reason)
		return -EBADMSG;
	r = add_head(q, chat ? "chat.completion" : "text_completion", b);
	if (r == 0)
		r = buf_add_str(b, chat ? "{\"index\":0,\"message\":{\"role\":\"assistant\","
					  "\"content\":"
					: "{\"index\":0,\"text\":");
	if (r == 0)
		r = json_text_quote(b, json_string_value(text), json_string_length(text));
	if (r == 0)
		r = buf_addf(b, "%s,\"logprobs\":null,\"finish_reason\":\"%s\"}],\"usage\":",
			chat ? ",\"refusal\":null}" : "", reason);
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
static int end_choice(const struct openai_request *q, const char *reason, struct buf *b)
{
	int r = reason ? buf_addf(b, ",\"logprobs\":null,\"finish_reason\":\"%s\"}", reason)
		       : buf_add_str(b, ",\"logprobs\":null,\"finish_reason\":null}");

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
	return r < 0 ? r : end_choice(q, NULL, b);
}

int openai_write_text(struct openai_request *q, const char *text, size_t n, struct buf *b)
{
	bool chat = q->kind == OPENAI_CHAT;
	int r = add_role(q, b);

	if (r == 0)
		r = begin_chunk(q, b);
	if (r == 0)
		r = buf_add_str(b,
			chat ? "{\"index\":0,\"delta\":{\"content\":" : "{\"index\":0,\"text\":");
	if (r == 0)
		r = json_text_quote(b, text, n);
	if (r == 0 && chat)
		r = buf_add_str(b, "}");
	return r < 0 ? r : end_choice(q, NULL, b);
}

int openai_write_end(struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	const char *reason = json_string_value(json_object_get(value, "finish_reason"));
	int r = reason ? add_role(q, b) : -EBADMSG;

	if (r == 0)
		r = begin_chunk(q, b);
	if (r == 0)
		r = buf_add_str(b, q->kind == OPENAI_CHAT ? "{\"index\":0,\"delta\":{}"
							  : "{\"index\":0,\"text\":\"\"");
	if (r == 0)
		r = end_choice(q, reason, b);
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

/* --- writing: embeddings --- */

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
		int r = buf_add(floats, &x, sizeof(x)); /* little endian, as all we run on */

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

static int write_embeddings(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	const json_t *vector;
	size_t i;
	int r = buf_add_str(b, "{\"object\":\"list\",\"model\":");

	if (json_array_size(value) != json_array_size(q->inputs))
		return -EBADMSG;
	if (r == 0)
		r = json_text_quote(b, q->model, strlen(q->model));
	if (r == 0)
		r = buf_add_str(b, ",\"data\":[");
	json_array_foreach(value, i, vector)
	{
		if (r == 0)
			r = add_embedding(q, vector, i, b);
	}
	if (r == 0)
		r = buf_addf(b, "],\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
			(long long)usage->prompt_tokens, (long long)usage->prompt_tokens);
	return r;
}

int openai_write(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b)
{
	return q->kind == OPENAI_EMBEDDINGS ? write_embeddings(q, value, usage, b)
					    : write_answer(q, value, usage, b);
}

/* --- writing: errors and models --- */

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
