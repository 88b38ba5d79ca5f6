/* Requests that write text: a prompt is read in pieces, then every step gives one token. */
#include <errno.h>
#include <string.h>

#include "inference/engine/inside.h"

#define ROW_WORK 64 /* of a row that reads weights only */

/* One step's rows. */
struct step {
	uint32_t ids[NET_STEP_ROWS_MAX];
	struct place places[NET_STEP_ROWS_MAX];
	struct request *of[NET_STEP_ROWS_MAX];
	uint32_t ends[NET_STEP_ROWS_MAX]; /* of each row's work; a row is one */
	uint32_t wanted[NET_STEP_ROWS_MAX];
	size_t m, n_wanted;
};

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

/* How its tokens are chosen, and where it stops. */
static int prepare_choice(
	struct request *q, const struct model *m, const struct prompt *p, struct err *why)
{
	int r = prepare_biases(q, m, p, why);

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

static int prepare_prompt(
	struct request *q, struct model *m, const struct prompt *p, struct err *why)
{
	struct err e = {0};
	uint64_t room, kept;
	int r;

	q->ids.max = m->net->context - 1; /* at least one token is to be written */
	r = tokenizer_encode(m->tokenizer, p->text.s, p->text.n, p->framed, &q->ids, &e);
	if (r == -EMSGSIZE)
		return model_too_long(m, why);
	if (r < 0)
		return err_set(why, r, "%s", e.text);
	if (q->ids.n == 0)
		return err_set(why, -EINVAL, "the text has no tokens");
	q->sampling = p->sampling;
	room = m->net->context - q->ids.n;
	kept = lane_tokens_max(q->engine, q->lane);
	if (q->ids.n >= kept)
		return err_set(why, -EMSGSIZE,
			"the text has %zu tokens, the limit of what may be kept is %llu", q->ids.n,
			(unsigned long long)kept);
	if (room > kept - q->ids.n)
		room = kept - q->ids.n;
	if (q->sampling.max_tokens > room)
		q->sampling.max_tokens = (uint32_t)room;
	q->ids.max = q->ids.n + q->sampling.max_tokens;
	return prepare_choice(q, m, p, why);
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

/* Places that each group may have: its share of them if one more came. */
static uint32_t places_of_each(const struct shares *s)
{
	size_t places = ENGINE_WRITING_MAX / (s->n + 1);

	return places ? (uint32_t)places : 1;
}

static void count_writing(struct lane *lane, struct shares *ret)
{
	for (struct request *q = lane->head; q; q = q->next)
		share_of(ret, q->group)->used += q->running;
}

/* Gives waiting texts their places, oldest first within each group, while there is room. */
static void admit(struct lane *lane)
{
	struct shares shares = {0};
	struct request *next;
	uint32_t most;

	count_writing(lane, &shares);
	most = places_of_each(&shares);
	for (struct request *q = lane->head; q && lane->writing < ENGINE_WRITING_MAX; q = next) {
		struct share *share = share_of(&shares, q->group);
		int r;

		next = q->next;
		if (q->running || share->used >= most)
			continue;
		r = room_enter(q);
		if (r == 0)
			share->used++;
		else if (r == -EAGAIN)
			share->used = most; /* what its group asked for later waits behind it */
		else
			request_fail(q, r, "out of memory");
	}
}

static void add_row(struct step *s, struct request *q)
{
	const struct net *net = q->lane->model->net;
	uint64_t read = 2ull * net->layers * net->kv_width * q->position;
	uint64_t before = s->m > 0 ? s->ends[s->m - 1] : 0;

	/* A row's work: the weights once, and the keys and values that it reads. */
	s->ends[s->m] =
		(uint32_t)(before + ROW_WORK + ROW_WORK * read / (q->lane->model->parameters + 1));
	s->ids[s->m] = q->ids.ids[q->position];
	s->places[s->m] = (struct place){q->lane->kv, q->pages, q->position++};
	if (q->position == q->ids.n)
		s->wanted[s->n_wanted++] = (uint32_t)s->m;
	s->of[s->m++] = q;
}

/* Its prompt is read, all but the token that it has just said. */
static bool is_writing(const struct request *q)
{
	return q->running && q->ids.n > q->prompt_n && q->position + 1 == q->ids.n;
}

static bool reads_prompt(const struct request *q)
{
	return q->running && !is_writing(q) && q->position < q->ids.n;
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
		if (is_writing(q) && room_grow(q))
			add_row(s, q);
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
			add_row(s, q);
}

static bool is_stop(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_stops; i++)
		if (m->stops[i] == id)
			return true;
	return false;
}

void request_finish_text(struct request *q, const char *reason)
{
	struct outcome o = {.finish_reason = reason,
		.logprobs = q->logprobs,
		.n_logprobs = q->n_logprobs,
		.top_logprobs = q->top_logprobs};
	size_t n;
	const char *rest = writer_take(&q->writer, true, &n);

	if (n > 0)
		q->ops->on_text(rest, n, q->data);
	o.text = buf_str(&q->writer.text);
	o.text_n = q->writer.text.len;
	request_finish(q, &o);
}

/* Chooses by the logits, which it changes; spare: room for as many. */
static int choose(struct request *q, float *logits, float *spare, uint32_t *ret)
{
	size_t vocab = q->lane->model->net->vocab, each = 1 + (size_t)q->top_logprobs;
	int r;

	if (q->logprobs)
		memcpy(spare, logits, vocab * sizeof(*spare));
	sampler_adjust(&q->sampler, &q->sampling, q->biases, q->n_biases, logits);
	r = sampler_next(&q->sampler, &q->sampling, logits, vocab, ret);
	/* Told are the model's own probabilities, not what penalties made of them. */
	if (r == 0 && q->logprobs)
		logprobs_of(spare, vocab, *ret, each - 1, q->logprobs + q->n_logprobs * each);
	return r;
}

/* The request's next token is known: write it, or end. */
static void take_token(struct request *q, float *logits, float *spare)
{
	const struct model *m = q->lane->model;
	const char *bytes, *fresh;
	size_t n;
	uint32_t id;
	int r = choose(q, logits, spare, &id);

	if (r < 0) {
		request_fail(
			q, r, r == -EDOM ? "the model's output is not a number" : "out of memory");
		return;
	}
	q->tokens_out++;
	if (is_stop(m, id)) {
		request_finish_text(q, "stop");
		return;
	}
	if (tokens_add(&q->ids, id) < 0 ||
		sampler_count(&q->sampler, &q->sampling, id, true, m->net->vocab) < 0) {
		request_fail(q, -ENOMEM, "out of memory");
		return;
	}
	q->n_logprobs += q->logprobs != NULL;
	bytes = tokenizer_text(m->tokenizer, id, &n);
	r = bytes ? writer_add(&q->writer, bytes, n) : 0;
	if (q->writer.stopped) {
		request_finish_text(q, "stop");
		return;
	}
	if (r < 0 || q->tokens_out >= q->sampling.max_tokens) {
		request_finish_text(q, "length");
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

	admit(lane);
	gather_rows(lane, &s);
	if (s.m == 0)
		return;
	from = engine_now_nsec();
	for (size_t i = 0; i < s.m; i++)
		request_begin(s.of[i], from);
	r = engine_reserve_logits(e, (s.n_wanted + 1) * net->vocab);
	if (r == 0)
		r = net->family->step(net, s.ids, s.places, s.m, s.wanted, s.n_wanted, e->logits);
	nsec = engine_now_nsec() - from;
	engine_charge(e, s.of, s.ends, s.m, nsec);
	if (r < 0) {
		requests_fail(s.of, s.m, r, "out of memory");
		return;
	}
	lane_learn_row_time(lane, nsec, s.m);
	for (size_t i = 0; i < s.m; i++)
		room_mark(s.of[i]);
	for (size_t i = 0; i < s.n_wanted; i++)
		if (!s.of[s.wanted[i]]->dead)
			take_token(s.of[s.wanted[i]], e->logits + i * net->vocab,
				e->logits + s.n_wanted * net->vocab);
}
