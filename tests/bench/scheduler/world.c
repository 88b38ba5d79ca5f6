#include "tests/bench/scheduler/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/scheduler/inside.h"

#define STEP_NSEC 10000000.0 /* that a step aims at, as the engine's */
#define ROWS_MIN 4
#define ROWS_MAX 512
#define PIECE 8                  /* rows of a prompt that are given at a time */
#define WINDOW_NSEC 200000000ull /* in which what each got is held against what was fair */

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

void trace_done(struct trace *t)
{
	free(t->of);
}

void trace_add(struct trace *t, const struct arrival *a)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 1024;
		t->of = must(reallocarray(t->of, t->cap, sizeof(*t->of)));
	}
	t->of[t->n++] = *a;
}

static int by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	return x->at_nsec < y->at_nsec ? -1 : x->at_nsec > y->at_nsec;
}

void trace_sort(struct trace *t)
{
	qsort(t->of, t->n, sizeof(*t->of), by_time);
}

/* --- who is there --- */

static uint32_t find_party(struct world *w, const struct arrival *a)
{
	for (uint32_t i = 0; i < w->n_parties; i++)
		if (w->parties[i].payer == a->payer && w->parties[i].space == a->space)
			return i;
	if (w->n_parties == WORLD_PARTIES_MAX)
		abort();
	w->parties[w->n_parties] = (struct party_seen){.payer = a->payer, .space = a->space};
	return (uint32_t)w->n_parties++;
}

static uint32_t weight_of(const struct world *w, uint32_t payer)
{
	return w->t->weights[payer] ? w->t->weights[payer] : 1;
}

static double row_cost(const struct world *w, const struct work *q)
{
	return w->t->lanes[q->of->lane].row_nsec;
}

static void arrive(struct world *w, const struct arrival *a)
{
	uint32_t party = find_party(w, a);
	struct party_seen *p = &w->parties[party];
	struct payer_seen *y = &w->payers[a->payer];
	struct work *q;
	char name[16];

	if (p->calls == WORLD_CALLS_MAX) {
		w->out->refused++;
		return;
	}
	q = must(calloc(1, sizeof(*q)));
	*q = (struct work){.of = a, .party = party};
	*w->tail = q;
	w->tail = &q->next;
	p->calls++;
	y->left_now += (a->rows + a->tokens) * w->t->lanes[a->lane].row_nsec;
	if (y->waiting++ == 0)
		y->since = w->now;
	(void)snprintf(name, sizeof(name), "user:%u", a->payer);
	p->party = must(
		schedule_enter(w->schedule, "", name, weight_of(w, a->payer), a->space, w->now));
}

static void leave(struct world *w, struct work **at)
{
	struct work *q = *at;
	struct party_seen *p = &w->parties[q->party];

	seats_release(w, q);
	p->calls--;
	w->payers[p->payer].waiting--;
	schedule_leave(w->schedule, p->party, w->now);
	*at = q->next;
	if (w->tail == &q->next)
		w->tail = at;
	free(q);
	w->out->done++;
}

/* --- who goes first: the three rules --- */

/* Of the parties that have a pick. */
static size_t first(struct world *w)
{
	struct party *of[WORLD_PARTIES_MAX];
	size_t best = SCHEDULE_NOBODY;

	if (w->rule == RULE_FAIR) {
		for (size_t i = 0; i < w->n_parties; i++)
			of[i] = w->parties[i].pick ? w->parties[i].party : NULL;
		return schedule_first(w->schedule, of, w->n_parties, w->now);
	}
	for (size_t i = 0; i < w->n_parties; i++) {
		const struct party_seen *p = &w->parties[i];
		const struct party_seen *b = best == SCHEDULE_NOBODY ? NULL : &w->parties[best];

		if (p->pick && (!b || (w->rule == RULE_FIFO ? p->pick->of < b->pick->of
							    : p->order < b->order)))
			best = i;
	}
	return best;
}

static void took(struct world *w, size_t party, double nsec)
{
	w->parties[party].order = ++w->turns;
	schedule_expect(w->schedule, w->parties[party].party, nsec, w->now);
}

static bool waits_in(const struct work *q, uint32_t lane)
{
	return q->of->lane == lane;
}

static uint32_t choose_lane(struct world *w)
{
	size_t i;

	if (w->rule == RULE_ROBIN) {
		for (size_t tries = 0; tries < w->t->n_lanes; tries++) {
			uint32_t lane = w->lane_turn++ % (uint32_t)w->t->n_lanes;

			for (const struct work *q = w->head; q; q = q->next)
				if (waits_in(q, lane))
					return lane;
		}
	}
	for (i = 0; i < w->n_parties; i++)
		w->parties[i].pick = NULL;
	for (struct work *q = w->head; q; q = q->next)
		if (!w->parties[q->party].pick)
			w->parties[q->party].pick = q;
	i = first(w);
	return w->parties[i].pick->of->lane;
}

