/*
 * What can be asked about a picture: its label, which of the caller's texts fits it, its place in
 * the space that texts share. The pixels follow the message.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "inference/tasks/task.h"

#define HYPOTHESIS "This is a photo of {}." /* as transformers */
#define LABEL_MAX 1024

/* inputs: {width, height} of the pixels behind the message, as the model wants them. */
static int check_picture(const struct start *s, const json_t *inputs, struct err *e)
{
	const struct sight *sight = &s->model->sight;
	int64_t width, height;

	if (!s->model->net->family->look)
		return err_set(e, -ENOTSUP, "%s does not look at pictures", s->model->id);
	if (json_get_int(inputs, "width", 1, INT32_MAX, &width, e) < 0 ||
		json_get_int(inputs, "height", 1, INT32_MAX, &height, e) < 0) {
		(void)err_wrap(e, "inputs");
		return -EINVAL;
	}
	if (width != sight->width || height != sight->height)
		return err_set(e, -EINVAL, "inputs: %lld × %lld pixels, %s wants %u × %u",
			(long long)width, (long long)height, s->model->id, sight->width,
			sight->height);
	if (!s->raw)
		return err_set(e, -EINVAL, "inputs: no pixels follow the call");
	return 0;
}

static int look(const struct start *s, const struct text *texts, size_t n, struct err *e)
{
	const struct sights sights = {s->raw, s->n_raw, texts, n};
	int r = engine_look(s->engine, s->model, &sights, s->ops, s->data, s->ret, e);

	return r < 0 ? err_wrap(e, "inputs") : 0;
}

/* --- the best of some scores --- */

typedef const char *name_of(const struct job *job, size_t i);

