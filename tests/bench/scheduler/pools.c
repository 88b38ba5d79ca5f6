#include "tests/bench/scheduler/pools.h"

#include <stdio.h>
#include <stdlib.h>

#include "inference/schedule/schedule.h"

#define SEC 1000000000ull
/* An encoder's: what any step takes, and each text of 40 rows in it. */
#define STEP_NSEC 1000000ull
#define TEXT_NSEC 2400000ull
#define STEP_TEXTS 4
#define PAYERS 12
#define FIRST 4 /* of them in the first pool */
#define PERIOD (10 * SEC)
#define RESTS (5 * SEC) /* into a period */

enum phase { BOTH, LENT, AFTER, PHASES };

struct pools_world {
	struct schedule *schedule;
	struct party *of[PAYERS]; /* NULL: it rests */
	uint64_t now;
	uint64_t got[PAYERS], pool[PHASES][2], all[PHASES];
	uint64_t since_steps;
	bool waits; /* the first pool is back and has got nothing yet */
	bool rests;
	struct pools_outcome *out;
};

static void enter(struct pools_world *w, int i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "user:%d", i);
	w->of[i] = schedule_enter(
		w->schedule, i < FIRST ? "first" : "second", name, 1, (uint32_t)i, w->now);
	if (!w->of[i])
		abort();
}

static enum phase phase_of(const struct pools_world *w)
{
	uint64_t into = w->now % PERIOD;

	return into >= RESTS ? LENT : into < SEC && w->now > PERIOD ? AFTER : BOTH;
}

static void come_and_go(struct pools_world *w)
{
	bool rests = phase_of(w) == LENT;

	if (rests == w->rests)
		return;
	for (int i = 0; i < FIRST; i++)
		if (rests) {
			schedule_leave(w->schedule, w->of[i], w->now);
			w->of[i] = NULL;
		} else {
			enter(w, i);
		}
	w->rests = rests;
	w->waits = !rests;
	w->since_steps = 0;
}

static void charge(struct pools_world *w, enum phase phase, size_t i, uint64_t nsec)
{
	schedule_charge(w->schedule, w->of[i], nsec, w->now);
	w->got[i] += nsec;
	w->pool[phase][i >= FIRST] += nsec;
}

static void step(struct pools_world *w)
{
	enum phase phase = phase_of(w);
	size_t texts[STEP_TEXTS], n = 0, i;
	uint64_t nsec;

	while (n < STEP_TEXTS &&
		(i = schedule_first(w->schedule, w->of, PAYERS, w->now)) != SCHEDULE_NOBODY) {
		texts[n++] = i;
		schedule_expect(w->schedule, w->of[i], TEXT_NSEC, w->now);
		if (w->waits && i < FIRST) {
			w->waits = false;
			if (w->since_steps > w->out->back_steps)
				w->out->back_steps = w->since_steps;
		}
	}
	nsec = n ? STEP_NSEC + n * TEXT_NSEC : STEP_NSEC;
	w->now += nsec;
	w->all[phase] += nsec;
	for (size_t k = 0; k < n; k++)
		charge(w, phase, texts[k], nsec / n);
	schedule_settle(w->schedule, w->now);
	w->since_steps++;
}

static double jain(const uint64_t *of, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		sum += (double)of[i];
		squares += (double)of[i] * (double)of[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : 1;
}

static double part(uint64_t of, uint64_t all)
{
	return all ? (double)of / (double)all : 0;
}

static void judge(struct pools_world *w)
{
	uint64_t used = 0, all = 0;

	for (int i = 0; i < PHASES; i++) {
		used += w->pool[i][0] + w->pool[i][1];
		all += w->all[i];
	}
	w->out->both = part(w->pool[BOTH][0], w->all[BOTH]);
	w->out->lent = part(w->pool[LENT][1], w->all[LENT]);
	w->out->after = part(w->pool[AFTER][0], w->all[AFTER]);
	w->out->jain[0] = jain(w->got, FIRST);
	w->out->jain[1] = jain(w->got + FIRST, PAYERS - FIRST);
	w->out->busy = part(used, all);
}

void pools_run(double sec, bool lend, bool borrow, struct pools_outcome *ret)
{
	const struct pool_terms terms[] = {
		{.name = "first", .percent = 70, .lend = lend, .borrow = true},
		{.name = "second", .percent = 30, .lend = true, .borrow = borrow},
	};
	struct pools_world w = {.now = 1, .out = ret};

	*ret = (struct pools_outcome){0};
	if (schedule_new(&w.schedule) < 0)
		abort();
	schedule_set_pools(w.schedule, terms, 2, w.now);
	for (int i = 0; i < PAYERS; i++)
		enter(&w, i);
	while (w.now < (uint64_t)(sec * (double)SEC)) {
		come_and_go(&w);
		step(&w);
	}
	judge(&w);
	for (int i = 0; i < PAYERS; i++)
		if (w.of[i])
			schedule_leave(w.schedule, w.of[i], w.now);
	(void)schedule_free(w.schedule);
}