/* --- a step --- */

static uint32_t wants_rows(const struct work *q)
{
	uint32_t there = q->of->rows + (q->of->tokens > 0 ? q->written : 0);

	if (q->of->tokens > 0 && !q->seated)
		return 0;
	return there > q->read + q->taken ? there - q->read - q->taken : 0;
}

static uint32_t rows_max(const struct lane_cost *c)
{
	double rows = (STEP_NSEC - c->step_nsec) / c->row_nsec;

	return rows < ROWS_MIN ? ROWS_MIN : rows > ROWS_MAX ? ROWS_MAX : (uint32_t)rows;
}

static struct work *next_pick(struct work *q, uint32_t lane, uint32_t party)
{
	while (q && (q->of->lane != lane || q->party != party || wants_rows(q) == 0))
		q = q->next;
	return q;
}

/* Prompts in pieces, sequences whole. */
static uint32_t give_rows(struct world *w, size_t party, uint32_t left, bool begun)
{
	struct work *q = w->parties[party].pick;
	uint32_t n = wants_rows(q);

	if (q->of->tokens > 0)
		n = n < PIECE ? n : PIECE;
	else if (n > left && begun) {
		w->parties[party].pick = NULL; /* it has no room; first in the next step */
		return 0;
	}
	n = n < left || q->of->tokens == 0 ? n : left;
	q->taken += n;
	took(w, party, n * row_cost(w, q));
	w->parties[party].pick = next_pick(q, q->of->lane, q->party);
	return n;
}

static uint32_t gather(struct world *w, uint32_t lane)
{
	const struct lane_cost *c = &w->t->lanes[lane];
	uint32_t budget = rows_max(c), rows = 0;
	size_t i;

	for (i = 0; i < w->n_parties; i++)
		w->parties[i].pick = NULL;
	for (struct work *q = w->head; q; q = q->next) {
		q->taken = 0;
		if (q->of->lane == lane && seats_is_writing(q))
			seats_grow(w, q);
	}
	for (struct work *q = w->head; q; q = q->next) {
		if (q->of->lane == lane && seats_is_writing(q)) {
			q->taken = 1;
			rows++;
			schedule_expect(
				w->schedule, w->parties[q->party].party, c->row_nsec, w->now);
		} else if (q->of->lane == lane && !w->parties[q->party].pick && wants_rows(q) > 0)
			w->parties[q->party].pick = q;
	}
	if (budget < rows + ROWS_MIN)
		budget = rows + ROWS_MIN;
	while (rows < budget && (i = first(w)) != SCHEDULE_NOBODY)
		rows += give_rows(w, i, budget - rows, rows > 0);
	return rows;
}

static void note_wait(struct world *w, const struct work *q)
{
	uint64_t waited = w->now - q->of->at_nsec;

	if (w->t->ordinary[q->of->payer])
		w->waits[w->n_waits++ % PICKS] = waited;
}

/* What an ordinary payer had to go without. */
static void note_gap(struct world *w, uint32_t payer, uint64_t now)
{
	struct payer_seen *y = &w->payers[payer];

	if (w->t->ordinary[payer] && now > y->since && now - y->since > w->out->gap_nsec)
		w->out->gap_nsec = now - y->since;
}

static void serve(struct world *w, struct work *q, double nsec, uint64_t began)
{
	struct payer_seen *y = &w->payers[q->of->payer];
	uint32_t fresh;

	if (!q->begun)
		note_wait(w, q);
	q->begun = true;
	note_gap(w, q->of->payer, began);
	schedule_charge(w->schedule, w->parties[q->party].party, (uint64_t)nsec, w->now);
	y->charged += nsec;
	y->since = w->now;
	q->read += q->taken;
	fresh = q->read > q->most_read ? q->read - q->most_read : 0;
	if (q->read > q->most_read)
		q->most_read = q->read;
	y->got_now += fresh * row_cost(w, q);
	y->left_now -= fresh * row_cost(w, q);
	if (q->of->tokens == 0 || q->read != q->of->rows + q->written)
		return;
	q->written++; /* the last row says what comes next */
	if (q->written == q->of->tokens)
		y->left_now -= row_cost(w, q); /* which is not read any more */
}

static bool is_over(const struct work *q)
{
	return q->of->tokens > 0 ? q->written >= q->of->tokens : q->read >= q->of->rows;
}

