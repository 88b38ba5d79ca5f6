#include "gateway/adapters/pipelines.h"

#include <errno.h>
#include <string.h>

/* --- tasks and their parameters --- */

struct parameter {
	const char *name;
	const char *option; /* of inference; NULL: the same name. "": it changes nothing here */
};

struct shape {
	const char *task;
	struct parameter parameters[16];
	json_t *(*answer)(const struct pipeline_request *q, json_t *value); /* NULL: as it is */
	const char *runs; /* as this task of inference's; NULL: as itself */
	bool sees;
};

/* One text gives one list of labels, which clients take in an array of its own. */
static json_t *answer_labels(const struct pipeline_request *q, json_t *value)
{
	return json_is_array(q->inputs) ? json_incref(value) : json_pack("[O]", value);
}

static json_t *answer_text(const struct pipeline_request *q, json_t *value)
{
	const char *text = json_string_value(json_object_get(value, "text"));

	if (!text)
		return NULL;
	return json_pack("[{s:s+}]", "generated_text",
		q->whole_text ? json_string_value(q->inputs) : "", text);
}

static const struct shape shapes[] = {
	{"text-classification",
		{{"top_k", "top_labels"}, {"function_to_apply", ""}, {"truncation", ""}},
		answer_labels, NULL},
	{"feature-extraction",
		{{"normalize", NULL}, {"pooling", NULL}, {"truncate", NULL}, {"truncation", ""},
			{"truncation_direction", ""}},
		NULL, NULL},
	{"fill-mask", {{"top_k", NULL}}, NULL, NULL},
	{"token-classification", {{"aggregation_strategy", NULL}}, NULL, NULL},
	{"question-answering",
		{{"top_k", NULL}, {"max_answer_len", NULL}, {"handle_impossible_answer", NULL},
			{"align_to_words", ""}},
		NULL, NULL},
	{"zero-shot-classification",
		{{"candidate_labels", NULL}, {"hypothesis_template", NULL}, {"multi_label", NULL}},
		NULL, NULL},
	{"text-ranking", {{"top_k", NULL}}, NULL, NULL},
	{"text-generation",
		{{"max_new_tokens", "max_tokens"}, {"temperature", NULL}, {"top_k", NULL},
			{"top_p", NULL}, {"seed", NULL}, {"stop", NULL}, {"stop_sequences", "stop"},
			{"repetition_penalty", NULL}, {"frequency_penalty", NULL},
			{"do_sample", ""}, {"return_full_text", ""}, {"details", ""},
			{"truncate", ""}},
		answer_text, NULL},
	{"image-classification", {{"top_k", "top_labels"}, {"function_to_apply", ""}}, NULL, NULL,
		true},
	{"zero-shot-image-classification",
		{{"candidate_labels", NULL}, {"hypothesis_template", NULL}}, NULL, NULL, true},
	{"image-feature-extraction", {{0}}, NULL, NULL, true},
	{"chat", {{0}}, NULL, "text-generation"},
};

static const struct shape *find_shape(const char *task)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (!strcmp(shapes[i].task, task))
			return shapes[i].runs ? find_shape(shapes[i].runs) : &shapes[i];
	return NULL;
}

const char *pipeline_task(const char *name)
{
	const struct shape *shape = find_shape(name);

	return shape ? shape->task : NULL;
}

bool pipeline_sees(const char *task)
{
	const struct shape *shape = find_shape(task);

	return shape && shape->sees;
}

const char *pipeline_picture(const json_t *body, size_t *ret_n)
{
	const json_t *v = json_object_get(body, "inputs");

	if (json_is_object(v))
		v = json_object_get(v, "image");
	*ret_n = json_string_length(v);
	return json_string_value(v);
}

/* --- reading --- */

static const struct parameter *find_parameter(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < sizeof(shape->parameters) / sizeof(shape->parameters[0]); i++)
		if (shape->parameters[i].name && !strcmp(shape->parameters[i].name, name))
			return &shape->parameters[i];
	return NULL;
}

static int take_parameter(const struct shape *shape, struct pipeline_request *q, const char *name,
	json_t *v, struct err *e)
{
	const struct parameter *p = find_parameter(shape, name);

	if (!p)
		return err_set(
			e, -EINVAL, "parameters.%.40s: is not supported for %s", name, shape->task);
	if (json_is_null(v) || (p->option && !*p->option))
		return 0;
	return json_object_set(q->options, p->option ? p->option : name, v) < 0
		       ? err_set(e, -ENOMEM, "out of memory")
		       : 0;
}

static int take_parameters(
	const struct shape *shape, struct pipeline_request *q, json_t *parameters, struct err *e)
{
	const char *name;
	json_t *v;

	if (!parameters || json_is_null(parameters))
		return 0;
	if (!json_is_object(parameters))
		return err_set(e, -EINVAL, "parameters: must be an object");
	json_object_foreach(parameters, name, v)
	{
		int r = take_parameter(shape, q, name, v, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Some clients write parameters beside the inputs; whatever else is there is not ours. */
static int take_others(const struct shape *shape, struct pipeline_request *q, json_t *body)
{
	const char *name;
	struct err ignored;
	json_t *v;

	json_object_foreach(
		body, name, v) if (find_parameter(shape, name) &&
				   take_parameter(shape, q, name, v, &ignored) < 0) return -ENOMEM;
	return 0;
}

/* In greedy search nothing is drawn, whatever the temperature. */
static int settle_text(struct pipeline_request *q, const json_t *parameters, struct err *e)
{
	if (!json_is_string(q->inputs))
		return err_set(e, -EINVAL, "inputs: must be a text");
	q->whole_text = !json_is_false(json_object_get(parameters, "return_full_text"));
	if (json_is_false(json_object_get(parameters, "do_sample")) &&
		json_object_set_new(q->options, "temperature", json_integer(0)) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	return 0;
}

int pipeline_read(const char *task, json_t *body, struct pipeline_request *ret, struct err *e)
{
	const struct shape *shape = find_shape(task);
	json_t *inputs = json_object_get(body, "inputs");
	json_t *parameters = json_object_get(body, "parameters");
	int r;

	if (!json_is_object(body))
		return err_set(e, -EINVAL, "the body must be a JSON object");
	if (!inputs || json_is_null(inputs))
		return err_set(e, -EINVAL, "inputs: missing");
	if (json_is_true(json_object_get(body, "stream")))
		return err_set(e, -EINVAL,
			"stream: texts are streamed by v1/completions below the model's path");
	*ret = (struct pipeline_request){
		.task = shape->task, .inputs = json_incref(inputs), .options = json_object()};
	r = ret->options ? take_parameters(shape, ret, parameters, e)
			 : err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = take_others(shape, ret, body);
	if (r == 0 && !strcmp(shape->task, "text-generation"))
		r = settle_text(ret, parameters, e);
	if (r < 0)
		pipeline_done(ret);
	return r;
}

void pipeline_called(struct pipeline_request *q)
{
	json_t *left = json_is_array(q->inputs)     ? json_array()
		       : q->whole_text && q->inputs ? json_incref(q->inputs)
						    : NULL;

	json_decref(q->inputs);
	json_decref(q->options);
	q->inputs = left;
	q->options = NULL;
}

void pipeline_done(struct pipeline_request *q)
{
	json_decref(q->inputs);
	json_decref(q->options);
	q->inputs = q->options = NULL;
}

json_t *pipeline_answer(const struct pipeline_request *q, json_t *value)
{
	const struct shape *shape = find_shape(q->task);

	return shape->answer ? shape->answer(q, value) : json_incref(value);
}
