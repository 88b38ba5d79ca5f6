/*
 * token-classification: which tokens, words or groups of them are a name, a place or whatever the
 * model's labels are. Aggregation as transformers' TokenClassificationPipeline.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "inference/tasks/task.h"

#define WORD_MAX 65536

struct own {
	enum aggregation aggregation;
};

/* A token, a word, or a group of them. */
struct piece {
	uint32_t first, last; /* tokens */
	uint32_t label;
	double score; /* of a group: the sum of its members' */
	uint32_t members;
};

static int start(const struct start *s, const json_t *inputs, struct err *e)
{
	CLEANUP(sequences_done) struct sequences in = {0};
	struct own *own;
	int r;

	if (s->model->net->head != NET_TOKENS)
		return err_set(e, -ENOTSUP, "%s does not label tokens", s->model->id);
	own = s->job->own = calloc(1, sizeof(*own));
	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	own->aggregation = s->options->aggregation;
	r = task_add_inputs(s, inputs, TASK_ALL, &in, e);
	if (r < 0)
		return r;
	s->job->inputs =
		s->job->many ? json_incref((json_t *)inputs) : json_pack("[O]", (json_t *)inputs);
	return s->job->inputs ? task_read(s, &in, e) : err_set(e, -ENOMEM, "out of memory");
}

/* --- words --- */

static uint32_t best_of(const float *scores, size_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (scores[i] > scores[best])
			best = i;
	return best;
}

/* The label of a word, from those of its tokens. */
static void label_word(enum aggregation how, const float *scores, size_t width, struct piece *word)
{
	float mean[NET_LABELS_MAX] = {0};
	const float *best = scores + word->first * width;

	if (how == AGGREGATE_AVERAGE) {
		for (uint32_t t = word->first; t <= word->last; t++)
			for (size_t i = 0; i < width; i++)
				mean[i] += scores[t * width + i] /
					   (float)(word->last - word->first + 1);
		best = mean;
	}
	for (uint32_t t = word->first + 1; how == AGGREGATE_MAX && t <= word->last; t++)
		if (scores[t * width + best_of(scores + t * width, width)] >
			best[best_of(best, width)])
			best = scores + t * width;
	word->label = best_of(best, width);
	word->score = (double)best[word->label];
	word->members = 1;
}

/* Tokens, or where the strategy is about words these. Returns how many. */
static size_t find_pieces(
	enum aggregation how, const struct rows *rows, const float *scores, struct piece *ret)
{
	bool words = how == AGGREGATE_FIRST || how == AGGREGATE_AVERAGE || how == AGGREGATE_MAX;
	uint32_t word = UINT32_MAX;
	size_t n = 0;

	for (uint32_t t = 0; t < rows->n_ids; t++) {
		if (rows->at[t].special)
			continue;
		if (words && n > 0 && rows->at[t].word == word && word != UINT32_MAX)
			ret[n - 1].last = t;
		else
			ret[n++] = (struct piece){.first = t, .last = t};
		word = rows->at[t].word;
	}
	for (size_t i = 0; i < n; i++)
		label_word(how, scores, rows->width, &ret[i]);
	return n;
}

/* --- groups --- */

/* A label without the "B-" or "I-" before it; *ret_begins: it had a B. */
static const char *tag_of(const struct model *m, uint32_t label, bool *ret_begins)
{
	const char *name = m->net->labels[label];

	*ret_begins = !strncmp(name, "B-", 2);
	return *ret_begins || !strncmp(name, "I-", 2) ? name + 2 : name;
}

/* Joins neighbours of one tag, in place. Returns how many are left. */
static size_t group(const struct model *m, struct piece *pieces, size_t n)
{
	size_t groups = 0;
	uint32_t last = 0; /* label of the last member */

	for (size_t i = 0; i < n; i++) {
		bool begins, ignored;
		const char *tag = tag_of(m, pieces[i].label, &begins);
		uint32_t label = pieces[i].label;

		if (groups > 0 && !begins && !strcmp(tag, tag_of(m, last, &ignored))) {
			pieces[groups - 1].last = pieces[i].last;
			pieces[groups - 1].score += pieces[i].score;
			pieces[groups - 1].members++;
		} else {
			pieces[groups++] = pieces[i];
		}
		last = label;
	}
	return groups;
}