/* Of the processor, whatever else it does. */
static uint64_t real_nsec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void step(struct world *w)
{
	uint64_t from = real_nsec(), began = w->now;
	uint32_t lane = choose_lane(w), rows;
	double nsec;

	seats_give(w, lane);
	rows = gather(w, lane);
	w->decided_nsec += (double)(real_nsec() - from);
	w->steps++;
	nsec = w->t->lanes[lane].step_nsec + rows * w->t->lanes[lane].row_nsec;
	for (struct work *q = w->head; q; q = q->next)
		if (q->of->lane == lane && q->taken > 0 && !q->begun)
			note_wait(w, q), q->begun = true;
	w->now += (uint64_t)nsec;
	for (struct work **at = &w->head; *at;) {
		struct work *q = *at;

		if (q->of->lane == lane && q->taken > 0)
			serve(w, q, nsec * q->taken / rows, began);
		if (is_over(q))
			leave(w, at);
		else
			at = &q->next;
	}
	schedule_settle(w->schedule, w->now);
}

/* --- what came of it --- */

/* What it wanted in the window. */
static double wanted(const struct payer_seen *y)
{
	return y->got_now + y->left_now > 1 ? y->got_now + y->left_now : 0;
}

/* Of what was given in a window, what each would get where nobody gets more than they wanted and
 * the rest is divided by weight. */
static void divide(const struct world *w, double all, double *fair)
{
	bool full[WORLD_PAYERS_MAX] = {0}, again = true;

	while (again) {
		double left = all, weights = 0;

		again = false;
		for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++) {
			if (full[i])
				left -= wanted(&w->payers[i]);
			else if (wanted(&w->payers[i]) > 0)
				weights += weight_of(w, i);
		}
		for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++) {
			if (full[i] || wanted(&w->payers[i]) == 0)
				continue;
			fair[i] = left * weight_of(w, i) / weights;
			if (fair[i] >= wanted(&w->payers[i])) {
				fair[i] = wanted(&w->payers[i]);
				full[i] = again = true;
			}
		}
	}
}

static void close_window(struct world *w)
{
	double fair[WORLD_PAYERS_MAX] = {0}, all = 0;

	for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++)
		all += w->payers[i].got_now;
	divide(w, all, fair);
	for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++) {
		w->payers[i].fair += fair[i];
		w->payers[i].got += w->payers[i].got_now;
		w->payers[i].got_now = 0;
	}
	w->window = w->now + WINDOW_NSEC;
}

static void judge(struct world *w)
{
	double sum = 0, squares = 0, all = 0, charged = 0;
	size_t n = 0;

	close_window(w);
	for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++) {
		all += w->payers[i].got;
		charged += w->payers[i].charged;
	}
	for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++) {
		const struct payer_seen *y = &w->payers[i];
		double x = y->fair > 0 ? y->got / y->fair : 0;

		w->out->shares[i] = charged > 0 ? y->charged / charged : 0;
		if (y->fair == 0)
			continue;
		sum += x;
		squares += x * x;
		n++;
	}
	w->out->jain = n > 0 && squares > 0 ? sum * sum / ((double)n * squares) : 1;
	w->out->useful = all / (double)w->now;
	w->out->decide_nsec = w->steps ? w->decided_nsec / (double)w->steps : 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void settle_waits(struct world *w)
{
	size_t n = w->n_waits < PICKS ? w->n_waits : PICKS;

	if (n == 0)
		return;
	qsort(w->waits, n, sizeof(w->waits[0]), by_size);
	w->out->wait_nsec = w->waits[n * 99 / 100];
}

void world_run(const struct trace *t, enum rule rule, struct outcome_of *ret)
{
	struct world *w = must(calloc(1, sizeof(*w)));
	size_t next = 0;

	*ret = (struct outcome_of){0};
	*w = (struct world){.t = t, .rule = rule, .out = ret, .now = 1};
	w->tail = &w->head;
	w->window = WINDOW_NSEC;
	if (schedule_new(&w->schedule) < 0)
		abort();
	while (w->now < t->until_nsec && (w->head || next < t->n)) {
		if (!w->head && t->of[next].at_nsec > w->now)
			w->now = t->of[next].at_nsec;
		while (next < t->n && t->of[next].at_nsec <= w->now)
			arrive(w, &t->of[next++]);
		if (w->now >= w->window)
			close_window(w);
		if (w->head)
			step(w);
	}
	for (uint32_t i = 0; i < WORLD_PAYERS_MAX; i++)
		if (w->payers[i].waiting > 0)
			note_gap(w, i, w->now);
	judge(w);
	settle_waits(w);
	while (w->head)
		leave(w, &w->head);
	(void)schedule_free(w->schedule);
	free(w);
}
