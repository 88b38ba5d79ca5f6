#include "gateway/adapters/openai.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "gateway/adapters/tools.h"

#define TOKENS_MAX (1 << 20)
#define TOP_LOGPROBS_MAX 20
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

static int read_biases(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_object(v))
		return refuse(in, name, "must be an object: numbers by ids of tokens");
	return json_object_size(v) > 0 ? set_option(in, name, json_deep_copy(v)) : 0;
}

static int read_logprobs(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_boolean(v))
		return refuse(in, name, "must be true or false");
	return json_is_true(v) ? set_option(in, name, json_true()) : 0;
}

static int read_top_logprobs(struct reading *in, const char *name, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		json_integer_value(v) > TOP_LOGPROBS_MAX)
		return refuse(in, name, "must be a whole number from 0 to 20");
	if (!json_is_true(json_object_get(in->body, "logprobs")))
		return refuse(in, name, "needs logprobs to be true");
	return set_option(in, name, json_integer(json_integer_value(v)));
}

/* Of a completion: so many of the likeliest. */
static int read_likeliest(struct reading *in, const char *name, const json_t *v)
{
	int r;

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		json_integer_value(v) > TOP_LOGPROBS_MAX)
		return refuse(in, name, "must be a whole number from 0 to 20");
	r = set_option(in, name, json_true());
	return r < 0 ? r : set_option(in, "top_logprobs", json_integer(json_integer_value(v)));
}

