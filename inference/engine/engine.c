#include "inference/engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inference/engine/sample.h"
#include "inference/engine/share.h"

#define LANES_MAX 256     /* models with work */
#define PROMPT_ROWS_MIN 4 /* a prompt moves on at least this much in a step */

struct request {
	struct request *next;
	struct engine *engine;
	struct lane *lane;
	const struct request_ops *ops;
	void *data;
	uint32_t group;
	uint32_t taken; /* texts, or rows of its prompt, that the step at hand has taken */
	bool dead;      /* cancelled or ended while a step runs; freed at its end */

	struct tokens ids; /* owned; the prompt, or all texts one after the other */
	uint32_t starts[ENGINE_TEXTS_MAX + 1]; /* classification: of each text in ids */
	size_t n_texts, texts_done;
	float *scores; /* owned; n_texts x labels */

	struct kv *kv; /* owned; NULL while queued */
	uint64_t kv_bytes;
	uint32_t capacity; /* tokens that fit in kv */
	uint32_t position; /* tokens in kv */
	uint32_t next_id;  /* the token to read next, once the prompt is done */
	struct sampling sampling;
	struct sampler sampler;
	struct writer writer;

	uint64_t born_nsec, device_nsec;
	uint64_t queue_nsec;
	bool begun;
	uint32_t tokens_out;
};

/* The requests of one model, oldest first. */
struct lane {
	struct model *model; /* borrowed */
	struct request *head, **tail;
	size_t writing;  /* requests with a kv */
	size_t turn;     /* of the groups: whose text comes first */
	double row_nsec; /* running average of one row's time */
};

struct engine {
	struct lane lanes[LANES_MAX];
	size_t n_lanes, turn;
	size_t requests;
	uint64_t kv_bytes;
	uint64_t busy_nsec;
	bool stepping;
	struct request *graveyard; /* dead, freed after the step */
	float *logits;             /* owned; scratch */
	size_t logits_cap;
};

/* One step's rows. */
struct step {
	uint32_t ids[NET_STEP_ROWS_MAX];
	struct place places[NET_STEP_ROWS_MAX];
	struct request *of[NET_STEP_ROWS_MAX];
	uint32_t wanted[NET_STEP_ROWS_MAX];
	size_t m, n_wanted;
};

static uint64_t now_nsec(void)
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
	*ret = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	for (size_t i = 0; i < e->n_lanes; i++)
		while (e->lanes[i].head)
			request_cancel(e->lanes[i].head);
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
	if (e->n_lanes == LANES_MAX)
		return NULL;
	lane = &e->lanes[e->n_lanes++];
	/* A first guess of 20 GFLOP/s; the steps correct it. */
	*lane = (struct lane){.model = m, .row_nsec = (double)m->parameters / 10 + 100};
	lane->tail = &lane->head;
	return lane;
}

static void request_destroy(struct request *q)
{
	tokens_done(&q->ids);
	free(q->scores);
	sampler_done(&q->sampler);
	writer_done(&q->writer);
	free(q);
}

static struct request *request_new(
	struct engine *e, struct model *m, const struct request_ops *ops, void *data)
{
	struct request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->engine = e;
	q->ops = ops;
	q->data = data;
	q->lane = find_lane(e, m);
	writer_init(&q->writer);
	return q;
}

static void enqueue(struct request *q)
{
	q->born_nsec = now_nsec();
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
	if (q->kv) {
		struct device *d = q->lane->model->net->device;

		d->ops->kv_free(d, q->kv);
		q->kv = NULL;
		q->engine->kv_bytes -= q->kv_bytes;
		q->lane->writing--;
	}
}

