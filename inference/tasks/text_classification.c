/* text-classification: how likely each of the model's labels is. */
#include <errno.h>
#include <stdio.h>

#include "inference/tasks/task.h"

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	struct text texts[ENGINE_TEXTS_MAX];
	size_t n = json_array_size(inputs);
	int r = 0;

	s->job->top_labels = s->options->top_labels;
	s->job->many = json_is_array(inputs);
	if (s->job->many && (n == 0 || n > ENGINE_TEXTS_MAX))
		return err_set(
			e, -EINVAL, "inputs: %zu texts, must be 1 to %d", n, ENGINE_TEXTS_MAX);
	for (size_t i = 0; i < n && r == 0; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "inputs[%zu]", i);
		r = task_text(json_array_get(inputs, i), name, &texts[i], e);
	}
	if (!s->job->many) {
		n = 1;
		r = task_text(inputs, "inputs", &texts[0], e);
	}
	if (r < 0)
		return r;
	r = engine_classify(s->engine, s->model, texts, n, s->ops, s->data, s->ret, e);
	return r < 0 ? err_wrap(e, "inputs") : 0;
}

static json_t *labels_of(const struct job *job, const float *scores, size_t n)
{
	json_t *list = json_array();
	bool taken[NET_LABELS_MAX] = {0};

	for (size_t i = 0; list && i < n && i < job->top_labels; i++) {
		size_t best = SIZE_MAX;

		for (size_t j = 0; j < n; j++)
			if (!taken[j] && (best == SIZE_MAX || scores[j] > scores[best]))
				best = j;
		taken[best] = true;
		if (json_array_append_new(
			    list, json_pack("{s:s, s:o}", "label", job->model->net->labels[best],
					  "score", task_score(scores[best]))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *value(const struct job *job, const struct outcome *o)
{
	json_t *list;

	if (!job->many)
		return labels_of(job, o->scores, o->n_labels);
	list = json_array();
	for (size_t i = 0; list && i < o->n_texts; i++)
		if (json_array_append_new(
			    list, labels_of(job, o->scores + i * o->n_labels, o->n_labels)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

const struct task task_text_classification = {
	.name = "text-classification",
	.start = start,
	.value = value,
};
