/* Which texts are under way: a place in their model, and memory for what they have said, as
 * inference/engine/claims.c gives it out; and as a plain queue does, and a plain round robin. */
#include <stdlib.h>

#include "tests/bench/scheduler/inside.h"

#define GIVE_WAYS_MAX 3 /* as ENGINE_GIVE_WAYS_MAX */
#define HOLDINGS_MAX (WORLD_SEATS * WORLD_LANES_MAX)

bool seats_is_writing(const struct work *q)
{
	return q->seated && q->read >= q->of->rows && q->read == q->of->rows + q->written;
}

/* --- memory --- */

static void hold(struct world *w, struct work *q, uint32_t pages)
{
	int64_t more = (int64_t)pages - q->pages;

	w->pages += (uint64_t)more;
	memory_hold(w->parties[q->party].party, more);
	q->pages = pages;
}

void seats_release(struct world *w, struct work *q)
{
	hold(w, q, 0);
}

static uint32_t pages_of(uint32_t tokens)
{
	return (tokens + WORLD_PAGE - 1) / WORLD_PAGE;
}

/* With each time that it gave way it needs more of what it may yet say. */
static uint32_t pages_wanted(const struct work *q)
{
	uint32_t left = q->of->tokens - q->written;

	return pages_of(q->of->rows + q->written + left * q->gave_way / GIVE_WAYS_MAX);
}

static uint64_t pages_over(const struct world *w, uint32_t more)
{
	uint64_t max = w->t->memory_pages;

	return max && w->pages + more > max ? w->pages + more - max : 0;
}

static void put_back(struct world *w, struct work *q)
{
	q->seated = false;
	q->read -= q->read % WORLD_PAGE;
	if (w->t->memory_pages)
		q->read = 0; /* its pages are others' now */
	seats_release(w, q);
	w->out->put_back++;
}

static struct claim claim_of(const struct world *w, const struct work *q)
{
	return (struct claim){w->parties[q->party].party, pages_wanted(q),
		q->lacks_nsec ? q->lacks_nsec : w->now};
}

static bool comes_before(const struct world *w, const struct work *a, const struct work *b)
{
	const struct claim x = claim_of(w, a), y = claim_of(w, b);

	if (a->party != b->party)
		return memory_before(w->schedule, &x, &y, w->now);
	if (a->lacks_nsec != b->lacks_nsec)
		return a->lacks_nsec && (!b->lacks_nsec || a->lacks_nsec < b->lacks_nsec);
	return a->of < b->of;
}

static struct work *first_lacking(const struct world *w)
{
	struct work *first = NULL;

	for (struct work *q = w->head; q; q = q->next)
		if (!q->seated && q->lacks_nsec && (!first || comes_before(w, q, first)))
			first = q;
	return first;
}

static size_t list_holdings(
	struct world *w, const struct work *but, struct holding *of, struct work **who)
{
	size_t n = 0;

	for (struct work *q = w->head; q; q = q->next) {
		if (!q->seated || q == but || q->gave_way >= GIVE_WAYS_MAX)
			continue;
		who[n] = q;
		of[n++] = (struct holding){.party = w->parties[q->party].party,
			.bytes = q->pages,
			.again_nsec = (uint64_t)(q->read * w->t->lanes[q->of->lane].row_nsec)};
	}
	return n;
}

static void give_way(struct world *w, struct work *q)
{
	put_back(w, q);
	q->gave_way++;
	q->lacks_nsec = w->now;
}

