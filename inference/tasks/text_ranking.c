/* text-ranking: how well documents answer a query, by a model that reads both together. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tasks/task.h"

struct own {
	uint32_t entailment; /* of a model without a label of its own for this; else UINT32_MAX */
	uint32_t top_k;      /* 0: all */
	size_t n;
	float scores[ENGINE_SEQUENCES_MAX];
};

static int add_document(const struct start *s, struct task_texts *t, const json_t *document,
	size_t i, struct sequences *in, struct err *e)
{
	char name[40];
	int r;

	(void)snprintf(name, sizeof(name), "inputs.documents[%zu]", i);
	t->name = name;
	r = task_text(document, name, &t->texts[1], e);
	return r < 0 ? r : task_add(s, t, TASK_FIRST, in, e);
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	const json_t *documents = json_object_get(inputs, "documents");
	struct task_texts t = {.n = 2, .fit = s->options->truncate ? FIT_LONGEST : FIT_NOT};
	struct own *own = s->job->own = calloc(1, sizeof(*own));
	size_t n = json_array_size(documents);
	int r;

	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	own->entailment = task_label(s->model, "entail");
	own->top_k = s->options->sampling.top_k;
	if (s->model->net->head != NET_SEQUENCE ||
		(s->model->net->n_labels != 1 && own->entailment == UINT32_MAX))
		return err_set(e, -ENOTSUP,
			"%s does not rank: it has neither one label nor one "
			"that begins with \"entail\"",
			s->model->id);
	if (n == 0 || n > ENGINE_SEQUENCES_MAX)
		return err_set(e, -EINVAL, "inputs.documents: %zu texts, must be 1 to %d", n,
			ENGINE_SEQUENCES_MAX);
	r = task_text(json_object_get(inputs, "query"), "inputs.query", &t.texts[0], e);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_document(s, &t, json_array_get(documents, i), i, &in, e);
	return r < 0 ? r : task_read(s, &in, e);
}

static int take(struct job *job, const struct rows *rows)
{
	struct own *own = job->own;
	float all[NET_LABELS_MAX];

	if (rows->width == 1) {
		own->scores[own->n++] = 1 / (1 + expf(-rows->x[0]));
		return 0;
	}
	memcpy(all, rows->x, rows->width * sizeof(float));
	task_softmax(all, rows->width);
	own->scores[own->n++] = all[own->entailment];
	return 0;
}

/* The best first. */
static json_t *value(const struct job *job, const struct outcome *o)
{
	const struct own *own = job->own;
	bool taken[ENGINE_SEQUENCES_MAX] = {0};
	size_t n = own->top_k > 0 && own->top_k < own->n ? own->top_k : own->n;
	json_t *list = json_array();

	(void)o;
	for (size_t i = 0; list && i < n; i++) {
		size_t best = SIZE_MAX;

		for (size_t j = 0; j < own->n; j++)
			if (!taken[j] && (best == SIZE_MAX || own->scores[j] > own->scores[best]))
				best = j;
		taken[best] = true;
		if (json_array_append_new(list, json_pack("{s:I, s:o}", "index", (json_int_t)best,
							"score", task_score(own->scores[best]))) <
			0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

const struct task task_text_ranking = {
	.name = "text-ranking",
	.start = start,
	.take = take,
	.value = value,
};
