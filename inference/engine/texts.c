/* Requests that write text: a prompt is read in pieces, then every step gives one token. */
#include <errno.h>
#include <string.h>

#include "inference/engine/inside.h"

/* One step's rows. */
struct step {
	uint32_t ids[NET_STEP_ROWS_MAX];
	struct place places[NET_STEP_ROWS_MAX];
	struct request *of[NET_STEP_ROWS_MAX];
	uint32_t ends[NET_STEP_ROWS_MAX]; /* of each row's work; a row is one */
	uint32_t wanted[NET_STEP_ROWS_MAX];
	size_t m, n_wanted;
};

static int prepare_prompt(
	struct request *q, struct model *m, const struct prompt *p, struct err *why)
{
	struct err e = {0};
	uint32_t room;
	int r;

	q->ids.max = m->net->context - 1; /* at least one token is to be written */
	r = tokenizer_encode(m->tokenizer, p->text.s, p->text.n, p->framed, &q->ids, &e);
	if (r == -EMSGSIZE)
		return model_too_long(m, why);
	if (r < 0)
		return err_set(why, r, "%s", e.text);
	if (q->ids.n == 0)
		return err_set(why, -EINVAL, "the text has no tokens");
	for (size_t i = 0; i < p->n_stops; i++) {
		r = writer_add_stop(&q->writer, p->stops[i].s, p->stops[i].n);
		if (r < 0)
			return err_set(why, -EINVAL, "stop: 1 to %d bytes each, at most %d",
				WRITER_STOP_MAX, WRITER_STOPS_MAX);
	}
	q->sampling = p->sampling;
	sampler_init(&q->sampler, p->sampling.seed);
	room = m->net->context - (uint32_t)q->ids.n;
	if (q->sampling.max_tokens > room)
		q->sampling.max_tokens = room;
	q->capacity = (uint32_t)q->ids.n + q->sampling.max_tokens;
	q->kv_bytes = (uint64_t)m->net->layers * m->net->kv_width * q->capacity * 2 * sizeof(float);
	if (q->kv_bytes > ENGINE_KV_MAX)
		return err_set(why, -EMSGSIZE,
			"the text needs %llu MiB of cache, the limit is %llu",
			(unsigned long long)(q->kv_bytes >> 20), ENGINE_KV_MAX >> 20);
	return 0;
}

int engine_write(struct engine *e, struct model *m, const struct prompt *p,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why)
{
	struct request *q;
	int r;

	if (!m->net->family->decoder)
		return err_set(why, -ENOTSUP, "%s writes no text", m->id);
	r = request_new(e, m, ops, data, &q, why);
	if (r < 0)
		return r;
	r = prepare_prompt(q, m, p, why);
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	request_enqueue(q);
	*ret = q;
	return 0;
}

void request_release_text(struct request *q)
{
	struct device *d = q->lane->model->net->device;

	if (!q->kv)
		return;
	d->ops->kv_free(d, q->kv);
	q->kv = NULL;
	q->engine->kv_bytes -= q->kv_bytes;
	q->lane->writing--;
}

/* Places that each group may have: its share of them if one more came. */
static uint32_t places_of_each(const struct shares *s)
{
	size_t places = ENGINE_WRITING_MAX / (s->n + 1);

	return places ? (uint32_t)places : 1;
}

static void count_writing(struct lane *lane, struct shares *ret)
{
	for (struct request *q = lane->head; q; q = q->next)
		share_of(ret, q->group)->used += q->kv != NULL;
}

/* Gives waiting requests their cache, oldest first within each group, while there is room. */
static void admit(struct engine *e, struct lane *lane)
{
	struct device *d = lane->model->net->device;
	const struct net *net = lane->model->net;
	struct shares shares = {0};
	struct request *next;
	uint32_t most;

	count_writing(lane, &shares);
	most = places_of_each(&shares);
	for (struct request *q = lane->head; q && lane->writing < ENGINE_WRITING_MAX; q = next) {
		struct share *share = share_of(&shares, q->group);

		next = q->next;
		if (q->kv || share->used >= most)
			continue;
		if (e->kv_bytes + q->kv_bytes > ENGINE_KV_MAX) {
			share->used = most; /* what its group asked for later waits behind it */
			continue;
		}
		q->kv = d->ops->kv_new(d, net->layers, net->kv_width, q->capacity);
		if (!q->kv) {
			if (lane->writing == 0)
				request_fail(q, -ENOMEM, "out of memory");
			return;
		}
		share->used++;
		lane->writing++;
		e->kv_bytes += q->kv_bytes;
	}
}

