/*
 * zero-shot-classification: which of the caller's labels fits a text, by a model that tells whether
 * one text follows from another. Each label is put into a sentence, and that read with the text.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "inference/tasks/task.h"

#define HYPOTHESIS_MAX 8192

struct own {
	uint32_t entailment, other; /* labels; other: for multi_label */
	bool multi_label;
	json_t *labels; /* owned */
	size_t n;       /* of the text at hand, labels that have been read */
	float scores[ENGINE_SEQUENCES_MAX];
};

static int add_label(const struct start *s, struct task_texts *t, size_t i, struct buf *sentence,
	struct sequences *in, struct err *e)
{
	const char *form = s->options->hypothesis_template;
	struct text label = {0};
	const char *gap;
	char name[48];
	int r;

	(void)snprintf(name, sizeof(name), "options.candidate_labels[%zu]", i);
	r = task_text(json_array_get(s->options->candidate_labels, i), name, &label, e);
	if (r < 0)
		return r;
	form = form ? form : "This example is {}.";
	gap = strstr(form, "{}");
	buf_clear(sentence);
	if (buf_add(sentence, form, (size_t)(gap - form)) < 0 ||
		buf_add(sentence, label.s, label.n) < 0 ||
		buf_add(sentence, gap + 2, strlen(gap + 2)) < 0)
		return err_set(e, -EMSGSIZE, "%s: too long", name);
	t->texts[1] = (struct text){buf_str(sentence), sentence->len};
	return task_add(s, t, TASK_FIRST, in, e);
}

static int add_text(const struct start *s, const json_t *v, const char *name, struct sequences *in,
	struct err *e)
{
	CLEANUP(buf_done) struct buf sentence;
	CLEANUP(task_texts_done)
	struct task_texts t = {.name = name,
		.n = 2,
		.fit = s->options->truncate ? FIT_FIRST : FIT_NOT,
		.again = {true}};
	int r = task_text(v, name, &t.texts[0], e);

	buf_init(&sentence, HYPOTHESIS_MAX);
	for (size_t i = 0; i < json_array_size(s->options->candidate_labels) && r == 0; i++)
		r = add_label(s, &t, i, &sentence, in, e);
	return r;
}

static int begin(const struct start *s, const json_t *inputs, struct err *e)
{
	struct own *own = s->job->own = calloc(1, sizeof(*own));

	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	own->entailment = task_label(s->model, "entail");
	own->other = own->entailment == 0 ? s->model->net->n_labels - 1 : 0;
	if (s->model->net->head != NET_SEQUENCE || own->entailment == UINT32_MAX)
		return err_set(e, -ENOTSUP,
			"%s does not tell what follows from a text: none of its labels begins with "
			"\"entail\"",
			s->model->id);
	if (json_array_size(s->options->candidate_labels) == 0)
		return err_set(e, -EINVAL, "options.candidate_labels: must be an array of texts");
	own->labels = json_incref(s->options->candidate_labels);
	own->multi_label = s->options->multi_label || json_array_size(own->labels) == 1;
	s->job->many = json_is_array(inputs);
	s->job->inputs =
		s->job->many ? json_incref((json_t *)inputs) : json_pack("[O]", (json_t *)inputs);
	return s->job->inputs ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	int r = begin(s, inputs, e);

	if (r == 0 && json_array_size(s->job->inputs) == 0)
		r = err_set(e, -EINVAL, "inputs: must be a text or an array of them");
	for (size_t i = 0; r == 0 && i < json_array_size(s->job->inputs); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), s->job->many ? "inputs[%zu]" : "inputs", i);
		r = add_text(s, json_array_get(s->job->inputs, i), name, &in, e);
	}
	return r < 0 ? r : task_read(s, &in, e);
}

/* {sequence, labels, scores}, the best label first. NULL: out of memory. */
static json_t *show(const struct job *job, const json_t *text)
{
	const struct own *own = job->own;
	json_t *labels = json_array(), *scores = json_array();
	bool taken[ENGINE_SEQUENCES_MAX] = {0};

	for (size_t i = 0; i < own->n; i++) {
		size_t best = SIZE_MAX;

		for (size_t j = 0; j < own->n; j++)
			if (!taken[j] && (best == SIZE_MAX || own->scores[j] > own->scores[best]))
				best = j;
		taken[best] = true;
		(void)json_array_append(labels, json_array_get(own->labels, best));
		(void)json_array_append_new(scores, task_score(own->scores[best]));
	}
	return json_pack(
		"{s:O, s:o, s:o}", "sequence", (json_t *)text, "labels", labels, "scores", scores);
}

static int take(struct job *job, const struct rows *rows)
{
	struct own *own = job->own;
	float yes = rows->x[own->entailment];
	const json_t *text;
	int r;

	own->scores[own->n++] = own->multi_label ? 1 / (1 + expf(rows->x[own->other] - yes)) : yes;
	if (own->n < json_array_size(own->labels))
		return 0;
	if (!own->multi_label)
		task_softmax(own->scores, own->n);
	text = json_array_get(job->inputs, json_array_size(job->values));
	r = json_array_append_new(job->values, show(job, text)) < 0 ? -ENOMEM : 0;
	own->n = 0;
	return r;
}

static void done(struct job *job)
{
	struct own *own = job->own;

	if (own)
		json_decref(own->labels);
}

const struct task task_zero_shot = {
	.name = "zero-shot-classification",
	.start = start,
	.take = take,
	.value = task_values,
	.done = done,
};
