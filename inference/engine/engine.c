#include "inference/engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "inference/engine/inside.h"
#include "inference/engine/lost.h"

#define IDLE_USEC 1000 /* after a step in which nobody could do anything */

uint64_t engine_now_nsec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int engine_new(struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	if (schedule_new(&e->schedule) < 0) {
		free(e);
		return -ENOMEM;
	}
	engine_limit_kv(e, ENGINE_KV_MAX, ENGINE_KV_GROUP_MAX);
	random_bytes(e->salt, sizeof(e->salt));
	*ret = e;
	return 0;
}

void engine_limit_kv(struct engine *e, uint64_t all, uint64_t each)
{
	e->kv_max = all;
	e->kv_group_max = each;
}

static void lane_close(struct lane *lane)
{
	lane_close_pages(lane);
	lane->lexicon = lexicon_free(lane->lexicon);
	lane->model = NULL;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	for (size_t i = 0; i < e->n_lanes; i++) {
		while (e->lanes[i].head)
			request_cancel(e->lanes[i].head);
		lane_close(&e->lanes[i]);
	}
	(void)schedule_free(e->schedule);
	free(e->logits);
	free(e);
	return NULL;
}

/* --- requests --- */

static struct lane *find_lane(struct engine *e, struct model *m)
{
	struct lane *lane;

	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].model == m)
			return &e->lanes[i];
	for (size_t i = 0; i < LANES_MAX; i++) {
		lane = &e->lanes[i];
		if (lane->model)
			continue;
		/* A first guess of 20 GFLOP/s; the steps correct it. */
		*lane = (struct lane){
			.engine = e, .model = m, .row_nsec = (double)m->parameters / 10 + 100};
		lane->tail = &lane->head;
		if (i == e->n_lanes)
			e->n_lanes++;
		return lane;
	}
	return NULL;
}

size_t engine_requests_of(const struct engine *e, const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_lanes; i++)
		for (struct request *q = e->lanes[i].head; q; q = q->next)
			n += e->lanes[i].model == m;
	return n;
}

void engine_forget(struct engine *e, const struct model *m)
{
	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *lane = &e->lanes[i];

		if (lane->model != m)
			continue;
		assert(!lane->head);
		lane_close(lane);
	}
}

/* Its party counts it no longer. */
static void leave_party(struct request *q)
{
	if (q->party)
		schedule_leave(q->engine->schedule, q->party, engine_now_nsec());
	q->party = NULL;
}

void request_destroy(struct request *q)
{
	leave_party(q);
	tokens_done(&q->ids);
	sequences_done(&q->in);
	request_release_look(q);
	sampler_done(&q->sampler);
	(void)matcher_free(q->matcher);
	(void)grammar_free(q->grammar);
	free(q->biases);
	free(q->logprobs);
	free(q->moved);
	writer_done(&q->writer);
	free(q);
}

int request_new(struct engine *e, struct model *m, const struct request_ops *ops, void *data,
	struct request **ret, struct err *why)
{
	struct lane *lane;
	struct request *q;

	if (e->requests == ENGINE_REQUESTS_MAX)
		return err_set(why, -EBUSY, "%d requests are waiting already, the limit",
			ENGINE_REQUESTS_MAX);
	lane = find_lane(e, m);
	q = lane ? calloc(1, sizeof(*q)) : NULL;
	if (!q)
		return err_set(why, -ENOMEM, "out of memory");
	q->engine = e;
	q->ops = ops;
	q->data = data;
	q->lane = lane;
	writer_init(&q->writer);
	q->party = schedule_enter(e->schedule, "", "", 1, 0, engine_now_nsec());
	if (!q->party) {
		request_destroy(q);
		return err_set(why, -ENOMEM, "out of memory");
	}
	*ret = q;
	return 0;
}

void request_enqueue(struct request *q)
{
	q->born_nsec = engine_now_nsec();
	q->serial = ++q->engine->serials;
	q->prompt_n = (uint32_t)(q->ids.n + q->in.ids.n);
	*q->lane->tail = q;
	q->lane->tail = &q->next;
	q->engine->requests++;
}

/* Takes it out of its lane and gives back what it holds. */
static void leave(struct request *q)
{
	struct request **at = &q->lane->head;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	if (q->lane->tail == &q->next)
		q->lane->tail = at;
	q->next = NULL;
	q->engine->requests--;
	room_leave(q);
	leave_party(q);
}

/* Out of memory it stays with those it was with. */
static void move_party(struct request *q, const char *pool, const char *payer, uint32_t weight)
{
	struct schedule *s = q->engine->schedule;
	struct party *to;

	if (q->dead)
		return;
	to = schedule_enter(s, pool, payer, weight, q->group, engine_now_nsec());
	if (!to)
		return;
	memory_hold(q->party, -(int64_t)(q->n_pages * q->lane->page_bytes));
	memory_hold(to, (int64_t)(q->n_pages * q->lane->page_bytes));
	leave_party(q);
	q->party = to;
}

