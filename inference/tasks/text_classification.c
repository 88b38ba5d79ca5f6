/* text-classification: how likely each of the model's labels is. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "inference/tasks/task.h"

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	int r;

	if (s->model->net->head != NET_SEQUENCE)
		return err_set(e, -ENOTSUP, "%s does not classify", s->model->id);
	s->job->top_labels = s->options->top_labels;
	if (s->options->sampling.top_k > 0 && s->options->sampling.top_k < s->job->top_labels)
		s->job->top_labels = s->options->sampling.top_k; /* as transformers calls it */
	r = task_add_inputs(s, inputs, TASK_FIRST, &in, e);
	return r < 0 ? r : task_read(s, &in, e);
}

/* Logits to probabilities. */
static void to_scores(const struct net *net, const float *x, float *ret)
{
	if (net->independent) {
		for (uint32_t i = 0; i < net->n_labels; i++)
			ret[i] = 1 / (1 + expf(-x[i]));
		return;
	}
	memcpy(ret, x, net->n_labels * sizeof(*ret));
	task_softmax(ret, net->n_labels);
}

/* The best labels first. NULL: out of memory. */
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

static int take(struct job *job, const struct rows *rows)
{
	float scores[NET_LABELS_MAX];

	to_scores(job->model->net, rows->x, scores);
	return json_array_append_new(job->values, labels_of(job, scores, rows->width)) < 0 ? -ENOMEM
											   : 0;
}

const struct task task_text_classification = {
	.name = "text-classification",
	.start = start,
	.take = take,
	.value = task_values,
};
