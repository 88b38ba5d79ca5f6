/* feature-extraction: a vector for each text, pooled as its model says, or one for each token. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tasks/task.h"

#define NUMBERS_MAX 80000 /* of one value; with 8 digits after the point they make 1 MiB */

struct own {
	struct pooled how;
	float pooled[]; /* scratch; one vector */
};

static int check_size(
	const struct own *own, const struct model *m, const struct sequences *in, struct err *e)
{
	size_t rows = own->how.pooling == POOLING_NONE ? in->ids.n : in->n;

	if (rows <= NUMBERS_MAX / m->net->hidden)
		return 0;
	return err_set(e, -EMSGSIZE, "inputs: %zu vectors of %u numbers, the limit is %d numbers",
		rows, m->net->hidden, NUMBERS_MAX);
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {.headless = true};
	const struct options *o = s->options;
	struct own *own;
	int r;

	if (!s->model->net->family->encode)
		return err_set(e, -ENOTSUP, "%s gives no vectors", s->model->id);
	own = s->job->own = calloc(1, sizeof(*own) + s->model->net->hidden * sizeof(float));
	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	own->how = o->pooled;
	r = task_add_inputs(
		s, inputs, own->how.pooling == POOLING_CLS ? TASK_FIRST : TASK_ALL, &in, e);
	if (r == 0)
		r = check_size(own, s->model, &in, e);
	return r < 0 ? r : task_read(s, &in, e);
}

static json_t *vector_of(const float *x, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, task_score(x[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *vectors_of(struct own *own, const struct rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < rows->n; i++) {
		memcpy(own->pooled, rows->x + i * rows->width, rows->width * sizeof(float));
		if (own->how.normalize)
			pooling_normalize(own->pooled, rows->width);
		if (json_array_append_new(list, vector_of(own->pooled, rows->width)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int take(struct job *job, const struct rows *rows)
{
	struct own *own = job->own;
	json_t *value;

	if (own->how.pooling == POOLING_NONE) {
		value = vectors_of(own, rows);
	} else {
		pooling_apply(&own->how, rows->x, rows->n, rows->width, own->pooled);
		value = vector_of(own->pooled, rows->width);
	}
	return json_array_append_new(job->values, value) < 0 ? -ENOMEM : 0;
}

const struct task task_feature_extraction = {
	.name = "feature-extraction",
	.start = start,
	.take = take,
	.value = task_values,
};
