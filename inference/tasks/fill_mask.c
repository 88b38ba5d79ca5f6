/* fill-mask: the words that a model expects where its mask stands in a text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "inference/tasks/task.h"

#define MASKS_MAX 16 /* of one call: each gives a number for every word there is */
#define TOP_K 5      /* as transformers */
#define TOP_K_MAX 100

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	uint32_t top_k = s->options->sampling.top_k ? s->options->sampling.top_k : TOP_K;
	int r;

	if (s->model->net->head != NET_WORDS || s->model->mask == UINT32_MAX)
		return err_set(e, -ENOTSUP, "%s fills no masks", s->model->id);
	s->job->top_labels = top_k < TOP_K_MAX ? top_k : TOP_K_MAX;
	if (s->job->top_labels > s->model->net->vocab)
		s->job->top_labels = s->model->net->vocab;
	r = task_add_inputs(s, inputs, TASK_MASKS, &in, e);
	if (r == 0 && in.wanted.n > MASKS_MAX)
		r = err_set(
			e, -EMSGSIZE, "inputs: %zu masks, the limit is %d", in.wanted.n, MASKS_MAX);
	return r < 0 ? r : task_read(s, &in, e);
}

/* The sequence as text, with a token at one place. */
static int fill(
	const struct job *job, const struct rows *rows, size_t place, uint32_t id, struct buf *out)
{
	struct decoding d = {0};
	int r = 0;

	buf_clear(out);
	for (size_t i = 0; i < rows->n_ids && r == 0; i++)
		r = tokenizer_decode(
			job->model->tokenizer, &d, i == place ? id : rows->ids[i], out);
	return r;
}

static json_t *show(
	const struct job *job, const struct rows *rows, size_t place, uint32_t id, float score)
{
	const struct tokenizer *t = job->model->tokenizer;
	CLEANUP(buf_done) struct buf sequence, word;
	const char *special;
	size_t n;
	struct decoding alone = {0};

	buf_init(&sequence, TASK_TEXT_MAX * 2);
	buf_init(&word, TASK_TEXT_MAX);
	special = tokenizer_text(t, id, &n) ? NULL : tokenizer_spelling(t, id, &n);
	if ((special ? buf_add(&word, special, n) : tokenizer_decode(t, &alone, id, &word)) < 0 ||
		fill(job, rows, place, id, &sequence) < 0)
		return NULL;
	/* Half a character, as tokens of bytes may be, is no text: json_pack refuses it. */
	return json_pack("{s:o, s:I, s:s%, s:s%}", "score", task_score(score), "token",
		(json_int_t)id, "token_str", buf_str(&word), word.len, "sequence",
		buf_str(&sequence), sequence.len);
}

/* The likeliest tokens at one place; scores are used up. NULL: out of memory. */
static json_t *best_of(const struct job *job, const struct rows *rows, size_t place, float *scores)
{
	json_t *list = json_array();

	for (uint32_t k = 0; list && k < job->top_labels; k++) {
		uint32_t best = 0;
		json_t *one;

		for (uint32_t i = 1; i < rows->width; i++)
			if (scores[i] > scores[best])
				best = i;
		one = show(job, rows, place, best, scores[best]);
		scores[best] = -1;
		if (one && json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int take(struct job *job, const struct rows *rows)
{
	CLEANUP(freep) float *scores = malloc(rows->width * sizeof(*scores));
	json_t *list = json_array();
	size_t place = 0;
	int r = scores && list ? 0 : -ENOMEM;

	for (size_t i = 0; i < rows->n && r == 0; i++, place++) {
		while (rows->ids[place] != job->model->mask)
			place++;
		memcpy(scores, rows->x + i * rows->width, rows->width * sizeof(*scores));
		task_softmax(scores, rows->width);
		r = json_array_append_new(list, best_of(job, rows, place, scores)) < 0 ? -ENOMEM
										       : 0;
	}
	if (r == 0 &&
		json_array_append(job->values, rows->n == 1 ? json_array_get(list, 0) : list) < 0)
		r = -ENOMEM;
	json_decref(list);
	return r;
}

const struct task task_fill_mask = {
	.name = "fill-mask",
	.start = start,
	.take = take,
	.value = task_values,
};
