/* Requests that write text: a prompt is read in pieces, then every step gives one token. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "inference/engine/inside.h"
#include "inference/engine/lost.h"

#define ROW_WORK 64    /* of a row that reads weights only */
#define PROMPT_PIECE 8 /* rows of a prompt that are allotted at a time */
#define SPARE_ROWS 2   /* of logits, for those who choose */

/* One step's rows. */
struct step {
	uint32_t ids[NET_STEP_ROWS_MAX];
	struct place places[NET_STEP_ROWS_MAX];
	struct request *of[NET_STEP_ROWS_MAX];
	uint32_t ends[NET_STEP_ROWS_MAX]; /* of each row's work; a row is one */
	bool again[NET_STEP_ROWS_MAX];    /* it was read before its text gave way */
	uint32_t wanted[NET_STEP_ROWS_MAX];
	size_t m, n_wanted;
};

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
	q->adapter = p->adapter ? adapter_find(m->net, p->adapter) : NULL;
	if (p->adapter && !q->adapter)
		return err_set(why, -EINVAL, "adapter: %s has no '%.64s'", m->id, p->adapter);
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
	return request_prepare_choice(q, p, why);
}

int engine_write(struct engine *e, struct model *m, const struct prompt *p,
	const struct request_ops *ops, void *data, struct request **ret, struct err *why)
{
	struct request *q;
	int r;

	r = m->net->family->decoder ? request_new(e, m, ops, data, &q, why)
				    : err_set(why, -ENOTSUP, "%s writes no text", m->id);
	if (r < 0) {
		(void)grammar_free(p->grammar);
		return r;
	}
	q->grammar = p->grammar;
	r = prepare_prompt(q, m, p, why);
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	request_enqueue(q);
	*ret = q;
	return 0;
}

/* Who is under way and who waits, by party. */
static size_t count_seats(struct lane *lane, struct seat *seats)
{
	struct shares *s = &lane->engine->shares;

	shares_begin(s, lane->engine->schedule);
	for (struct request *q = lane->head; q; q = q->next) {
		size_t n = s->n, i = share_of(s, lane->engine->schedule, q->party);

		if (s->n > n)
			seats[i] = (struct seat){.party = q->party};
		seats[i].held += q->running;
		seats[i].waiting += !q->running;
	}
	return s->n;
}

/* Of its texts that wait the one that has longest been kept out, or else has come first. */
static struct request *first_waiting(struct lane *lane, const struct party *p)
{
	struct request *first = NULL;

	for (struct request *q = lane->head; q; q = q->next)
		if (!q->running && q->party == p && (!first || request_before(q, first, 0)))
			first = q;
	return first;
}

/* Of its texts under way the one that has least to read again, of those the youngest. */
static struct request *cheapest(struct lane *lane, const struct party *p)
{
	struct request *found = NULL;

	for (struct request *q = lane->head; q; q = q->next)
		if (q->running && q->party == p &&
			(!found || q->position % KV_PAGE <= found->position % KV_PAGE))
			found = q;
	return found;
}

/* Gives waiting texts places, in the order of each party's. Where all are taken, those who have
 * more than their share get theirs put back to wait. */
