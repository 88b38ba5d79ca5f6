/* Requests that label texts: each step takes some texts of each group, whole. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"

static int add_texts(
	struct request *q, struct model *m, const struct text *texts, size_t n, struct err *why)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = {0};
		int r;

		q->ids.max = q->ids.n + m->net->context;
		r = tokenizer_encode(m->tokenizer, texts[i].s, texts[i].n, true, &q->ids, &e);
		if (r == -EMSGSIZE)
			return model_too_long(m, why);
		if (r < 0)
			return err_set(why, r, "%s", e.text);
		if (q->ids.n == q->starts[i])
			return err_set(why, -EINVAL, "the text has no tokens");
		q->starts[i + 1] = (uint32_t)q->ids.n;
	}
	q->n_texts = n;
	return 0;
}

int engine_classify(struct engine *e, struct model *m, const struct text *texts, size_t n,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why)
{
	struct request *q;
	int r;

	if (!m->net->family->classify)
		return err_set(why, -ENOTSUP, "%s does not classify", m->id);
	if (n == 0 || n > ENGINE_TEXTS_MAX)
		return err_set(
			why, -EMSGSIZE, "%zu texts, the limit is 1 to %d", n, ENGINE_TEXTS_MAX);
	r = request_new(e, m, ops, data, &q, why);
	if (r < 0)
		return r;
	q->scores = calloc(n * m->net->n_labels, sizeof(*q->scores));
	r = q->scores ? add_texts(q, m, texts, n, why) : err_set(why, -ENOMEM, "out of memory");
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	request_enqueue(q);
	*ret = q;
	return 0;
}

/* Logits to probabilities, in place. */
static void to_scores(const struct net *net, float *x)
{
	float high = x[0], sum = 0;

	if (net->independent) {
		for (uint32_t i = 0; i < net->n_labels; i++)
			x[i] = 1 / (1 + expf(-x[i]));
		return;
	}
	for (uint32_t i = 1; i < net->n_labels; i++)
		high = x[i] > high ? x[i] : high;
	for (uint32_t i = 0; i < net->n_labels; i++)
		sum += x[i] = expf(x[i] - high);
	for (uint32_t i = 0; i < net->n_labels; i++)
		x[i] /= sum;
}

static void take_scores(struct request *q, const float *logits)
{
	const struct net *net = q->lane->model->net;
	float *to = q->scores + q->texts_done++ * net->n_labels;
	struct outcome o = {.scores = q->scores, .n_texts = q->n_texts, .n_labels = net->n_labels};

	memcpy(to, logits, net->n_labels * sizeof(*to));
	to_scores(net, to);
	for (uint32_t i = 0; i < net->n_labels; i++)
		if (!isfinite(to[i])) {
			request_fail(q, -EDOM, "the model's output is not a number");
			return;
		}
	if (q->texts_done == q->n_texts)
		request_finish(q, &o);
}

struct texts {
	struct request *of[ENGINE_TEXTS_MAX];
	uint32_t starts[ENGINE_TEXTS_MAX + 1];
	struct tokens ids;
	size_t n;
};

/* Of each group the request that has had the fewest texts in this step, of those the oldest. */
static void pick_texts(struct lane *lane, struct shares *ret)
{
	*ret = (struct shares){0};
	for (struct request *q = lane->head; q; q = q->next) {
		struct share *share;

		if (q->texts_done + q->taken >= q->n_texts)
			continue;
		share = share_of(ret, q->group);
		if (!share->pick || q->taken < share->pick->taken)
			share->pick = q;
	}
}

static int add_text(struct texts *t, struct request *q, size_t i)
{
	for (uint32_t j = q->starts[i]; j < q->starts[i + 1]; j++)
		if (tokens_add(&t->ids, q->ids.ids[j]) < 0)
			return -ENOMEM;
	t->of[t->n++] = q;
	t->starts[t->n] = (uint32_t)t->ids.n;
	q->taken++;
	return 0;
}

/* One text of each group in turn until the step is full, so that neither a long list nor many
 * requests keep a single text waiting; the first one always fits. */
static int gather_texts(struct lane *lane, struct texts *t)
{
	size_t budget = lane_row_budget(lane);
	struct shares shares;

	t->ids.max = SIZE_MAX;
	lane->turn++; /* a step may have room for one text only */
	for (struct request *q = lane->head; q; q = q->next)
		q->taken = 0;
	for (pick_texts(lane, &shares); shares.n > 0; pick_texts(lane, &shares)) {
		for (size_t g = 0; g < shares.n; g++) {
			struct request *q = shares.of[(lane->turn + g) % shares.n].pick;
			size_t i = q->texts_done + q->taken;
			size_t n = q->starts[i + 1] - q->starts[i];

			if (t->n > 0 && (t->n == ENGINE_TEXTS_MAX || t->ids.n + n > budget))
				return 0;
			if (add_text(t, q, i) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

void lane_step_encodings(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct texts t = {0};
	int r = gather_texts(lane, &t);
	uint64_t from = engine_now_nsec(), nsec;

	for (size_t i = 0; i < t.n; i++)
		request_begin(t.of[i], from);
	if (r == 0)
		r = engine_reserve_logits(e, t.n * net->n_labels);
	if (r == 0)
		r = net->family->classify(net, t.ids.ids, t.starts, t.n, e->logits);
	nsec = engine_now_nsec() - from;
	if (r < 0) {
		requests_fail(t.of, t.n, r, "out of memory");
	} else {
		engine_charge(e, t.of, t.starts + 1, t.n, nsec);
		lane_learn_row_time(lane, nsec, t.ids.n);
		for (size_t i = 0; i < t.n; i++)
			if (!t.of[i]->dead)
				take_scores(t.of[i], e->logits + i * net->n_labels);
	}
	tokens_done(&t.ids);
}
