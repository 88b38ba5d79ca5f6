#include "inference/schedule/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "inference/schedule/inside.h"

#define ROWS_AGAIN_MAX 2
#define ENTRY_OF_REST 8  /* coming in costs no more than an eighth of the rest before */
#define REBASE_HALVES 40 /* half-lives, after which the numbers are made small again */

int schedule_new(struct schedule **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->counts = 1;
	pools_begin(*ret);
	return 0;
}

void payer_free(struct payer *y)
{
	y->pool->payers--;
	while (y->parties) {
		struct party *p = y->parties;

		y->parties = p->next;
		free(p);
	}
	free(y);
}

struct schedule *schedule_free(struct schedule *s)
{
	for (size_t i = 0; s && i < BUCKETS; i++)
		while (s->buckets[i]) {
			struct payer *y = s->buckets[i];

			s->buckets[i] = y->next;
			payer_free(y);
		}
	free(s);
	return NULL;
}

/* --- what was used --- */

static void shrink(struct share *h, double by)
{
	h->used *= by;
	h->expected *= by;
}

/* What a nanosecond that is used now counts: twice as much after each half-life, which is the same
 * as if all that was used before counted half. */
double schedule_scale(struct schedule *s, uint64_t now_nsec)
{
	double halves = ((double)now_nsec - (double)s->epoch_nsec) / SCHEDULE_HALF_LIFE_NSEC;

	if (halves < REBASE_HALVES)
		return halves > 0 ? exp2(halves) : 1;
	for (size_t i = 0; i < POOLS; i++)
		shrink(&s->pools[i].share, exp2(-halves));
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct payer *y = s->buckets[i]; y; y = y->next) {
			shrink(&y->share, exp2(-halves));
			for (struct party *p = y->parties; p; p = p->next)
				shrink(&p->share, exp2(-halves));
		}
	s->epoch_nsec = now_nsec;
	return 1;
}

static void place(struct share *h, double best, double unit)
{
	double low = best - (h->known ? SCHEDULE_CREDIT_NSEC * unit : 0);
	double high = best + SCHEDULE_DEBT_NSEC * unit;
	double at = share_level(h);

	at = at < low ? low : at > high ? high : at;
	h->used = at * h->weight;
}

static double best_payer(const struct schedule *s, const struct pool_share *pool)
{
	double best = INFINITY;

	for (const struct payer *y = s->active; y; y = y->after)
		if (y->pool == pool)
			best = fmin(best, share_level(&y->share));
	return best;
}

static double best_party(const struct payer *y)
{
	double best = INFINITY;

	for (const struct party *p = y->parties; p; p = p->next)
		if (p->share.requests > 0)
			best = fmin(best, share_level(&p->share));
	return best;
}

/* The first request of a share comes in, beside others of which best is best off. */
static void come_in(struct share *h, double best, double unit, uint64_t now_nsec)
{
	double entry = SCHEDULE_ENTRY_NSEC;

	if (isfinite(best))
		place(h, best, unit);
	/* Who asks one thing after the other does not come in each time. */
	if (h->known)
		entry = fmin(entry, (double)(now_nsec - h->left_nsec) / ENTRY_OF_REST);
	h->used += entry * unit * h->weight;
	h->since_nsec = h->let_in_nsec = now_nsec;
	h->known = true;
}

/* --- who is there --- */

static struct payer **bucket_of(struct schedule *s, const char *name)
{
	return &s->buckets[crc32c(0, name, strlen(name)) % BUCKETS];
}

/* Of those at rest the one that has used least, about whom there is least to remember. */
static void forget_payer(struct schedule *s)
{
	struct payer **least = NULL, *gone;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct payer **at = &s->buckets[i]; *at; at = &(*at)->next)
			if ((*at)->share.requests == 0 &&
				(!least || (*at)->share.used < (*least)->share.used))
				least = at;
	if (!least)
		return;
	gone = *least;
	*least = gone->next;
	payer_free(gone);
	s->n--;
}

static void forget_party(struct payer *y)
{
	struct party **least = NULL, *gone;

	for (struct party **at = &y->parties; *at; at = &(*at)->next)
		if ((*at)->share.requests == 0 &&
			(!least || (*at)->share.used < (*least)->share.used))
			least = at;
	if (!least)
		return;
	gone = *least;
	*least = gone->next;
	free(gone);
	y->n_resting--;
}