static void admit(struct lane *lane)
{
	struct seat seats[SHARES_MAX];
	size_t n = count_seats(lane, seats), to, from;
	uint64_t now = engine_now_nsec();

	claims_begin(lane->engine);
	while ((to = schedule_seat(seats, n, ENGINE_WRITING_MAX, now, &from)) != SCHEDULE_NOBODY) {
		struct request *q = first_waiting(lane, seats[to].party);
		struct request *back =
			from == SCHEDULE_NOBODY ? NULL : cheapest(lane, seats[from].party);
		int r = back && !schedule_worth(&seats[to], back->position % KV_PAGE)
				? -EAGAIN
				: room_enter(q);

		if (r == -EAGAIN) {
			seats[to].waiting = 0; /* what it asked for later waits behind it */
			continue;
		}
		if (r < 0) {
			request_fail(q, r, "out of memory");
			return; /* its callback may have ended others; the rest waits for a step */
		}
		seats[to].held++;
		seats[to].waiting--;
		if (back) {
			room_leave(back);
			seats[from].held--;
			seats[from].waiting++;
		}
		if (lane->engine->gave_way_step == lane->engine->steps)
			return; /* seats are not what they were; the rest waits for a step */
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
	assert(q->position / KV_PAGE < q->n_pages);
	s->ids[s->m] = q->ids.ids[q->position];
	s->again[s->m] = q->position < q->most;
	s->places[s->m] = (struct place){q->lane->kv, q->pages, q->position++, q->adapter};
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

static struct request *next_reading(struct request *q, const struct party *p)
{
	while (q && (q->party != p || !reads_prompt(q)))
		q = q->next;
	return q;
}

/* Allots what is left of a step to prompts, in taken: in pieces, by turns; of each party the oldest
 * first. */
static void allot_prompts(struct lane *lane, size_t left)
{
	struct shares *s = &lane->engine->shares;
	size_t i;

	shares_begin(s, lane->engine->schedule);
	for (struct request *q = lane->head; q; q = q->next)
		if (reads_prompt(q)) {
			i = share_of(s, lane->engine->schedule, q->party);
			if (!s->pick[i])
				s->pick[i] = q;
		}
	while (left > 0 && (i = engine_first(lane->engine)) != SCHEDULE_NOBODY) {
		struct request *q = s->pick[i];
		size_t unread = q->ids.n - q->position - q->taken;
		size_t n = unread < PROMPT_PIECE ? unread : PROMPT_PIECE;

		n = n < left ? n : left;
		q->taken += (uint32_t)n;
		left -= n;
		engine_expect(q, n);
		if (n == unread)
			share_pick(s, i, next_reading(q->next, q->party));
	}
}

static void gather_rows(struct lane *lane, struct step *s)
{
	size_t budget = lane_row_budget(lane), left;
	size_t least = lane->engine->requests == 1 ? PROMPT_ROWS_ALONE : PROMPT_ROWS_MIN;

	for (struct request *q = lane->head; q; q = q->next)
		if (is_writing(q) || reads_prompt(q))
			schedule_attend(lane->engine->schedule, q->party);
	/* Whoever goes is said once, and has a page: others may have to begin anew for it. */
	for (struct request *q = lane->head; q; q = q->next) {
		q->taken = is_writing(q) && engine_may_go(q) && room_grow(q);
		if (q->taken)
			engine_expect(q, 1);
	}
	for (struct request *q = lane->head; q; q = q->next) {
		if (q->taken && q->running)
			add_row(s, q);
		q->taken = 0;
	}
	left = s->m + least > budget ? least : budget - s->m;
	if (left > NET_STEP_ROWS_MAX - s->m)
		left = NET_STEP_ROWS_MAX - s->m;
	allot_prompts(lane, left);
	/* A sequence's rows stand together. */
	for (struct request *q = lane->head; q; q = q->next)
		for (; q->taken > 0; q->taken--)
			add_row(s, q);
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

/* The request's next token is known, r < 0: cannot be; write it, or end. */
static void take_token(struct request *q, int r, uint32_t id)
{
	const struct model *m = q->lane->model;
	CLEANUP(buf_done) struct buf said;
	const char *fresh;
	bool more;
	size_t n;

	buf_init(&said, WRITER_TEXT_MAX);
	if (r < 0) {
		request_fail(q, r,
			r == -EDOM      ? "the model's output is not a number"
			: r == -ENODATA ? "the model has no token that the grammar allows here"
					: "out of memory");
		return;
	}
	q->tokens_out++;
	if (model_stops_at(m, id)) {
		request_finish_text(q, "stop");
		return;
	}
	if (request_chose(q, id, &more) < 0) {
		request_fail(q, -ENOMEM, "out of memory");
		return;
	}
	r = tokenizer_decode(m->tokenizer, &q->decoding, id, &said);
	if (r == 0)
		r = writer_add(&q->writer, buf_str(&said), said.len);
	if (q->writer.stopped || (r == 0 && !more)) {
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

/* What a grammar takes is its own request's, and counts as the device's time. */
static void choose_measured(struct request *q, float *logits, float *spare)
{
	uint64_t from = engine_now_nsec();
	const uint32_t all = 1;
	uint32_t id;
	int r = request_choose(q, logits, spare, &id);

	if (q->matcher)
		engine_charge(q->engine, &q, &all, NULL, 1, engine_now_nsec() - from);
	take_token(q, r, id);
}

bool lane_step_texts(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct step s = {0};
	uint64_t from, nsec;
	int r;

	admit(lane);
	gather_rows(lane, &s);
	if (s.m == 0)
		return false;
	from = engine_now_nsec();
	for (size_t i = 0; i < s.m; i++)
		request_begin(s.of[i], from);
	r = engine_reserve_logits(e, (s.n_wanted + SPARE_ROWS) * net->vocab);
	if (r == 0)
		r = net->family->step(net, s.ids, s.places, s.m, s.wanted, s.n_wanted, e->logits);
	nsec = engine_now_nsec() - from;
	engine_charge(e, s.of, s.ends, s.again, s.m, nsec);
	r = lane_outcome(lane, r);
	if (r < 0) {
		lane_fail(lane, s.of, s.m, r);
		return true;
	}
	lane_learn_row_time(lane, nsec, s.m);
	for (size_t i = 0; i < s.m; i++)
		room_mark(s.of[i]);
	for (size_t i = 0; i < s.n_wanted; i++)
		if (!s.of[s.wanted[i]]->dead)
			choose_measured(s.of[s.wanted[i]], e->logits + i * net->vocab,
				e->logits + s.n_wanted * net->vocab);
	return true;
}