static bool make_way(struct world *w, struct work *q, uint64_t pages)
{
	struct holding of[HOLDINGS_MAX];
	struct work *who[HOLDINGS_MAX];
	size_t n = list_holdings(w, q, of, who);
	const struct claim c = claim_of(w, q);

	if (memory_make_way(w->schedule, of, n, &c, pages, w->now) == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (of[i].yields)
			give_way(w, who[i]);
	return true;
}

/* Memory for all that it has said, by the schedule. */
static bool let_in(struct world *w, struct work *q)
{
	struct work *first = first_lacking(w);
	struct claim c = claim_of(w, q);
	uint64_t over = pages_over(w, pages_wanted(q));

	if ((first && first != q && comes_before(w, first, q)) ||
		(over > 0 && !make_way(w, q, over))) {
		if (!q->lacks_nsec)
			q->lacks_nsec = w->now;
		return false;
	}
	memory_let_in(w->schedule, &c, w->now);
	q->lacks_nsec = 0;
	hold(w, q, pages_wanted(q));
	return true;
}

/* The text under way that came last. */
static struct work *youngest(const struct world *w)
{
	struct work *found = NULL;

	for (struct work *q = w->head; q; q = q->next)
		if (q->seated)
			found = q;
	return found;
}

static struct work *holds_most(struct world *w)
{
	struct holding of[HOLDINGS_MAX];
	struct work *who[HOLDINGS_MAX];
	size_t n = list_holdings(w, NULL, of, who);

	return who[memory_most(w->schedule, of, n)];
}

void seats_grow(struct world *w, struct work *q)
{
	while (q->seated && q->pages * WORLD_PAGE <= q->read) {
		if (pages_over(w, 1) == 0)
			hold(w, q, q->pages + 1);
		else if (w->rule == RULE_FAIR)
			give_way(w, holds_most(w));
		else
			put_back(w, youngest(w));
	}
}

/* --- places --- */

/* Of its texts under way the one that loses least, of those the youngest. */
static struct work *cheapest(struct world *w, uint32_t lane, size_t party)
{
	struct work *found = NULL;

	for (struct work *q = w->head; q; q = q->next)
		if (q->seated && q->of->lane == lane && q->party == party &&
			(!found || q->read % WORLD_PAGE <= found->read % WORLD_PAGE))
			found = q;
	return found;
}

static struct work *first_waiting(struct world *w, uint32_t lane, size_t party)
{
	struct work *first = NULL;

	for (struct work *q = w->head; q; q = q->next)
		if (!q->seated && q->of->tokens > 0 && q->of->lane == lane && q->party == party &&
			(!first || comes_before(w, q, first)))
			first = q;
	return first;
}

static size_t count_seats(struct world *w, uint32_t lane, size_t *ret_groups)
{
	size_t held = 0;

	*ret_groups = 0;
	for (size_t i = 0; i < w->n_parties; i++)
		w->parties[i].held = w->parties[i].waiting = 0;
	for (struct work *q = w->head; q; q = q->next)
		if (q->of->lane == lane && q->of->tokens > 0) {
			struct party_seen *p = &w->parties[q->party];

			*ret_groups += p->held + p->waiting == 0;
			p->held += q->seated;
			p->waiting += !q->seated;
			held += q->seated;
		}
	return held;
}

/* False: somebody gave way, and seats are not what they were. */
static bool seat_one(struct world *w, uint32_t lane, const size_t *of, struct seat *seats,
	size_t to, size_t from)
{
	struct work *q = first_waiting(w, lane, of[to]);
	struct work *back = from == SCHEDULE_NOBODY ? NULL : cheapest(w, lane, of[from]);
	size_t before = w->out->put_back;

	if ((back && !schedule_worth(&seats[to], back->read % WORLD_PAGE)) || !let_in(w, q)) {
		seats[to].waiting = 0;
		return true;
	}
	q->seated = true;
	seats[to].held++;
	seats[to].waiting--;
	if (w->out->put_back > before)
		return false;
	if (back) {
		put_back(w, back);
		seats[from].held--;
		seats[from].waiting++;
	}
	return true;
}

static void seat_fairly(struct world *w, uint32_t lane)
{
	struct seat seats[WORLD_PARTIES_MAX];
	size_t of[WORLD_PARTIES_MAX], n = 0, groups, to, from;

	(void)count_seats(w, lane, &groups);
	for (size_t i = 0; i < w->n_parties; i++)
		if (w->parties[i].held + w->parties[i].waiting > 0) {
			seats[n] = (struct seat){
				w->parties[i].party, w->parties[i].held, w->parties[i].waiting};
			of[n++] = i;
		}
	while ((to = schedule_seat(seats, n, WORLD_SEATS, w->now, &from)) != SCHEDULE_NOBODY)
		if (!seat_one(w, lane, of, seats, to, from))
			return;
}

static void seat_plainly(struct world *w, uint32_t lane)
{
	size_t groups, held = count_seats(w, lane, &groups);
	size_t each = w->rule == RULE_FIFO ? WORLD_SEATS : WORLD_SEATS / (groups + 1);

	for (struct work *q = w->head; q && held < WORLD_SEATS; q = q->next) {
		struct party_seen *p = &w->parties[q->party];

		if (q->seated || q->of->tokens == 0 || q->of->lane != lane ||
			p->held >= (each ? each : 1))
			continue;
		if (pages_over(w, pages_wanted(q)) > 0) {
			if (w->rule == RULE_FIFO)
				return; /* who came later waits behind it */
			continue;
		}
		hold(w, q, pages_wanted(q));
		q->seated = true;
		p->held++;
		held++;
	}
}

void seats_give(struct world *w, uint32_t lane)
{
	if (w->rule == RULE_FAIR)
		seat_fairly(w, lane);
	else
		seat_plainly(w, lane);
}