static struct payer *find_payer(struct schedule *s, struct pool_share *pool, const char *name)
{
	struct payer **bucket = bucket_of(s, name), *y = *bucket;

	while (y && (y->pool != pool || strncmp(y->name, name, SCHEDULE_NAME_MAX) != 0))
		y = y->next;
	if (y)
		return y;
	if (s->n >= SCHEDULE_PAYERS_MAX)
		forget_payer(s);
	y = calloc(1, sizeof(*y));
	if (!y)
		return NULL;
	(void)snprintf(y->name, sizeof(y->name), "%s", name);
	y->share.weight = 1;
	y->pool = pool;
	pool->payers++;
	bucket = bucket_of(s, y->name);
	y->next = *bucket;
	*bucket = y;
	s->n++;
	return y;
}

static struct party *find_party(struct payer *y, uint32_t space)
{
	struct party *p = y->parties;

	while (p && p->space != space)
		p = p->next;
	if (p)
		return p;
	if (y->n_resting >= SCHEDULE_SPACES_MAX)
		forget_party(y);
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	*p = (struct party){.share.weight = 1, .payer = y, .next = y->parties, .space = space};
	y->parties = p;
	y->n_resting++;
	return p;
}

static void set_weight(struct share *h, uint32_t weight)
{
	weight = weight < 1 ? 1 : weight > SCHEDULE_WEIGHT_MAX ? SCHEDULE_WEIGHT_MAX : weight;
	/* What was used for the old weight counts the same for the new one. */
	h->used *= (double)weight / h->weight;
	h->expected *= (double)weight / h->weight;
	h->weight = weight;
}

struct party *schedule_enter(struct schedule *s, const char *pool, const char *payer,
	uint32_t weight, uint32_t space, uint64_t now_nsec)
{
	double unit = schedule_scale(s, now_nsec);
	struct payer *y = find_payer(s, pool_find(s, pool), payer);
	struct party *p = y ? find_party(y, space) : NULL;

	if (!p)
		return NULL;
	set_weight(&y->share, weight);
	pool_enter(s, y->pool, now_nsec);
	if (y->share.requests++ == 0) {
		come_in(&y->share, best_payer(s, y->pool), unit, now_nsec);
		y->before = NULL;
		y->after = s->active;
		if (s->active)
			s->active->before = y;
		s->active = y;
	}
	if (p->share.requests == 0) {
		come_in(&p->share, best_party(y), unit, now_nsec);
		y->n_resting--;
	}
	p->share.requests++;
	return p;
}

void schedule_leave(struct schedule *s, struct party *p, uint64_t now_nsec)
{
	struct payer *y = p->payer;

	y->pool->share.requests--;
	if (--p->share.requests == 0) {
		p->share.left_nsec = now_nsec;
		y->n_resting++;
	}
	if (--y->share.requests > 0)
		return;
	y->share.left_nsec = now_nsec;
	if (y->before)
		y->before->after = y->after;
	else
		s->active = y->after;
	if (y->after)
		y->after->before = y->before;
}

/* --- who goes first --- */

static bool is_overdue(const struct share *h, uint64_t now_nsec)
{
	return h->expected == 0 && now_nsec > h->since_nsec &&
	       now_nsec - h->since_nsec > SCHEDULE_OVERDUE_NSEC;
}

bool share_before(const struct share *a, const struct share *b)
{
	if (share_level(a) != share_level(b))
		return share_level(a) < share_level(b);
	return a->since_nsec < b->since_nsec;
}

static bool share_older(const struct share *a, const struct share *b, uint64_t now_nsec)
{
	bool overdue = is_overdue(a, now_nsec);

	if (overdue != is_overdue(b, now_nsec))
		return overdue;
	return overdue && a->since_nsec != b->since_nsec ? a->since_nsec < b->since_nsec
							 : share_before(a, b);
}

struct fork fork_of(const struct party *a, const struct party *b)
{
	if (a->payer->pool != b->payer->pool)
		return (struct fork){&a->payer->pool->share, &b->payer->pool->share};
	return a->payer != b->payer ? (struct fork){&a->payer->share, &b->payer->share}
				    : (struct fork){&a->share, &b->share};
}

