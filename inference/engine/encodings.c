/* Requests that have texts read: each step takes some sequences, whole. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"
#include "inference/engine/lost.h"

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

/* A step that has begun takes only what wants the same of it. */
static bool fits(const struct request *q, const struct reading *t)
{
	return q->in_done + q->taken < q->in.n && (t->n == 0 || q->in.headless == t->headless);
}

/* Of the party's requests the one that has had the fewest sequences in this step, of those the
 * oldest. */
static struct request *pick_next(struct lane *lane, const struct reading *t, const struct party *p)
{
	struct request *next = NULL;

	for (struct request *q = lane->head; q; q = q->next)
		if (q->party == p && fits(q, t) && (!next || q->taken < next->taken))
			next = q;
	return next;
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

static void begin_gathering(struct lane *lane, struct shares *s)
{
	shares_begin(s, lane->engine->schedule);
	for (struct request *q = lane->head; q; q = q->next) {
		size_t i = share_of(s, lane->engine->schedule, q->party);

		q->taken = 0;
		if (!s->pick[i])
			s->pick[i] = q;
	}
}

/* Sequences, by turns, until the step is full, so that neither a long list nor many requests keep a
 * single text waiting; the first one always fits. What does not is the first of the next step. */
static int gather(struct lane *lane, struct reading *t)
{
	struct shares *s = &lane->engine->shares;
	size_t budget = lane_row_budget(lane), i;

	t->ids.max = t->types.max = t->wanted.max = SIZE_MAX;
	begin_gathering(lane, s);
	while (t->n < ENGINE_SEQUENCES_MAX && (i = engine_first(lane->engine)) != SCHEDULE_NOBODY) {
		struct request *q = s->pick[i];
		size_t at = q->in_done + q->taken;
		size_t n = at < q->in.n ? q->in.starts[at + 1] - q->in.starts[at] : 0;

		if (!fits(q, t)) {
			share_pick(s, i, pick_next(lane, t, q->party));
			continue;
		}
		if (t->n > 0 && t->ids.n + n > budget) {
			share_pick(s, i, NULL);
			continue;
		}
		if (add_sequence(t, q, at) < 0)
			return -ENOMEM;
		engine_expect(q, n);
		share_pick(s, i, pick_next(lane, t, q->party));
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

bool lane_step_encodings(struct engine *e, struct lane *lane)
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
	r = lane_outcome(lane, r);
	if (r == 0 || r == -EIO)
		engine_charge(e, t.of, t.starts + 1, NULL, t.n, nsec);
	if (r < 0) {
		lane_fail(lane, t.of, t.n, r);
	} else {
		lane_learn_row_time(lane, nsec, t.ids.n);
		for (size_t i = 0; i < t.n; i++)
			if (!t.of[i]->dead)
				give(t.of[i], e->logits + t.wants[i] * width,
					t.wants[i + 1] - t.wants[i], width);
	}
	tokens_done(&t.ids);
	tokens_done(&t.types);
	tokens_done(&t.wanted);
	return t.n > 0;
}