void request_set_group(struct request *q, uint32_t group)
{
	q->group = group;
	if (q->party)
		move_party(q, party_pool(q->party), party_payer(q->party), party_weight(q->party));
}

void request_set_payer(struct request *q, const char *pool, const char *payer, uint32_t weight)
{
	move_party(q, pool, payer, weight);
}

void request_cancel(struct request *q)
{
	if (q->dead)
		return;
	leave(q);
	q->dead = true;
	if (!q->engine->stepping) {
		request_destroy(q);
		return;
	}
	q->next = q->engine->graveyard;
	q->engine->graveyard = q;
}

void request_usage(const struct request *q, struct usage *ret)
{
	*ret = (struct usage){
		.device_usec = (q->device_nsec + 500) / 1000,
		.device_nsec = q->device_nsec,
		.queue_usec = (q->begun ? q->queue_nsec : engine_now_nsec() - q->born_nsec) / 1000,
		.tokens_in = q->prompt_n,
		.tokens_cached = q->n_cached,
		.tokens_out = q->tokens_out,
	};
}

void request_finish(struct request *q, struct outcome *o)
{
	if (q->dead)
		return;
	request_usage(q, &o->usage);
	request_cancel(q); /* only marks it: a step is running */
	q->ops->on_end(o, q->data);
}

void request_fail(struct request *q, int code, const char *words)
{
	struct outcome o = {.r = code};

	(void)err_set(&o.error, code, "%s", words);
	request_finish(q, &o);
}

void requests_fail(struct request *const *of, size_t m, int code, const char *words)
{
	for (size_t i = 0; i < m; i++)
		if (!of[i]->dead)
			request_fail(of[i], code, words);
}

int model_too_long(const struct model *m, struct err *why)
{
	return err_set(why, -EMSGSIZE, "the text has more than %u tokens, the limit of %s",
		m->net->family->decoder ? m->net->context - 1 : m->net->context, m->id);
}

/* --- steps --- */