/* --- the value --- */

/* What stands in the text from one token to another. */
static struct text slice(const struct rows *rows, const struct piece *p, const char *text)
{
	size_t from = task_bytes_of(text, rows->at[p->first].from);
	size_t to = task_bytes_of(text, rows->at[p->last].to);

	return (struct text){text + from, to > from ? to - from : 0};
}

/* The tokens as the tokenizer spells them; an unknown one as it stands in the text. */
static int spell(const struct job *job, const struct rows *rows, const struct piece *p,
	const char *text, struct buf *out)
{
	struct decoding d = {0};
	int r = 0;

	for (uint32_t t = p->first; t <= p->last && r == 0; t++) {
		const struct piece one = {.first = t, .last = t};
		struct text as_is = slice(rows, &one, text);
		size_t n;

		if (tokenizer_text(job->model->tokenizer, rows->ids[t], &n)) {
			r = tokenizer_decode(job->model->tokenizer, &d, rows->ids[t], out);
			continue;
		}
		/* As transformers cleans up: no space before these. */
		if (out->len > 0 && !(as_is.n == 1 && strchr(".?!,", as_is.s[0])))
			r = buf_add(out, " ", 1);
		if (r == 0)
			r = buf_add(out, as_is.s, as_is.n);
		d.tokens++;
	}
	return r;
}

static json_t *show_token(
	const struct job *job, const struct rows *rows, const struct piece *p, const char *text)
{
	struct text word = slice(rows, p, text);
	size_t n;
	const char *spelled = tokenizer_text(job->model->tokenizer, rows->ids[p->first], &n);

	if (spelled)
		word = (struct text){spelled, n};
	return json_pack("{s:s, s:o, s:I, s:s%, s:I, s:I}", "entity",
		job->model->net->labels[p->label], "score", task_score((float)p->score), "index",
		(json_int_t)p->first, "word", word.s, word.n, "start",
		(json_int_t)rows->at[p->first].from, "end", (json_int_t)rows->at[p->last].to);
}

static json_t *show_group(
	const struct job *job, const struct rows *rows, const struct piece *p, const char *text)
{
	CLEANUP(buf_done) struct buf word;
	bool ignored;

	buf_init(&word, WORD_MAX);
	if (spell(job, rows, p, text, &word) < 0)
		return NULL;
	return json_pack("{s:s, s:o, s:s%, s:I, s:I}", "entity_group",
		tag_of(job->model, p->label, &ignored), "score",
		task_score((float)(p->score / p->members)), "word", buf_str(&word), word.len,
		"start", (json_int_t)rows->at[p->first].from, "end",
		(json_int_t)rows->at[p->last].to);
}

static int take(struct job *job, const struct rows *rows)
{
	const struct own *own = job->own;
	CLEANUP(freep) float *scores = malloc(rows->n * rows->width * sizeof(*scores));
	CLEANUP(freep) struct piece *pieces = malloc(rows->n_ids * sizeof(*pieces));
	json_t *v = json_array_get(job->inputs, rows->sequence), *list = json_array();
	const char *text = json_string_value(json_is_string(v) ? v : json_object_get(v, "text"));
	bool grouped = own->aggregation != AGGREGATE_NONE;
	size_t n;

	if (!scores || !pieces || !list)
		return -ENOMEM;
	memcpy(scores, rows->x, rows->n * rows->width * sizeof(*scores));
	for (size_t i = 0; i < rows->n; i++)
		task_softmax(scores + i * rows->width, rows->width);
	n = find_pieces(own->aggregation, rows, scores, pieces);
	if (grouped)
		n = group(job->model, pieces, n);
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(job->model->net->labels[pieces[i].label], "O"))
			continue;
		(void)json_array_append_new(
			list, grouped ? show_group(job, rows, &pieces[i], text)
				      : show_token(job, rows, &pieces[i], text));
	}
	return json_array_append_new(job->values, list) < 0 ? -ENOMEM : 0;
}

const struct task task_token_classification = {
	.name = "token-classification",
	.start = start,
	.take = take,
	.value = task_values,
};
