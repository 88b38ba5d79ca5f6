/* Requests that have texts read: each step takes some sequences of each group, whole. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"

void sequences_done(struct sequences *s)
{
	tokens_done(&s->ids);
	tokens_done(&s->wanted);
	s->n = 0;
}

static int check_sequences(const struct model *m, const struct sequences *s, struct err *why)
{
	if (!m->net->family->encode)
		return err_set(why, -ENOTSUP, "%s does not read texts like that", m->id);
	assert(s->n > 0 && s->n <= ENGINE_SEQUENCES_MAX);
	for (size_t i = 0; i < s->n; i++) {
		assert(s->starts[i] < s->starts[i + 1] && s->wants[i] < s->wants[i + 1]);
		if (s->starts[i + 1] - s->starts[i] > m->net->context)
			return model_too_long(m, why);
	}
	return 0;
}

int engine_encode(struct engine *e, struct model *m, struct sequences *s,
	const struct reader *reader, const struct request_ops *ops, void *data,
	struct request **ret, struct err *why)
{
	struct request *q;
	int r = check_sequences(m, s, why);

	if (r == 0)
		r = request_new(e, m, ops, data, &q, why);
	if (r < 0)
		return r;
	q->reader = *reader;
	q->in = *s;
	*s = (struct sequences){0};
	request_enqueue(q);
	*ret = q;
	return 0;
}

/* What one step reads. */
struct reading {
	struct request *of[ENGINE_SEQUENCES_MAX];
	uint32_t starts[ENGINE_SEQUENCES_MAX + 1], wants[ENGINE_SEQUENCES_MAX + 1];
	struct tokens ids, types, wanted; /* owned */
	size_t n;
	bool headless;
};

/* Of each group the request that has had the fewest sequences in this step, of those the oldest;
 * a step that has begun takes only those that want what it gives. */
static void pick(struct lane *lane, const struct reading *t, struct shares *ret)
{
	*ret = (struct shares){0};
	for (struct request *q = lane->head; q; q = q->next) {
		struct share *share;

		if (q->in_done + q->taken >= q->in.n || (t->n > 0 && q->in.headless != t->headless))
			continue;
		share = share_of(ret, q->group);
		if (!share->pick || q->taken < share->pick->taken)
			share->pick = q;
	}
}

static int add_sequence(struct reading *t, struct request *q, size_t i)
{
	const struct sequences *s = &q->in;
	uint32_t at = (uint32_t)t->ids.n;
	int r = 0;

	for (uint32_t j = s->starts[i]; j < s->starts[i + 1] && r == 0; j++) {
		r = tokens_add(&t->ids, s->ids.ids[j]);
		if (r == 0)
			r = tokens_add(&t->types, s->ids.at ? s->ids.at[j].type : 0);
	}
	for (uint32_t j = s->wants[i]; j < s->wants[i + 1] && r == 0; j++)
		r = tokens_add(&t->wanted, at + s->wanted.ids[j] - s->starts[i]);
	t->headless = s->headless;
	t->of[t->n++] = q;
	t->starts[t->n] = (uint32_t)t->ids.n;
	t->wants[t->n] = (uint32_t)t->wanted.n;
	q->taken++;
	return r;
}

/* One sequence of each group in turn until the step is full, so that neither a long list nor many
 * requests keep a single text waiting; the first one always fits. */
static int gather(struct lane *lane, struct reading *t)
{
	size_t budget = lane_row_budget(lane);
	struct shares shares;

	t->ids.max = t->types.max = t->wanted.max = SIZE_MAX;
	lane->turn++; /* a step may have room for one only */
	for (struct request *q = lane->head; q; q = q->next)
		q->taken = 0;
	for (pick(lane, t, &shares); shares.n > 0; pick(lane, t, &shares)) {
		for (size_t g = 0; g < shares.n; g++) {
			struct request *q = shares.of[(lane->turn + g) % shares.n].pick;
			size_t i = q->in_done + q->taken;
			size_t n = q->in.starts[i + 1] - q->in.starts[i];

			if (t->n > 0 && q->in.headless != t->headless)
				continue;
			if (t->n > 0 && (t->n == ENGINE_SEQUENCES_MAX || t->ids.n + n > budget))
				return 0;
			if (add_sequence(t, q, i) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void give(struct request *q, const float *x, size_t n, size_t width)
{
	size_t i = q->in_done++;
	uint32_t from = q->in.starts[i];
	struct rows rows = {.sequence = i,
		.x = x,
		.n = n,
		.width = width,
		.ids = q->in.ids.ids + from,
		.at = q->in.ids.at ? q->in.ids.at + from : NULL,
		.n_ids = q->in.starts[i + 1] - from};
	struct outcome o = {0};
	int r;

	for (size_t j = 0; j < n * width; j++)
		if (!isfinite(x[j])) {
			request_fail(q, -EDOM, "the model's output is not a number");
			return;
		}
	r = q->reader.take(&rows, q->reader.to);
	if (r < 0)
		request_fail(q, r, r == -ENOMEM ? "out of memory" : strerror(-r));
	else if (q->in_done == q->in.n)
		request_finish(q, &o);
}

static int read_step(struct engine *e, struct net *net, const struct reading *t, size_t width)
{
	const struct batch batch = {.ids = t->ids.ids,
		.types = t->types.ids,
		.starts = t->starts,
		.n = t->n,
		.wanted = t->wanted.ids,
		.n_wanted = t->wanted.n,
		.headless = t->headless};
	int r = engine_reserve_logits(e, t->wanted.n * width);

	return r < 0 ? r : net->family->encode(net, &batch, e->logits);
}

void lane_step_encodings(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct reading t = {0};
	int r = gather(lane, &t);
	size_t width = t.headless ? net->hidden : net->width;
	uint64_t from = engine_now_nsec(), nsec;

	for (size_t i = 0; i < t.n; i++)
		request_begin(t.of[i], from);
	if (r == 0)
		r = read_step(e, net, &t, width);
	nsec = engine_now_nsec() - from;
	if (r < 0) {
		requests_fail(t.of, t.n, r, "out of memory");
	} else {
		engine_charge(e, t.of, t.starts + 1, t.n, nsec);
		lane_learn_row_time(lane, nsec, t.ids.n);
		for (size_t i = 0; i < t.n; i++)
			if (!t.of[i]->dead)
				give(t.of[i], e->logits + t.wants[i] * width,
					t.wants[i + 1] - t.wants[i], width);
	}
	tokens_done(&t.ids);
	tokens_done(&t.types);
	tokens_done(&t.wanted);
}