int engine_reserve_logits(struct engine *e, size_t n)
{
	float *grown;

	if (n <= e->logits_cap)
		return 0;
	grown = reallocarray(e->logits, n, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	e->logits = grown;
	e->logits_cap = n;
	return 0;
}

size_t lane_row_budget(const struct lane *lane)
{
	double rows = ENGINE_STEP_USEC * 1000.0 / lane->row_nsec;

	return rows < PROMPT_ROWS_MIN     ? PROMPT_ROWS_MIN
	       : rows > NET_STEP_ROWS_MAX ? NET_STEP_ROWS_MAX
					  : (size_t)rows;
}

void lane_learn_row_time(struct lane *lane, uint64_t nsec, size_t rows)
{
	if (rows > 0)
		lane->row_nsec += 0.2 * ((double)nsec / (double)rows - lane->row_nsec);
}

void request_begin(struct request *q, uint64_t now)
{
	struct lane *lane = q->lane;

	if (q->begun)
		return;
	q->queue_nsec = now - q->born_nsec;
	q->begun = true;
	/* Who came later than the last one began has not waited for it. */
	if (lane->begun_nsec >= q->born_nsec)
		lane->begin_gap_nsec +=
			((double)(now - lane->begun_nsec) - lane->begin_gap_nsec) / 8;
	lane->begun_nsec = now;
}

void request_break(struct request *q)
{
	q->broke = true;
	q->engine->broke = true;
}

static void charge_one(struct request *q, uint64_t nsec, bool again)
{
	if (again && q->ops->on_again)
		q->ops->on_again(nsec, q->data);
	if (again)
		return;
	q->device_nsec += nsec;
	if (q->ops->on_charge && !q->ops->on_charge(nsec, q->data))
		request_break(q);
}

void engine_charge(struct engine *e, struct request *const *of, const uint32_t *ends,
	const bool *again, size_t m, uint64_t nsec)
{
	uint64_t from = 0, now = engine_now_nsec();

	if (m == 0 || ends[m - 1] == 0)
		return;
	e->busy_nsec += nsec;
	of[0]->lane->model->net->device->busy_nsec += nsec;
	for (size_t i = 0; i < m; i++) {
		uint64_t to = nsec * ends[i] / ends[m - 1];

		schedule_charge(e->schedule, of[i]->party, to - from, now);
		charge_one(of[i], to - from, again && again[i]);
		from = to;
	}
}

/* Its callbacks may end others too, so the row is begun anew after each. */
static void end_broke(struct lane *lane)
{
	struct request *q = lane->head;

	while (q) {
		if (!q->broke) {
			q = q->next;
			continue;
		}
		if (q->tokens_out > 0)
			request_finish_text(q, "quota");
		else
			request_fail(
				q, -EDQUOT, "the budget was used up before there was a result");
		q = lane->head;
	}
}

size_t engine_first(struct engine *e)
{
	return schedule_first(e->schedule, e->shares.of, e->shares.n, engine_now_nsec());
}

bool engine_may_go(const struct request *q)
{
	return schedule_may_go(q->engine->schedule, q->party, engine_now_nsec());
}

void engine_expect(struct request *q, size_t rows)
{
	schedule_expect(
		q->engine->schedule, q->party, (double)rows * q->lane->row_nsec, engine_now_nsec());
}

/* The model that whoever's turn it is waits for, of several the one whose last step is longest ago;
 * not those that this step has tried. */
static struct lane *next_lane(struct engine *e)
{
	size_t first;

	shares_begin(&e->shares, e->schedule);
	for (size_t i = 0; i < e->n_lanes; i++) {
		if (e->lanes[i].stepped == e->steps || !lane_is_there(&e->lanes[i]))
			continue;
		for (struct request *q = e->lanes[i].head; q; q = q->next) {
			size_t at = share_of(&e->shares, e->schedule, q->party);
			struct request *pick = e->shares.pick[at];

			if (!pick || q->lane->stepped < pick->lane->stepped)
				e->shares.pick[at] = q;
		}
	}
	first = engine_first(e);
	return first == SCHEDULE_NOBODY ? NULL : e->shares.pick[first]->lane;
}

void engine_begin_step(struct engine *e)
{
	assert(!e->stepping);
	e->stepping = true;
}

void engine_end_step(struct engine *e)
{
	e->stepping = false;
	while (e->graveyard) {
		struct request *q = e->graveyard;

		e->graveyard = q->next;
		request_destroy(q);
	}
}

static bool step_lane(struct engine *e, struct lane *lane)
{
	bool ran;

	lane->stepped = e->steps;
	engine_begin_step(e);
	lane_settle(lane);
	if (lane->model->net->family->decoder)
		ran = lane_step_texts(e, lane);
	else if (lane->model->net->family->look)
		ran = lane_step_pictures(e, lane);
	else
		ran = lane_step_encodings(e, lane);
	for (size_t i = 0; e->broke && i < e->n_lanes; i++)
		end_broke(&e->lanes[i]);
	e->broke = false;
	schedule_settle(e->schedule, engine_now_nsec());
	engine_end_step(e);
	return ran;
}

/* Requests whose model is being moved are no work until it is there. */
static bool has_work(const struct engine *e)
{
	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].head && lane_is_there(&e->lanes[i]))
			return true;
	return false;
}

bool engine_step(struct engine *e)
{
	struct lane *lane;

	engine_begin_step(e);
	engine_end_stranded(e);
	engine_end_step(e);
	e->steps++;
	do
		lane = next_lane(e);
	while (lane && !step_lane(e, lane));
	e->idle = !lane;
	return has_work(e);
}

void engine_set_pools(struct engine *e, const struct pool_terms *of, size_t n)
{
	schedule_set_pools(e->schedule, of, n, engine_now_nsec());
}

size_t engine_look_pools(const struct engine *e, struct pool_look *ret, size_t max)
{
	return pools_look(e->schedule, ret, max);
}

uint64_t engine_pause_usec(struct engine *e)
{
	uint64_t usec = pools_pause_nsec(e->schedule, engine_now_nsec()) / 1000;

	if (e->idle && usec < IDLE_USEC)
		usec = IDLE_USEC;
	return usec < ENGINE_STEP_USEC ? usec : ENGINE_STEP_USEC;
}

size_t engine_requests(const struct engine *e)
{
	return e->requests;
}

uint64_t engine_kv_bytes(const struct engine *e)
{
	return e->kv_bytes;
}

uint64_t engine_kv_bytes_on(const struct engine *e, const struct device *d)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].pages && e->lanes[i].model->net->device == d)
			sum += pages_held(e->lanes[i].pages) * e->lanes[i].page_bytes;
	return sum;
}

uint64_t engine_kv_max(const struct engine *e)
{
	return e->kv_max;
}

uint64_t engine_steps(const struct engine *e)
{
	return e->steps;
}

const struct model *engine_model_now(const struct engine *e)
{
	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].head && e->lanes[i].stepped == e->steps)
			return e->lanes[i].model;
	return NULL;
}

uint64_t engine_busy_usec(const struct engine *e)
{
	return e->busy_nsec / 1000;
}