bool party_before(const struct party *a, const struct party *b)
{
	struct fork f = fork_of(a, b);

	return share_before(f.a, f.b);
}

static bool party_older(const struct party *a, const struct party *b, uint64_t now_nsec)
{
	struct fork f = fork_of(a, b);

	return share_older(f.a, f.b, now_nsec);
}

static bool party_is_overdue(const struct party *p, uint64_t now_nsec)
{
	return is_overdue(&p->payer->pool->share, now_nsec) ||
	       is_overdue(&p->payer->share, now_nsec) || is_overdue(&p->share, now_nsec);
}

size_t schedule_first(struct schedule *s, struct party *const *of, size_t n, uint64_t now_nsec)
{
	bool by_age = !s->aged;
	size_t first = SCHEDULE_NOBODY;
	const struct party *best = NULL;
	bool may[POOLS] = {0};

	if (s->attended)
		for (size_t i = 0; s->pooled && i < n; i++)
			if (of[i])
				schedule_attend(s, of[i]);
	if (s->pooled)
		pools_may_go(s, now_nsec, may);
	for (size_t i = 0; i < n; i++) {
		const struct party *p = of[i];

		if (!p || (s->pooled && !may[p->payer->pool - s->pools]))
			continue;
		if (best && !(by_age ? party_older(p, best, now_nsec) : party_before(p, best)))
			continue;
		first = i;
		best = p;
	}
	s->aged = by_age && best && party_is_overdue(best, now_nsec);
	return first;
}

void schedule_expect(struct schedule *s, struct party *p, double nsec, uint64_t now_nsec)
{
	double units = nsec * schedule_scale(s, now_nsec);

	p->share.expected += units;
	p->payer->share.expected += units;
	p->payer->pool->share.expected += units;
	schedule_attend(s, p);
}

void schedule_charge(struct schedule *s, struct party *p, uint64_t nsec, uint64_t now_nsec)
{
	double units = (double)nsec * schedule_scale(s, now_nsec);

	s->charged_nsec += nsec;
	p->share.used += units;
	p->payer->share.used += units;
	p->share.since_nsec = p->payer->share.since_nsec = now_nsec;
	pool_charge(s, p->payer->pool, nsec, now_nsec);
}

static void settle(struct share *h, double best, double unit)
{
	double high = (best + SCHEDULE_DEBT_NSEC * unit) * h->weight;

	h->expected = 0;
	if (h->used > high)
		h->used = high;
}

void schedule_settle(struct schedule *s, uint64_t now_nsec)
{
	double unit = schedule_scale(s, now_nsec), best[POOLS];

	for (struct payer *y = s->active; y; y = y->after)
		y->share.expected = 0;
	pools_settle(s, unit);
	for (size_t i = 0; i < POOLS; i++)
		best[i] = s->pools[i].share.requests > 0 ? best_payer(s, &s->pools[i]) : 0;
	for (struct payer *y = s->active; y; y = y->after) {
		settle(&y->share, best[y->pool - s->pools], unit);
		for (struct party *p = y->parties; p; p = p->next)
			p->share.expected = 0;
	}
	for (struct payer *y = s->active; y; y = y->after) {
		double best_own = best_party(y);

		for (struct party *p = y->parties; p; p = p->next)
			if (p->share.requests > 0)
				settle(&p->share, best_own, unit);
	}
	s->attended = false;
}

void schedule_count(struct schedule *s)
{
	s->counts++;
	s->numbers = 0;
}

size_t schedule_number(struct schedule *s, struct party *p)
{
	if (p->counted != s->counts) {
		p->counted = s->counts;
		p->number = s->numbers++;
	}
	return p->number;
}

/* --- places --- */

static double places(const struct share *h, int more)
{
	return ((double)h->held + more) / h->weight;
}

/* a has fewer places for its weight; of as many whoever has had less time. */
static bool has_fewer(const struct share *a, const struct share *b)
{
	return places(a, 0) != places(b, 0) ? places(a, 0) < places(b, 0) : share_before(a, b);
}

static bool sits_less(const struct party *a, const struct party *b)
{
	struct fork f = fork_of(a, b);

	return has_fewer(f.a, f.b);
}