void request_set_group(struct request *q, uint32_t group)
{
	q->group = group;
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

static void finish(struct request *q, struct outcome *o)
{
	if (q->dead)
		return;
	o->usage = (struct usage){
		.device_usec = (q->device_nsec + 500) / 1000,
		.queue_usec = q->queue_nsec / 1000,
		.tokens_in = (uint32_t)q->ids.n,
		.tokens_out = q->tokens_out,
	};
	request_cancel(q); /* only marks it: a step is running */
	q->ops->on_end(o, q->data);
}

static void finish_failed(struct request *q, int code, const char *words)
{
	struct outcome o = {.r = code};

	(void)err_set(&o.error, code, "%s", words);
	finish(q, &o);
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
	finish(q, &o);
}

/* --- new work --- */

static int check_room(const struct engine *e, struct err *why)
{
	if (e->requests < ENGINE_REQUESTS_MAX)
		return 0;
	return err_set(
		why, -EBUSY, "%d requests are waiting already, the limit", ENGINE_REQUESTS_MAX);
}

static int too_long(const struct model *m, struct err *why)
{
	return err_set(why, -EMSGSIZE, "the text has more than %u tokens, the limit of %s",
		m->net->family->decoder ? m->net->context - 1 : m->net->context, m->id);
}

static int add_texts(
	struct request *q, struct model *m, const struct text *texts, size_t n, struct err *why)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = {0};
		int r;

		q->ids.max = q->ids.n + m->net->context;
		r = tokenizer_encode(m->tokenizer, texts[i].s, texts[i].n, true, &q->ids, &e);
		if (r == -EMSGSIZE)
			return too_long(m, why);
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
	int r = check_room(e, why);

	if (r < 0)
		return r;
	if (m->net->family->decoder)
		return err_set(why, -ENOTSUP, "%s does not classify", m->id);
	if (n == 0 || n > ENGINE_TEXTS_MAX)
		return err_set(
			why, -EMSGSIZE, "%zu texts, the limit is 1 to %d", n, ENGINE_TEXTS_MAX);
	q = request_new(e, m, ops, data);
	if (!q || !q->lane) {
		free(q);
		return err_set(why, -ENOMEM, "out of memory");
	}
	q->scores = calloc(n * m->net->n_labels, sizeof(*q->scores));
	r = q->scores ? add_texts(q, m, texts, n, why) : err_set(why, -ENOMEM, "out of memory");
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	enqueue(q);
	*ret = q;
	return 0;
}

static int prepare_prompt(
	struct request *q, struct model *m, const struct prompt *p, struct err *why)
{
	struct err e = {0};
	uint32_t room;
	int r;

	q->ids.max = m->net->context - 1; /* at least one token is to be written */
	r = tokenizer_encode(m->tokenizer, p->text.s, p->text.n, p->framed, &q->ids, &e);
	if (r == -EMSGSIZE)
		return too_long(m, why);
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
	int r = check_room(e, why);

	if (r < 0)
		return r;
	if (!m->net->family->decoder)
		return err_set(why, -ENOTSUP, "%s writes no text", m->id);
	q = request_new(e, m, ops, data);
	if (!q || !q->lane) {
		free(q);
		return err_set(why, -ENOMEM, "out of memory");
	}
	r = prepare_prompt(q, m, p, why);
	if (r < 0) {
		request_destroy(q);
		return r;
	}
	enqueue(q);
	*ret = q;
	return 0;
}

/* --- steps --- */

static int reserve_logits(struct engine *e, size_t n)
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

/* Rows that fit into a step's time. */
static size_t row_budget(const struct lane *lane)
{
	double rows = ENGINE_STEP_USEC * 1000.0 / lane->row_nsec;

	return rows < PROMPT_ROWS_MIN     ? PROMPT_ROWS_MIN
	       : rows > NET_STEP_ROWS_MAX ? NET_STEP_ROWS_MAX
					  : (size_t)rows;
}

static void learn_row_time(struct lane *lane, uint64_t nsec, size_t rows)
{
	if (rows > 0)
		lane->row_nsec += 0.2 * ((double)nsec / (double)rows - lane->row_nsec);
}

static void begin(struct request *q, uint64_t now)
{
	if (!q->begun)
		q->queue_nsec = now - q->born_nsec;
	q->begun = true;
}

