#include "inference/tasks/task.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct task *const tasks[] = {
	&task_text_classification,
	&task_chat,
	&task_text_generation,
	&task_image_classification,
	&task_zero_shot_image,
	&task_image_features,
	&task_feature_extraction,
	&task_fill_mask,
	&task_token_classification,
	&task_question_answering,
	&task_zero_shot,
	&task_text_ranking,
};

const struct task *task_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		if (!strcmp(tasks[i]->name, name))
			return tasks[i];
	return NULL;
}

int task_text(const json_t *v, const char *name, struct text *ret, struct err *e)
{
	if (!json_is_string(v))
		return err_set(e, -EINVAL, "%s: must be a text", name);
	if (json_string_length(v) > TASK_TEXT_MAX)
		return err_set(e, -EMSGSIZE, "%s: %zu bytes, the limit is %u", name,
			json_string_length(v), TASK_TEXT_MAX);
	*ret = (struct text){json_string_value(v), json_string_length(v)};
	return 0;
}

json_t *task_score(float score)
{
	return json_real(round((double)score * 1e8) / 1e8);
}

void job_done(struct job *job)
{
	if (job->task && job->task->done)
		job->task->done(job);
	json_decref(job->values);
	json_decref(job->inputs);
	job->inputs = NULL;
	free(job->own);
	job->values = NULL;
	job->own = NULL;
}

/* -EINVAL: nothing is wanted. */
static int want(const struct start *s, struct sequences *in, uint32_t from, enum task_rows rows)
{
	size_t before = in->wanted.n;
	int r = 0;

	for (uint32_t i = from; i < in->ids.n && r == 0; i++)
		if (rows == TASK_ALL || (rows == TASK_FIRST && i == from) ||
			(rows == TASK_MASKS && in->ids.ids[i] == s->model->mask))
			r = tokens_add(&in->wanted, i);
	return r < 0 ? r : in->wanted.n > before ? 0 : -EINVAL;
}

void task_texts_done(struct task_texts *t)
{
	tokens_done(&t->kept[0]);
	tokens_done(&t->kept[1]);
}

int task_add(const struct start *s, struct task_texts *t, enum task_rows rows, struct sequences *in,
	struct err *e)
{
	const struct encode_text texts[] = {
		{t->texts[0].s, t->texts[0].n, t->again[0] ? &t->kept[0] : NULL},
		{t->texts[1].s, t->texts[1].n, t->again[1] ? &t->kept[1] : NULL}};
	const struct encode_options how = {.framed = true, .fit = t->fit, .skip = t->skip};
	uint32_t from = in->starts[in->n];
	int r;

	if (in->n == ENGINE_SEQUENCES_MAX)
		return err_set(
			e, -EMSGSIZE, "%s: over %d texts to read", t->name, ENGINE_SEQUENCES_MAX);
	in->ids.max = from + (t->tokens ? t->tokens : s->model->net->context);
	in->ids.want_at = true;
	in->wanted.max = SIZE_MAX;
	r = tokenizer_encode_texts(s->model->tokenizer, texts, t->n, &how, &in->ids, &t->more, e);
	if (r == -EMSGSIZE) {
		*e = (struct err){0};
		(void)model_too_long(s->model, e);
	} else if (r == 0 && in->ids.n == from) {
		r = err_set(e, -EINVAL, "the text has no tokens");
	} else if (r == 0) {
		r = want(s, in, from, rows);
		if (r < 0)
			(void)err_set(e, r,
				r == -ENOMEM ? "out of memory"
					     : "the model's mask is not in the text");
	}
	if (r < 0) {
		(void)err_wrap(e, "%s", t->name);
		return r;
	}
	in->starts[++in->n] = (uint32_t)in->ids.n;
	in->wants[in->n] = (uint32_t)in->wanted.n;
	return 0;
}

static int add_input(const struct start *s, const json_t *v, const char *name, enum task_rows rows,
	struct sequences *in, struct err *e)
{
	struct task_texts t = {
		.name = name, .n = 1, .fit = s->options->truncate ? FIT_LONGEST : FIT_NOT};
	const json_t *pair = json_object_get(v, "text_pair");
	char member[64];
	int r;

	if (!json_is_object(v)) {
		r = task_text(v, name, &t.texts[0], e);
		return r < 0 ? r : task_add(s, &t, rows, in, e);
	}
	(void)snprintf(member, sizeof(member), "%s.text", name);
	r = task_text(json_object_get(v, "text"), member, &t.texts[0], e);
	if (r == 0 && pair) {
		(void)snprintf(member, sizeof(member), "%s.text_pair", name);
		t.n = 2;
		r = task_text(pair, member, &t.texts[1], e);
	}
	return r < 0 ? r : task_add(s, &t, rows, in, e);
}

int task_add_inputs(const struct start *s, const json_t *inputs, enum task_rows rows,
	struct sequences *in, struct err *e)
{
	size_t n = json_array_size(inputs);
	int r = 0;

	s->job->many = json_is_array(inputs);
	if (!s->job->many)
		return add_input(s, inputs, "inputs", rows, in, e);
	if (n == 0 || n > ENGINE_SEQUENCES_MAX)
		return err_set(
			e, -EINVAL, "inputs: %zu texts, must be 1 to %d", n, ENGINE_SEQUENCES_MAX);
	for (size_t i = 0; i < n && r == 0; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "inputs[%zu]", i);
		r = add_input(s, json_array_get(inputs, i), name, rows, in, e);
	}
	return r;
}

static int take(const struct rows *rows, void *to)
{
	struct job *job = to;

	return job->task->take(job, rows);
}

int task_read(const struct start *s, struct sequences *in, struct err *e)
{
	const struct reader reader = {.take = take, .to = s->job};

	s->job->values = json_array();
	if (!s->job->values)
		return err_set(e, -ENOMEM, "out of memory");
	return engine_encode(s->engine, s->model, in, &reader, s->ops, s->data, s->ret, e);
}

json_t *task_values(const struct job *job, const struct outcome *o)
{
	(void)o;
	return json_incref(job->many ? job->values : json_array_get(job->values, 0));
}

size_t task_bytes_of(const char *text, uint32_t code_points)
{
	const char *at = text;

	while (code_points-- > 0 && *at)
		do
			at++;
		while (((uint8_t)*at & 0xc0) == 0x80);
	return (size_t)(at - text);
}

void task_softmax(float *x, size_t n)
{
	float high = x[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		high = x[i] > high ? x[i] : high;
	for (size_t i = 0; i < n; i++)
		sum += x[i] = expf(x[i] - high);
	for (size_t i = 0; i < n; i++)
		x[i] /= sum;
}

uint32_t task_label(const struct model *m, const char *prefix)
{
	for (uint32_t i = 0; i < m->net->n_labels; i++)
		if (!strncasecmp(m->net->labels[i], prefix, strlen(prefix)))
			return i;
	return UINT32_MAX;
}