/* Texts that are JSON, or JSON of a schema; inference reads what kind. */
static int read_format(struct reading *in, const char *name, const json_t *v)
{
	const char *type = json_string_value(json_object_get(v, "type"));

	if (!type)
		return refuse(in, name, "must be an object with a type");
	return strcmp(type, "text") != 0 ? set_option(in, name, json_deep_copy(v)) : 0;
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

/* Appends the words of a message: a text, or parts that are all texts. */
static int read_content(
	struct reading *in, const char *name, const json_t *content, struct buf *text)
{
	const json_t *part;
	size_t i;

	if (json_is_string(content))
		return buf_add(text, json_string_value(content), json_string_length(content)) < 0
			       ? refuse(in, name, "is over 1 MiB")
			       : 0;
	if (!json_is_array(content))
		return refuse(in, name, "must be a text or an array of parts");
	json_array_foreach(content, i, part)
	{
		const json_t *words = json_object_get(part, "text");
		const char *type = json_string_value(json_object_get(part, "type"));

		if (!type || strcmp(type, "text") != 0 || !json_is_string(words))
			return refuse(in, name, "only parts of type text are supported");
		if (buf_add(text, json_string_value(words), json_string_length(words)) < 0)
			return refuse(in, name, "is over 1 MiB");
	}
	return 0;
}

/* As inference and templates know them: tool is a turn of the user's. NULL: there is none. */
static const char *role_of(const char *name)
{
	static const char *const roles[][2] = {
		{"system", "system"},
		{"developer", "system"}, /* what newer models of OpenAI's call it */
		{"user", "user"},
		{"assistant", "assistant"},
		{"tool", "user"},
	};

	for (size_t i = 0; name && i < sizeof(roles) / sizeof(*roles); i++)
		if (!strcmp(roles[i][0], name))
			return roles[i][1];
	return NULL;
}

/* The words of a turn, with what a tool said or which ones were called. */
static int read_words(
	struct reading *in, size_t i, const json_t *message, bool tool, struct buf *text)
{
	const json_t *content = json_object_get(message, "content");
	const json_t *calls = json_object_get(message, "tool_calls");
	bool called = calls && !json_is_null(calls);
	CLEANUP(buf_done) struct buf words;
	char name[48];
	int r = 0;

	buf_init(&words, text->max);
	(void)snprintf(name, sizeof(name), "messages[%zu].content", i);
	if (!called || (content && !json_is_null(content)))
		r = read_content(in, name, content, tool ? &words : text);
	if (r == 0 && tool && tools_write_result(buf_str(&words), words.len, text) < 0)
		r = refuse(in, name, "is over 1 MiB");
	if (r < 0 || !called)
		return r;
	(void)snprintf(name, sizeof(name), "messages[%zu].tool_calls", i);
	return tools_write_calls(calls, text) < 0
		       ? refuse(in, name, "must be functions with their arguments as a text")
		       : 0;
}

static bool is_tool(const json_t *message)
{
	const char *role = json_string_value(json_object_get(message, "role"));

	return role && !strcmp(role, "tool");
}

/* What several tools have said is one turn: templates want user and assistant in turns. *at: of the
 * message, and then of the last that was read with it. */
static int read_message(struct reading *in, size_t *at, const json_t *messages)
{
	size_t i = *at;
	const json_t *message = json_array_get(messages, i);
	const char *role = role_of(json_string_value(json_object_get(message, "role")));
	bool tool = is_tool(message);
	CLEANUP(buf_done) struct buf text;
	char name[48];
	int r;

	buf_init(&text, 1u << 20);
	(void)snprintf(name, sizeof(name), "messages[%zu].role", i);
	if (!role)
		return refuse(in, name, "must be system, developer, user, assistant or tool");
	r = read_words(in, i, message, tool, &text);
	while (r == 0 && tool && is_tool(json_array_get(messages, i + 1))) {
		i++;
		r = read_words(in, i, json_array_get(messages, i), true, &text);
	}
	if (r < 0)
		return r;
	*at = i;
	return json_array_append_new(in->q->inputs, json_pack("{s:s, s:s%}", "role", role,
							    "content", buf_str(&text), text.len)) <
			       0
		       ? no_memory(in)
		       : 0;
}

/* Before what the program says as system, or as all of it. */
static int describe_tools(struct reading *in)
{
	json_t *first = json_array_get(in->q->inputs, 0);
	const char *role = json_string_value(json_object_get(first, "role"));
	bool has_system = role && !strcmp(role, "system");
	CLEANUP(buf_done) struct buf text;
	json_t *content;
	int r = 0;

	buf_init(&text, 1u << 20);
	if (has_system)
		r = buf_addf(&text, "%s\n\n", json_string_value(json_object_get(first, "content")));
	if (r == 0)
		r = tools_describe(&in->q->tools, &text);
	if (r < 0)
		return refuse(in, "tools", "are over 1 MiB");
	content = json_stringn(buf_str(&text), text.len);
	if (has_system)
		r = json_object_set_new(first, "content", content);
	else
		r = json_array_insert_new(in->q->inputs, 0,
			json_pack("{s:s, s:o}", "role", "system", "content", content));
	return r < 0 ? no_memory(in) : 0;
}

static int read_tools(struct reading *in)
{
	const char *field;
	int r = tools_read(json_object_get(in->body, "tools"),
		json_object_get(in->body, "tool_choice"), &in->q->tools, &field, in->e);

	if (r < 0) {
		(void)snprintf(in->param, OPENAI_PARAM_MAX + 1, "%s", field);
		return r;
	}
	if (!in->q->tools.functions)
		return 0;
	r = describe_tools(in);
	return r < 0 || !in->q->tools.forced
		       ? r
		       : set_option(in, "response_format", tools_format(&in->q->tools));
}

static int read_messages(struct reading *in)
{
	const json_t *messages = json_object_get(in->body, "messages");

	if (!json_is_array(messages) || json_array_size(messages) == 0)
		return refuse(in, "messages", "must be an array with a message at least");
	in->q->inputs = json_array();
	if (!in->q->inputs)
		return no_memory(in);
	for (size_t i = 0; i < json_array_size(messages); i++) {
		int r = read_message(in, &i, messages);

		if (r < 0)
			return r;
	}
	return read_tools(in);
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
	{"logit_bias", read_biases},
	{"stream", read_stream},
	{"stream_options", read_stream_options},
};

static const struct field chat_fields[] = {
	{"max_completion_tokens", read_count},
	{"response_format", read_format},
	{"logprobs", read_logprobs},
	{"top_logprobs", read_top_logprobs},
	{"audio", read_absent},
	{"functions", read_absent},
	{"function_call", read_absent},
	{"prediction", read_absent},
	{"web_search_options", read_absent},
};

static const struct field completion_fields[] = {
	{"best_of", read_one},
	{"echo", read_absent},
	{"logprobs", read_likeliest},
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
	else
		ret->n_inputs = json_array_size(ret->inputs);
	return r;
}

void openai_called(struct openai_request *q, size_t n)
{
	if (q->kind == OPENAI_EMBEDDINGS && n < q->n_inputs) {
		for (size_t i = 0; i < n; i++)
			(void)json_array_set_new(q->inputs, i, json_null());
		return;
	}
	json_decref(q->inputs);
	json_decref(q->options);
	q->inputs = q->options = NULL;
}

void openai_done(struct openai_request *q)
{
	json_decref(q->inputs);
	json_decref(q->options);
	tools_done(&q->tools);
	q->inputs = q->options = NULL;
}