static json_t *ranked(const struct job *job, const float *scores, size_t n, name_of *name)
{
	json_t *list = json_array();
	bool taken[NET_LABELS_MAX] = {0};

	for (size_t i = 0; list && i < n && i < job->top_labels; i++) {
		size_t best = SIZE_MAX;

		for (size_t j = 0; j < n; j++)
			if (!taken[j] && (best == SIZE_MAX || scores[j] > scores[best]))
				best = j;
		taken[best] = true;
		if (json_array_append_new(list, json_pack("{s:s, s:o}", "label", name(job, best),
							"score", task_score(scores[best]))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static void softmax(float *x, size_t n)
{
	float high = x[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		high = x[i] > high ? x[i] : high;
	for (size_t i = 0; i < n; i++)
		sum += x[i] = expf(x[i] - high);
	for (size_t i = 0; i < n; i++)
		x[i] /= sum;
}

/* --- image-classification --- */

static int start_labels(const struct start *s, const json_t *inputs, struct err *e)
{
	int r = check_picture(s, inputs, e);

	if (r == 0 && s->model->net->joint)
		r = err_set(e, -ENOTSUP, "%s has no labels of its own; name some: %s", s->model->id,
			task_zero_shot_image.name);
	s->job->top_labels = s->options->top_labels;
	return r < 0 ? r : look(s, NULL, 0, e);
}

static const char *label_of(const struct job *job, size_t i)
{
	return job->model->net->labels[i];
}

static json_t *labels_value(const struct job *job, const struct outcome *o)
{
	float scores[NET_LABELS_MAX];
	size_t n = o->seen_width;

	memcpy(scores, o->seen, n * sizeof(*scores));
	if (job->model->net->independent)
		for (size_t i = 0; i < n; i++)
			scores[i] = 1 / (1 + expf(-scores[i]));
	else
		softmax(scores, n);
	return ranked(job, scores, n, label_of);
}

const struct task task_image_classification = {
	.name = "image-classification",
	.start = start_labels,
	.value = labels_value,
};

/* --- zero-shot-image-classification --- */

/* The template with the label where its braces are. */
static int add_hypothesis(struct buf *to, const char *template, const char *label)
{
	const char *hole = strstr(template, "{}");
	int r = buf_add(to, template, (size_t)(hole - template));

	if (r == 0)
		r = buf_add(to, label, strlen(label));
	if (r == 0)
		r = buf_add(to, hole + 2, strlen(hole + 2) + 1); /* the NUL parts them */
	return r;
}

static int check_labels(const struct options *o, struct err *e)
{
	const json_t *label;
	size_t i, n = json_array_size(o->candidate_labels);

	if (n == 0 || n > SIGHTS_TEXTS_MAX)
		return err_set(e, -EINVAL, "options.candidate_labels: must be 1 to %d texts",
			SIGHTS_TEXTS_MAX);
	json_array_foreach(o->candidate_labels, i, label)
	{
		size_t length = json_string_length(label);

		if (!json_is_string(label) || length == 0 || length > LABEL_MAX ||
			strlen(json_string_value(label)) != length)
			return err_set(e, -EINVAL,
				"options.candidate_labels[%zu]: must be a text of 1 to %d bytes", i,
				LABEL_MAX);
	}
	return 0;
}

static int start_zero_shot(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(buf_done) struct buf all;
	const char *template = s->options->hypothesis_template;
	struct text texts[SIGHTS_TEXTS_MAX];
	const json_t *label;
	const char *at;
	size_t i, n = json_array_size(s->options->candidate_labels);
	int r = check_picture(s, inputs, e);

	buf_init(&all, 1 << 20);
	if (r == 0)
		r = check_labels(s->options, e);
	if (r < 0)
		return r;
	json_array_foreach(s->options->candidate_labels, i, label)
	{
		r = add_hypothesis(
			&all, template ? template : HYPOTHESIS, json_string_value(label));
		if (r < 0)
			return err_set(e, -EMSGSIZE, "options.candidate_labels: over 1 MiB");
	}
	at = buf_str(&all);
	for (i = 0; i < n; i++, at += texts[i - 1].n + 1)
		texts[i] = (struct text){at, strlen(at)};
	s->job->top_labels = s->options->top_labels;
	s->job->values = json_incref(s->options->candidate_labels);
	return look(s, texts, n, e);
}

static float length_of(const float *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return sum > 0 ? (float)sqrt(sum) : 1;
}

static const char *candidate_of(const struct job *job, size_t i)
{
	return json_string_value(json_array_get(job->values, i));
}

static json_t *zero_shot_value(const struct job *job, const struct outcome *o)
{
	float scores[SIGHTS_TEXTS_MAX], picture = length_of(o->seen, o->seen_width);
	size_t n = o->n_seen - 1;

	for (size_t i = 0; i < n; i++) {
		const float *text = o->seen + (i + 1) * o->seen_width;
		double sum = 0;

		for (size_t k = 0; k < o->seen_width; k++)
			sum += (double)text[k] * (double)o->seen[k];
		scores[i] = job->model->net->joint_scale * (float)sum /
			    (picture * length_of(text, o->seen_width));
	}
	softmax(scores, n);
	return ranked(job, scores, n, candidate_of);
}

const struct task task_zero_shot_image = {
	.name = "zero-shot-image-classification",
	.start = start_zero_shot,
	.value = zero_shot_value,
};

/* --- image-feature-extraction --- */

static int start_features(const struct start *s, const json_t *inputs, struct err *e)
{
	int r = check_picture(s, inputs, e);

	if (r == 0 && !s->model->net->joint)
		r = err_set(e, -ENOTSUP, "%s gives no features, only labels", s->model->id);
	return r < 0 ? r : look(s, NULL, 0, e);
}

static json_t *features_value(const struct job *job, const struct outcome *o)
{
	json_t *list = json_array();
	float length = length_of(o->seen, o->seen_width);

	(void)job;
	for (size_t i = 0; list && i < o->seen_width; i++)
		if (json_array_append_new(list, task_score(o->seen[i] / length)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

const struct task task_image_features = {
	.name = "image-feature-extraction",
	.start = start_features,
	.value = features_value,
};
