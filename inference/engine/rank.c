/* Who waits for what, and in which place: looked at now and then, never on the way of a step. */
#include <stdlib.h>

#include "inference/engine/inside.h"

/* What is under way, in a model or in all. */
struct under_way {
	uint32_t parties;
	uint64_t since_nsec;
};

struct place_in_row {
	struct request *q;
	uint32_t nth; /* among its party's that wait for the model */
	uint64_t now_nsec;
};

static bool is_under_way(const struct request *q)
{
	if (!q->lane->model->net)
		return false; /* it is being moved */
	return q->lane->model->net->family->decoder ? q->running : q->begun;
}

/* counts: of the numbers that parties have; zeroed by the caller. */
static void note_under_way(
	struct engine *e, const struct lane *lane, bool *seen, struct under_way *ret)
{
	for (struct request *q = lane->head; q; q = q->next) {
		uint64_t since = q->born_nsec + q->queue_nsec;
		size_t i;

		if (!is_under_way(q))
			continue;
		i = schedule_number(e->schedule, q->party);
		ret->parties += !seen[i];
		seen[i] = true;
		if (!ret->since_nsec || since < ret->since_nsec)
			ret->since_nsec = since;
	}
}

static int by_turn(const void *a, const void *b)
{
	const struct place_in_row *x = a, *y = b;

	/* Who waits for memory was first in the row when it last could have been let in. */
	if (x->q->lacks || y->q->lacks)
		return !x->q->lacks                              ? 1
		       : !y->q->lacks                            ? -1
		       : request_before(x->q, y->q, x->now_nsec) ? -1
								 : 1;
	if (x->nth != y->nth)
		return x->nth < y->nth ? -1 : 1;
	if (x->q->party != y->q->party)
		return party_before(x->q->party, y->q->party) ? -1 : 1;
	return x->q->serial < y->q->serial ? -1 : 1;
}

/* Those who wait, by turns: the first of each party, then the second of each. */
static size_t line_up(
	struct engine *e, const struct lane *lane, struct place_in_row *row, uint64_t now)
{
	uint32_t counts[SHARES_MAX] = {0};
	size_t n = 0;

	schedule_count(e->schedule);
	for (struct request *q = lane->head; q; q = q->next)
		if (!is_under_way(q))
			row[n++] = (struct place_in_row){
				q, counts[schedule_number(e->schedule, q->party)]++, now};
	qsort(row, n, sizeof(*row), by_turn);
	return n;
}

/* Who holds what it waits for, instead of who works with its model. */
static void rank_lack(struct request *q, uint64_t now)
{
	struct engine *e = q->engine;
	struct under_way by = {0};
	bool seen[SHARES_MAX] = {0};

	schedule_count(e->schedule);
	for (size_t i = 0; i < e->n_lanes; i++)
		for (struct request *x = e->lanes[i].head; x; x = x->next) {
			uint64_t since = x->born_nsec + x->queue_nsec;
			size_t at;

			if (x->n_pages == 0 || !request_shares(x, q, q->lacks))
				continue;
			at = schedule_number(e->schedule, x->party);
			by.parties += q->lacks == LACK_OWN || !seen[at];
			seen[at] = true;
			if (x->begun && (!by.since_nsec || since < by.since_nsec))
				by.since_nsec = since;
		}
	if (by.parties == 0)
		return; /* they have ended: the next step lets it in */
	q->wait.lack = q->lacks;
	q->wait.lack_bytes = q->lacks_bytes;
	q->wait.lack_max = q->lacks == LACK_OWN     ? q->memory_max
			   : q->lacks == LACK_SPACE ? e->kv_group_max
						    : e->kv_max;
	q->wait.others = by.parties;
	q->wait.held_nsec = by.since_nsec ? now - by.since_nsec : 0;
}

static void rank_lane(
	struct engine *e, struct lane *lane, const struct under_way *all, uint64_t now)
{
	struct place_in_row row[SHARES_MAX];
	bool seen[SHARES_MAX] = {0};
	struct under_way here = {0};
	size_t n = line_up(e, lane, row, now);

	schedule_count(e->schedule);
	note_under_way(e, lane, seen, &here);
	for (size_t i = 0; i < n; i++) {
		struct request *q = row[i].q;
		size_t own = schedule_number(e->schedule, q->party);
		const struct under_way *by = here.parties > 0 ? &here : all;

		q->wait = (struct wait){.place = (uint32_t)i + 1,
			.of = (uint32_t)n,
			.others = by->parties - (by == &here && seen[own]),
			.held_nsec = by->since_nsec ? now - by->since_nsec : 0,
			.expected_nsec = (uint64_t)((double)(i + 1) * lane->begin_gap_nsec),
			.elsewhere = here.parties == 0 && all->parties > 0};
		q->wait.hold = schedule_hold(e->schedule, q->party, now, &q->wait.pool);
	}
	for (size_t i = 0; i < n; i++)
		if (row[i].q->lacks)
			rank_lack(row[i].q, now);
}

void engine_rank(struct engine *e)
{
	bool seen[SHARES_MAX] = {0};
	struct under_way all = {0};
	uint64_t now = engine_now_nsec();

	schedule_count(e->schedule);
	for (size_t i = 0; i < e->n_lanes; i++)
		note_under_way(e, &e->lanes[i], seen, &all);
	for (size_t i = 0; i < e->n_lanes; i++)
		if (e->lanes[i].head)
			rank_lane(e, &e->lanes[i], &all, now);
}

bool request_wait(const struct request *q, struct wait *ret)
{
	*ret = q->wait;
	return !q->dead && !is_under_way(q) && q->wait.of > 0;
}