/* Without being worse off than to was, from gives up a place. */
static bool can_give(const struct party *from, const struct party *to)
{
	struct fork f = fork_of(from, to);

	return places(f.a, -1) >= places(f.b, 1);
}

static size_t count_held(const struct seat *seats, size_t n)
{
	size_t held = 0;

	for (size_t i = 0; i < n; i++) {
		struct payer *y = seats[i].party->payer;

		seats[i].party->share.held = seats[i].held;
		y->share.held = y->pool->share.held = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct payer *y = seats[i].party->payer;

		y->share.held += seats[i].held;
		y->pool->share.held += seats[i].held;
		held += seats[i].held;
	}
	return held;
}

/* Who is overdue may have a place of anybody's of its pool; a Space that is, only one of its own
 * payer's. */
static bool may_push(const struct party *to, const struct party *from, uint64_t now_nsec)
{
	const struct payer *y = to->payer;

	if (now_nsec < from->seated_nsec + SCHEDULE_SEATED_NSEC)
		return false;
	return is_overdue(&y->pool->share, now_nsec) ||
	       (y->pool == from->payer->pool && is_overdue(&y->share, now_nsec)) ||
	       (y == from->payer && is_overdue(&to->share, now_nsec));
}

/* Nobody has too many places, but somebody waits for too long: it gets that of whoever has had
 * most time. */
static size_t seat_overdue(const struct seat *seats, size_t n, uint64_t now_nsec, size_t *ret_from)
{
	size_t to = SCHEDULE_NOBODY;

	for (size_t i = 0; i < n; i++)
		if (seats[i].waiting > 0 && seats[i].held == 0 &&
			is_overdue(&seats[i].party->share, now_nsec) &&
			(to == SCHEDULE_NOBODY ||
				party_older(seats[i].party, seats[to].party, now_nsec)))
			to = i;
	*ret_from = SCHEDULE_NOBODY;
	for (size_t i = 0; i < n && to != SCHEDULE_NOBODY; i++)
		if (seats[i].held > 0 && may_push(seats[to].party, seats[i].party, now_nsec) &&
			(*ret_from == SCHEDULE_NOBODY ||
				party_before(seats[*ret_from].party, seats[i].party)))
			*ret_from = i;
	return *ret_from == SCHEDULE_NOBODY ? SCHEDULE_NOBODY : to;
}

static size_t seat_by_weight(const struct seat *seats, size_t n, bool free, size_t *ret_from)
{
	size_t to = SCHEDULE_NOBODY, from = SCHEDULE_NOBODY;

	for (size_t i = 0; i < n; i++) {
		if (seats[i].waiting > 0 &&
			(to == SCHEDULE_NOBODY || sits_less(seats[i].party, seats[to].party)))
			to = i;
		if (seats[i].held > 0 &&
			(from == SCHEDULE_NOBODY || sits_less(seats[from].party, seats[i].party)))
			from = i;
	}
	*ret_from = SCHEDULE_NOBODY;
	if (to == SCHEDULE_NOBODY || free)
		return to;
	if (from == SCHEDULE_NOBODY || from == to || !can_give(seats[from].party, seats[to].party))
		return SCHEDULE_NOBODY;
	*ret_from = from;
	return to;
}

size_t schedule_seat(
	const struct seat *seats, size_t n, size_t of, uint64_t now_nsec, size_t *ret_from)
{
	bool free = count_held(seats, n) < of;
	size_t to = seat_by_weight(seats, n, free, ret_from);

	if (to == SCHEDULE_NOBODY && !free)
		to = seat_overdue(seats, n, now_nsec, ret_from);
	if (to != SCHEDULE_NOBODY)
		seats[to].party->seated_nsec = now_nsec;
	return to;
}

bool schedule_worth(const struct seat *to, size_t rows_again)
{
	return to->party->payer->share.held == 0 || rows_again <= ROWS_AGAIN_MAX;
}

/* --- for those who look --- */

const char *party_payer(const struct party *p)
{
	return p->payer->name;
}

const char *party_pool(const struct party *p)
{
	return p->payer->pool->terms.name;
}

uint32_t party_weight(const struct party *p)
{
	return p->payer->share.weight;
}
