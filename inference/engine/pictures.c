/* Requests that look at a picture, read texts beside it, or both: a step takes some.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference/engine/inside.h"
#include "inference/engine/lost.h"

#define STEP_MAX 32 /* requests of one step */

struct look {
	uint8_t *rgb; /* owned; NULL: texts only */
	float *seen;  /* owned; n rows of width: of the picture, then of each text */
	size_t n, width;
	uint32_t rows; /* of work */
};

void request_release_look(struct request *q)
{
	if (!q->look)
		return;
	free(q->look->rgb);
	free(q->look->seen);
	free(q->look);
	q->look = NULL;
}

static int add_picture(struct request *q, const struct sights *s, struct err *why)
{
	const struct model *m = q->lane->model;
	size_t n = (size_t)m->sight.width * m->sight.height * 3;

	if (s->n_rgb != n)
		return err_set(why, -EINVAL, "the picture has %zu bytes, %s wants %u × %u × 3",
			s->n_rgb, m->id, m->sight.width, m->sight.height);
	q->look->rgb = malloc(n);
	if (!q->look->rgb)
		return err_set(why, -ENOMEM, "out of memory");
	memcpy(q->look->rgb, s->rgb, n);
	q->look->rows += m->net->picture_rows;
	q->look->n++;
	return 0;
}

static int add_texts(struct request *q, const struct sights *s, struct err *why)
{
	struct model *m = q->lane->model;

	if (!m->net->family->read)
		return err_set(why, -ENOTSUP, "%s reads no texts", m->id);
	for (size_t i = 0; i < s->n_texts; i++) {
		struct err e = {0};
		int r;

		q->in.ids.max = q->in.ids.n + m->net->context;
		r = tokenizer_encode(
			m->tokenizer, s->texts[i].s, s->texts[i].n, true, &q->in.ids, &e);
		if (r == -EMSGSIZE)
			return model_too_long(m, why);
		if (r < 0)
			return err_set(why, r, "%s", e.text);
		if (q->in.ids.n == q->in.starts[i])
			return err_set(why, -EINVAL, "the text has no tokens");
		q->in.starts[i + 1] = (uint32_t)q->in.ids.n;
	}
	q->look->rows += (uint32_t)q->in.ids.n;
	q->look->n += s->n_texts;
	return 0;
}

static int prepare(struct request *q, const struct sights *s, struct err *why)
{
	const struct net *net = q->lane->model->net;
	int r = 0;

	q->look = calloc(1, sizeof(*q->look));
	if (!q->look)
		return err_set(why, -ENOMEM, "out of memory");
	if (s->rgb)
		r = add_picture(q, s, why);
	if (r == 0 && s->n_texts > 0)
		r = add_texts(q, s, why);
	if (r < 0)
		return r;
	q->look->width = net->joint ? net->joint : net->n_labels;
	q->look->seen = calloc(q->look->n, q->look->width * sizeof(float));
	return q->look->seen ? 0 : err_set(why, -ENOMEM, "out of memory");
}

int engine_look(struct engine *e, struct model *m, const struct sights *s,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why)
{
	struct request *q;
	int r;

	if (!m->net->family->look)
		return err_set(why, -ENOTSUP, "%s does not look at pictures", m->id);
	if (s->n_texts > SIGHTS_TEXTS_MAX || (!s->rgb && s->n_texts == 0))
		return err_set(
			why, -EINVAL, "%zu texts, the limit is %d", s->n_texts, SIGHTS_TEXTS_MAX);
	r = request_new(e, m, ops, data, &q, why);
	if (r < 0)
		return r;
	r = prepare(q, s, why);
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	request_enqueue(q);
	*ret = q;
	return 0;
}

/* --- steps --- */

struct round {
	struct request *of[STEP_MAX];
	uint32_t ends[STEP_MAX]; /* of their rows */
	size_t n, rows, pictures;
};

static struct request *pick_next(const struct request *q)
{
	const struct party *p = q->party;

