/* Which token a text goes on with: by the model, by how it was asked, by the grammar. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"

static struct lexicon *make_lexicon(const struct model *m)
{
	struct spelling *of = calloc(m->net->vocab, sizeof(*of));
	struct lexicon *l;

	for (uint32_t i = 0; of && i < m->net->vocab; i++) {
		size_t n = 0;
		const char *bytes = tokenizer_text(m->tokenizer, i, &n);

		if (bytes && !model_stops_at(m, i))
			of[i] = (struct spelling){bytes, (uint32_t)n};
	}
	l = of ? lexicon_new(of, m->net->vocab) : NULL;
	free(of);
	return l;
}

static int prepare_grammar(struct request *q, struct err *why)
{
	struct lane *lane = q->lane;
	uint32_t least;

	if (!q->grammar)
		return 0;
	least = grammar_least(q->grammar);
	if (least > q->sampling.max_tokens)
		return err_set(why, -EMSGSIZE,
			"max_tokens: %u tokens are left, what is asked for may need %u",
			q->sampling.max_tokens, least);
	if (!lane->lexicon)
		lane->lexicon = make_lexicon(lane->model);
	q->matcher = matcher_new(q->grammar);
	return q->matcher && lane->lexicon ? 0 : err_set(why, -ENOMEM, "out of memory");
}

static int prepare_biases(
	struct request *q, const struct model *m, const struct prompt *p, struct err *why)
{
	if (p->n_biases == 0)
		return 0;
	if (p->n_biases > ENGINE_BIASES_MAX)
		return err_set(why, -EINVAL, "logit_bias: %zu tokens, the limit is %d", p->n_biases,
			ENGINE_BIASES_MAX);
	for (size_t i = 0; i < p->n_biases; i++)
		if (p->biases[i].id >= m->net->vocab)
			return err_set(
				why, -EINVAL, "logit_bias: there is no token %u", p->biases[i].id);
	q->biases = calloc(p->n_biases, sizeof(*q->biases));
	if (!q->biases)
		return err_set(why, -ENOMEM, "out of memory");
	memcpy(q->biases, p->biases, p->n_biases * sizeof(*q->biases));
	q->n_biases = p->n_biases;
	return 0;
}

static int prepare_logprobs(struct request *q, const struct prompt *p, struct err *why)
{
	size_t each = 1 + (size_t)p->top_logprobs;

	if (!p->logprobs)
		return 0;
	if (p->top_logprobs > ENGINE_TOP_LOGPROBS_MAX ||
		p->top_logprobs > q->lane->model->net->vocab)
		return err_set(why, -EINVAL, "top_logprobs: %u, the limit is %d", p->top_logprobs,
			ENGINE_TOP_LOGPROBS_MAX);
	if (each * q->sampling.max_tokens > ENGINE_LOGPROBS_MAX)
		return err_set(why, -EMSGSIZE,
			"logprobs: %zu for each of max_tokens %u, the limit is %d in all", each,
			q->sampling.max_tokens, ENGINE_LOGPROBS_MAX);
	q->top_logprobs = p->top_logprobs;
	q->logprobs = calloc(each * q->sampling.max_tokens, sizeof(*q->logprobs));
	return q->logprobs ? 0 : err_set(why, -ENOMEM, "out of memory");
}

int request_prepare_choice(struct request *q, const struct prompt *p, struct err *why)
{
	const struct model *m = q->lane->model;
	int r = prepare_grammar(q, why);

	if (r == 0)
		r = prepare_biases(q, m, p, why);
	if (r == 0)
		r = prepare_logprobs(q, p, why);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n_stops; i++)
		if (writer_add_stop(&q->writer, p->stops[i].s, p->stops[i].n) < 0)
			return err_set(why, -EINVAL, "stop: 1 to %d bytes each, at most %d",
				WRITER_STOP_MAX, WRITER_STOPS_MAX);
	sampler_init(&q->sampler, p->sampling.seed);
	for (size_t i = 0; i < q->ids.n; i++)
		if (sampler_count(&q->sampler, &q->sampling, q->ids.ids[i], false, m->net->vocab) <
			0)
			return err_set(why, -ENOMEM, "out of memory");
	return 0;
}

bool model_stops_at(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_stops; i++)
		if (m->stops[i] == id)
			return true;
	return false;
}

/* --- what the grammar allows --- */

/* Tokens that may be written after the next one: in so many bytes the text must be able to end,
 * since every byte is a token of its own where nothing longer fits. */
static uint32_t left_after(const struct request *q)
{
	return q->sampling.max_tokens - q->tokens_out - 1;
}

static bool may_come(struct request *q, uint32_t id)
{
	const struct model *m = q->lane->model;
	const char *bytes;
	size_t n = 0;

	if (model_stops_at(m, id))
		return matcher_ends(q->matcher);
	bytes = tokenizer_text(m->tokenizer, id, &n);
	return bytes && matcher_tries(q->matcher, bytes, n, left_after(q));
}

struct mask {
	float *logits;
	const float *from;
	bool any;
};

static void allow(uint32_t token, void *data)
{
	struct mask *m = data;

	m->logits[token] = m->from[token];
	m->any = true;
}

/* Leaves the logits of the tokens that may come. */
static int mask(struct request *q, float *logits, float *spare)
{
	const struct model *m = q->lane->model;
	struct mask to = {logits, spare, false};

	memcpy(spare, logits, m->net->vocab * sizeof(*spare));
	for (uint32_t i = 0; i < m->net->vocab; i++)
		logits[i] = -INFINITY;
	matcher_each(q->matcher, q->lane->lexicon, left_after(q), allow, &to);
	for (size_t i = 0; matcher_ends(q->matcher) && i < m->n_stops; i++)
		allow(m->stops[i], &to);
	return to.any ? 0 : -ENODATA;
}

int request_choose(struct request *q, float *logits, float *spare, uint32_t *ret)
{
	size_t vocab = q->lane->model->net->vocab, each = 1 + (size_t)q->top_logprobs;
	int r;

	if (q->logprobs)
		memcpy(spare, logits, vocab * sizeof(*spare));
	sampler_adjust(&q->sampler, &q->sampling, q->biases, q->n_biases, logits);
	r = sampler_next(&q->sampler, &q->sampling, logits, vocab, ret);
	/* What was chosen is tried alone; all tokens are only when it may not come. */
	if (r == 0 && q->matcher && !may_come(q, *ret)) {
		r = mask(q, logits, spare + vocab);
		if (r == 0)
			r = sampler_next(&q->sampler, &q->sampling, logits, vocab, ret);
	}
	/* Told are the model's own probabilities, not what penalties made of them. */
	if (r == 0 && q->logprobs)
		logprobs_of(spare, vocab, *ret, each - 1, q->logprobs + q->n_logprobs * each);
	return r;
}

int request_chose(struct request *q, uint32_t id, bool *ret_more)
{
	const struct model *m = q->lane->model;
	const char *bytes;
	size_t n = 0;

	*ret_more = true;
	if (tokens_add(&q->ids, id) < 0 ||
		sampler_count(&q->sampler, &q->sampling, id, true, m->net->vocab) < 0)
		return -ENOMEM;
	q->n_logprobs += q->logprobs != NULL;
	if (!q->matcher)
		return 0;
	bytes = tokenizer_text(m->tokenizer, id, &n);
	if (bytes)
		(void)matcher_takes(q->matcher, bytes, n);
	*ret_more = !matcher_is_done(q->matcher);
	return 0;
}