static void add_row(struct step *s, struct request *q, uint32_t id, bool wanted)
{
	if (wanted)
		s->wanted[s->n_wanted++] = (uint32_t)s->m;
	s->ids[s->m] = id;
	s->places[s->m] = (struct place){q->kv, q->position++};
	s->of[s->m++] = q;
	s->ends[s->m - 1] = (uint32_t)s->m;
}

static bool reads_prompt(const struct request *q)
{
	return q->kv && q->position < q->ids.n;
}

/* Allots rows to prompts, in taken: so many as are left, and each group at most each. */
static void allot_prompts(struct lane *lane, size_t *left, size_t each)
{
	struct shares shares = {0};

	for (struct request *q = lane->head; q; q = q->next) {
		struct share *share = share_of(&shares, q->group);
		size_t n = reads_prompt(q) ? q->ids.n - q->position - q->taken : 0;

		if (n > *left)
			n = *left;
		if (n > each - share->used)
			n = each - share->used;
		q->taken += (uint32_t)n;
		share->used += (uint32_t)n;
		*left -= n;
	}
}

static size_t count_reading(struct lane *lane)
{
	struct shares shares = {0};

	for (struct request *q = lane->head; q; q = q->next)
		if (reads_prompt(q))
			(void)share_of(&shares, q->group);
	return shares.n;
}

static void gather_rows(struct lane *lane, struct step *s)
{
	size_t budget = lane_row_budget(lane), groups = count_reading(lane), left;

	for (struct request *q = lane->head; q; q = q->next) {
		q->taken = 0;
		if (q->kv && q->position >= q->ids.n)
			add_row(s, q, q->next_id, true);
	}
	left = s->m + PROMPT_ROWS_MIN > budget ? PROMPT_ROWS_MIN : budget - s->m;
	if (left > NET_STEP_ROWS_MAX - s->m)
		left = NET_STEP_ROWS_MAX - s->m;
	if (groups > 1)
		allot_prompts(lane, &left, left / groups + 1);
	allot_prompts(lane, &left, SIZE_MAX); /* what nobody needs goes to the oldest */
	/* A sequence's rows stand together. */
	for (struct request *q = lane->head; q; q = q->next)
		for (; q->taken > 0; q->taken--)
			add_row(s, q, q->ids.ids[q->position], q->position + 1 == q->ids.n);
}

static bool is_stop(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_stops; i++)
		if (m->stops[i] == id)
			return true;
	return false;
}

static void finish_text(struct request *q, const char *reason)
{
	struct outcome o = {.finish_reason = reason};
	size_t n;
	const char *rest = writer_take(&q->writer, true, &n);

	if (n > 0)
		q->ops->on_text(rest, n, q->data);
	o.text = buf_str(&q->writer.text);
	o.text_n = q->writer.text.len;
	request_finish(q, &o);
}

/* The request's next token is known: write it, or end. */
static void take_token(struct request *q, const float *logits)
{
	const struct model *m = q->lane->model;
	const char *bytes, *fresh;
	size_t n;
	uint32_t id;
	int r = sampler_next(&q->sampler, &q->sampling, logits, m->net->vocab, &id);

	if (r < 0) {
		request_fail(
			q, r, r == -EDOM ? "the model's output is not a number" : "out of memory");
		return;
	}
	q->tokens_out++;
	if (is_stop(m, id)) {
		finish_text(q, "stop");
		return;
	}
	q->next_id = id;
	bytes = tokenizer_text(m->tokenizer, id, &n);
	r = bytes ? writer_add(&q->writer, bytes, n) : 0;
	if (q->writer.stopped) {
		finish_text(q, "stop");
		return;
	}
	if (r < 0 || q->tokens_out >= q->sampling.max_tokens) {
		finish_text(q, "length");
		return;
	}
	fresh = writer_take(&q->writer, false, &n);
	if (n > 0)
		q->ops->on_text(fresh, n, q->data);
}

void lane_step_texts(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct step s = {0};
	uint64_t from, nsec;
	int r;

	admit(e, lane);
	gather_rows(lane, &s);
	if (s.m == 0)
		return;
	from = engine_now_nsec();
	for (size_t i = 0; i < s.m; i++)
		request_begin(s.of[i], from);
	r = engine_reserve_logits(e, s.n_wanted * net->vocab);
	if (r == 0)
		r = net->family->step(net, s.ids, s.places, s.m, s.wanted, s.n_wanted, e->logits);
	nsec = engine_now_nsec() - from;
	engine_charge(e, s.of, s.ends, s.m, nsec);
	if (r < 0) {
		requests_fail(s.of, s.m, r, "out of memory");
		return;
	}
	lane_learn_row_time(lane, nsec, s.m);
	for (size_t i = 0; i < s.n_wanted; i++)
		if (!s.of[s.wanted[i]]->dead)
			take_token(s.of[s.wanted[i]], e->logits + i * net->vocab);
}
