/*
 * question-answering: the piece of a text that answers a question. A long text is read in windows
 * that overlap; spans are searched as transformers 4's QuestionAnsweringPipeline did.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/tasks/task.h"

#define WINDOW_MAX 384  /* tokens */
#define OVERLAP_MAX 128 /* of two windows */
#define ANSWERS_MAX 20

struct answer {
	float score;
	uint32_t from, to; /* code points of the context */
};

struct own {
	uint32_t top_k, max_length;
	bool impossible; /* "" is an answer */
	float nothing;   /* how likely, where so */
	size_t n;
	struct answer answers[ANSWERS_MAX + 1]; /* the best first */
};

/* Tokens of the second text in the sequence that was added last. */
static size_t count_context(const struct sequences *in)
{
	size_t n = 0;

	for (uint32_t i = in->starts[in->n - 1]; i < in->starts[in->n]; i++)
		n += in->ids.at[i].text == 1 && !in->ids.at[i].special;
	return n;
}

static int add_windows(
	const struct start *s, struct task_texts *t, struct sequences *in, struct err *e)
{
	uint32_t most = s->model->net->context < WINDOW_MAX ? s->model->net->context : WINDOW_MAX;
	size_t overlap = most / 2 < OVERLAP_MAX ? most / 2 : OVERLAP_MAX;
	int r = 0;

	t->tokens = most;
	for (t->more = true; t->more && r == 0;) {
		size_t n;

		r = task_add(s, t, TASK_ALL, in, e);
		if (r < 0)
			return r;
		n = count_context(in);
		if (t->more && n <= overlap)
			return err_set(e, -EMSGSIZE,
				"inputs.question: leaves no room for the "
				"context in a window of %u tokens",
				most);
		t->skip += n - overlap;
	}
	return r;
}

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	CLEANUP(task_texts_done)
	struct task_texts t = {.name = "inputs", .n = 2, .fit = FIT_SECOND, .again = {true, true}};
	struct own *own = s->job->own = calloc(1, sizeof(*own));
	uint32_t top_k = s->options->sampling.top_k;
	int r;

	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	if (s->model->net->head != NET_SPANS)
		return err_set(e, -ENOTSUP, "%s answers no questions", s->model->id);
	own->top_k = top_k == 0 ? 1 : top_k < ANSWERS_MAX ? top_k : ANSWERS_MAX;
	own->max_length = s->options->max_answer_len;
	own->impossible = s->options->handle_impossible_answer;
	own->nothing = 1e6F;
	r = task_text(json_object_get(inputs, "question"), "inputs.question", &t.texts[0], e);
	if (r == 0)
		r = task_text(json_object_get(inputs, "context"), "inputs.context", &t.texts[1], e);
	if (r == 0)
		r = add_windows(s, &t, &in, e);
	if (r < 0)
		return r;
	s->job->inputs = json_incref((json_t *)inputs);
	return task_read(s, &in, e);
}

/* Keeps the best answers, each place in the text once. */
static void keep(struct own *own, struct answer a)
{
	size_t i = 0;

	for (size_t j = 0; j < own->n; j++)
		if (own->answers[j].from == a.from && own->answers[j].to == a.to) {
			if (own->answers[j].score >= a.score)
				return;
			memmove(&own->answers[j], &own->answers[j + 1], (--own->n - j) * sizeof(a));
			break;
		}
	while (i < own->n && own->answers[i].score >= a.score)
		i++;
	if (i >= own->top_k)
		return;
	memmove(&own->answers[i + 1], &own->answers[i], (own->n - i) * sizeof(a));
	own->answers[i] = a;
	if (own->n < own->top_k)
		own->n++;
}

static bool in_context(const struct rows *rows, size_t t)
{
	return rows->at[t].text == 1 && !rows->at[t].special;
}

/* From the beginning of the first token's word to the end of the last one's. */
static struct answer whole_words(const struct rows *rows, size_t first, size_t last, float score)
{
	uint32_t word = rows->at[first].word;

	while (word != UINT32_MAX && first > 0 && in_context(rows, first - 1) &&
		rows->at[first - 1].word == word)
		first--;
	word = rows->at[last].word;
	while (word != UINT32_MAX && last + 1 < rows->n_ids && in_context(rows, last + 1) &&
		rows->at[last + 1].word == word)
		last++;
	return (struct answer){score, rows->at[first].from, rows->at[last].to};
}

/* Two columns of the rows as probabilities of a place in the context, or of the first token, which
 * stands for there being no answer. */
static void to_places(const struct rows *rows, float *starts, float *ends)
{
	for (size_t t = 0; t < rows->n_ids; t++) {
		bool may = t == 0 || in_context(rows, t);

		starts[t] = may ? rows->x[2 * t] : -10000;
		ends[t] = may ? rows->x[2 * t + 1] : -10000;
	}
	task_softmax(starts, rows->n_ids);
	task_softmax(ends, rows->n_ids);
}

static int take(struct job *job, const struct rows *rows)
{
	struct own *own = job->own;
	size_t n = rows->n_ids;
	CLEANUP(freep) float *starts = malloc(2 * n * sizeof(*starts));
	float *ends = starts + n;

	if (!starts)
		return -ENOMEM;
	to_places(rows, starts, ends);
	own->nothing = fminf(own->nothing, starts[0] * ends[0]);
	for (size_t s = 1; s < n; s++)
		for (size_t t = s; in_context(rows, s) && t < n && t < s + own->max_length; t++) {
			float score = starts[s] * ends[t];

			if (in_context(rows, t) &&
				(own->n < own->top_k || score > own->answers[own->n - 1].score))
				keep(own, whole_words(rows, s, t, score));
		}
	return 0;
}

static json_t *show(const struct answer *a, const char *context)
{
	size_t from = task_bytes_of(context, a->from), to = task_bytes_of(context, a->to);

	return json_pack("{s:s%, s:o, s:I, s:I}", "answer", context + from, to - from, "score",
		task_score(a->score), "start", (json_int_t)a->from, "end", (json_int_t)a->to);
}

static json_t *value(const struct job *job, const struct outcome *o)
{
	struct own *own = job->own;
	const char *context = json_string_value(json_object_get(job->inputs, "context"));
	json_t *list = json_array(), *best;

	(void)o;
	if (own->impossible)
		keep(own, (struct answer){own->nothing, 0, 0});
	for (size_t i = 0; list && i < own->n; i++)
		(void)json_array_append_new(list, show(&own->answers[i], context));
	if (own->top_k > 1 || json_array_size(list) == 0)
		return list;
	best = json_incref(json_array_get(list, 0));
	json_decref(list);
	return best;
}

const struct task task_question_answering = {
	.name = "question-answering",
	.start = start,
	.take = take,
	.value = value,
};