	for (q = q->next; q && q->party != p;)
		q = q->next;
	return (struct request *)q;
}

/* By turns until the step is full; the first one always fits. What does not is the first of the
 * next step. */
static void gather(struct lane *lane, struct round *t)
{
	struct shares *s = &lane->engine->shares;
	size_t budget = lane_row_budget(lane), i;

	shares_begin(s, lane->engine->schedule);
	for (struct request *q = lane->head; q; q = q->next) {
		i = share_of(s, lane->engine->schedule, q->party);
		if (!s->pick[i])
			s->pick[i] = q;
	}
	while (t->n < STEP_MAX && (i = engine_first(lane->engine)) != SCHEDULE_NOBODY) {
		struct request *q = s->pick[i];

		if (t->n > 0 && t->rows + q->look->rows > budget) {
			share_pick(s, i, NULL);
			continue;
		}
		t->rows += q->look->rows;
		t->pictures += q->look->rgb != NULL;
		t->of[t->n] = q;
		t->ends[t->n++] = (uint32_t)t->rows;
		engine_expect(q, q->look->rows);
		share_pick(s, i, pick_next(q));
	}
}

/* All pictures of the round at once. */
static int look_all(const struct model *m, const struct round *t)
{
	size_t size = (size_t)m->sight.width * m->sight.height * 3, at = 0;
	size_t width = m->net->joint ? m->net->joint : m->net->n_labels;
	float *pixels, *seen;
	int r = -ENOMEM;

	if (t->pictures == 0)
		return 0;
	pixels = calloc(t->pictures * size, sizeof(*pixels));
	seen = calloc(t->pictures * width, sizeof(*seen));
	for (size_t i = 0; pixels && seen && i < t->n; i++)
		if (t->of[i]->look->rgb)
			sight_numbers(&m->sight, t->of[i]->look->rgb, pixels + size * at++);
	if (pixels && seen)
		r = m->net->family->look(m->net, pixels, t->pictures, seen);
	at = 0;
	for (size_t i = 0; r == 0 && i < t->n; i++)
		if (t->of[i]->look->rgb)
			memcpy(t->of[i]->look->seen, seen + width * at++, width * sizeof(*seen));
	free(pixels);
	free(seen);
	return r;
}

static int read_texts(const struct model *m, struct request *q)
{
	size_t pictures = q->look->rgb != NULL, n = q->look->n - pictures;

	if (n == 0)
		return 0;
	return m->net->family->read(
		m->net, q->in.ids.ids, q->in.starts, n, q->look->seen + pictures * q->look->width);
}

static void give(struct request *q)
{
	const struct look *look = q->look;
	struct outcome o = {.seen = look->seen, .n_seen = look->n, .seen_width = look->width};

	for (size_t i = 0; i < look->n * look->width; i++)
		if (!isfinite(look->seen[i])) {
			request_fail(q, -EDOM, "the model's output is not a number");
			return;
		}
	request_finish(q, &o);
}

bool lane_step_pictures(struct engine *e, struct lane *lane)
{
	struct model *m = lane->model;
	struct round t = {0};
	uint64_t from = engine_now_nsec(), nsec;
	int r;

	gather(lane, &t);
	for (size_t i = 0; i < t.n; i++)
		request_begin(t.of[i], from);
	r = look_all(m, &t);
	for (size_t i = 0; r == 0 && i < t.n; i++)
		r = read_texts(m, t.of[i]);
	nsec = engine_now_nsec() - from;
	engine_charge(e, t.of, t.ends, NULL, t.n, nsec);
	r = lane_outcome(lane, r);
	if (r < 0) {
		lane_fail(lane, t.of, t.n, r);
		return true;
	}
	lane_learn_row_time(lane, nsec, t.rows);
	for (size_t i = 0; i < t.n; i++)
		if (!t.of[i]->dead)
			give(t.of[i]);
	return true;
}