/* Splits a step's time over its rows; the shares add up to it. */
static void charge(struct engine *e, struct request *const *of, size_t m, uint64_t nsec)
{
	e->busy_nsec += nsec;
	for (size_t i = 0; i < m; i++)
		of[i]->device_nsec += nsec * (i + 1) / m - nsec * i / m;
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
				finish_failed(q, -ENOMEM, "out of memory");
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
	size_t budget = row_budget(lane), groups = count_reading(lane), left;

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

/* The request's next token is known: write it, or end. */
static void take_token(struct request *q, const float *logits)
{
	const struct model *m = q->lane->model;
	const char *bytes, *fresh;
	size_t n;
	uint32_t id;
	int r = sampler_next(&q->sampler, &q->sampling, logits, m->net->vocab, &id);

	if (r < 0) {
		finish_failed(
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

static void fail_all(struct request *const *of, size_t m, int code, const char *words)
{
	for (size_t i = 0; i < m; i++)
		if (!of[i]->dead)
			finish_failed(of[i], code, words);
}

static void step_writing(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct step s = {0};
	uint64_t from, nsec;
	int r;

	admit(e, lane);
	gather_rows(lane, &s);
	if (s.m == 0)
		return;
	from = now_nsec();
	for (size_t i = 0; i < s.m; i++)
		begin(s.of[i], from);
	r = reserve_logits(e, s.n_wanted * net->vocab);
	if (r == 0)
		r = net->family->step(net, s.ids, s.places, s.m, s.wanted, s.n_wanted, e->logits);
	nsec = now_nsec() - from;
	charge(e, s.of, s.m, nsec);
	if (r < 0) {
		fail_all(s.of, s.m, r, "out of memory");
		return;
	}
	learn_row_time(lane, nsec, s.m);
	for (size_t i = 0; i < s.n_wanted; i++)
		if (!s.of[s.wanted[i]]->dead)
			take_token(s.of[s.wanted[i]], e->logits + i * net->vocab);
}

/* --- classification --- */

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
			finish_failed(q, -EDOM, "the model's output is not a number");
			return;
		}
	if (q->texts_done == q->n_texts)
		finish(q, &o);
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
	size_t budget = row_budget(lane);
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

/* Splits a step's time over its texts by their lengths. */
static void charge_texts(struct engine *e, const struct texts *t, uint64_t nsec)
{
	e->busy_nsec += nsec;
	for (size_t i = 0; i < t->n; i++)
		t->of[i]->device_nsec +=
			nsec * t->starts[i + 1] / t->ids.n - nsec * t->starts[i] / t->ids.n;
}

static void step_classifying(struct engine *e, struct lane *lane)
{
	struct net *net = lane->model->net;
	struct texts t = {0};
	int r = gather_texts(lane, &t);
	uint64_t from = now_nsec(), nsec;

	for (size_t i = 0; i < t.n; i++)
		begin(t.of[i], from);
	if (r == 0)
		r = reserve_logits(e, t.n * net->n_labels);
	if (r == 0)
		r = net->family->classify(net, t.ids.ids, t.starts, t.n, e->logits);
	nsec = now_nsec() - from;
	if (r < 0) {
		fail_all(t.of, t.n, r, "out of memory");
	} else {
		charge_texts(e, &t, nsec);
		learn_row_time(lane, nsec, t.ids.n);
		for (size_t i = 0; i < t.n; i++)
			if (!t.of[i]->dead)
				take_scores(t.of[i], e->logits + i * net->n_labels);
	}
	tokens_done(&t.ids);
}

bool engine_step(struct engine *e)
{
	assert(!e->stepping);
	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *lane = &e->lanes[e->turn++ % e->n_lanes];

		if (!lane->head)
			continue;
		e->stepping = true;
		if (lane->model->net->family->decoder)
			step_writing(e, lane);
		else
			step_classifying(e, lane);
		e->stepping = false;
		while (e->graveyard) {
			struct request *q = e->graveyard;

			e->graveyard = q->next;
			request_destroy(q);
		}
		break;
	}
	return e->requests > 0;
}

size_t engine_requests(const struct engine *e)
{
	return e->requests;
}

uint64_t engine_busy_usec(const struct engine *e)
{
	return e->busy_nsec / 1000;
}
