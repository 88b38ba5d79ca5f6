#include "inference/schedule/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"

#define BUCKETS 1024
#define ROWS_AGAIN_MAX 2
#define ENTRY_OF_REST 8  /* coming in costs no more than an eighth of the rest before */
#define REBASE_HALVES 40 /* half-lives, after which the numbers are made small again */

/* What a payer, or a Space among a payer's, has had. used and expected grow with the clock instead
 * of shrinking in all the others: see scale. */
struct share {
	double used, expected;
	uint32_t weight;
	uint32_t requests;
	uint32_t held;       /* places, as schedule_seat counts */
	uint64_t since_nsec; /* it was served, or came in */
	uint64_t left_nsec;  /* its last request left */
	bool known;          /* it has been here before */
};

struct party {
	struct share share;
	struct payer *payer;
	struct party *next; /* of the payer */
	uint32_t space;
	size_t number;
	uint64_t counted;     /* in which count it has that number */
	uint64_t seated_nsec; /* when it was given a place */
};

struct payer {
	struct share share;
	struct payer *next;           /* in its bucket */
	struct payer *before, *after; /* in the row of those with requests */
	struct party *parties;        /* owned */
	size_t n_resting;             /* of them */
	char name[SCHEDULE_NAME_MAX + 1];
};

struct schedule {
	struct payer *buckets[BUCKETS];
	struct payer *active;
	size_t n;
	uint64_t epoch_nsec;
	uint64_t counts;
	size_t numbers;
	bool aged; /* the last choice was by age */
};

int schedule_new(struct schedule **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->counts = 1;
	return 0;
}

static void payer_free(struct payer *y)
{
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
static double scale(struct schedule *s, uint64_t now_nsec)
{
	double halves = ((double)now_nsec - (double)s->epoch_nsec) / SCHEDULE_HALF_LIFE_NSEC;

	if (halves < REBASE_HALVES)
		return halves > 0 ? exp2(halves) : 1;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct payer *y = s->buckets[i]; y; y = y->next) {
			shrink(&y->share, exp2(-halves));
			for (struct party *p = y->parties; p; p = p->next)
				shrink(&p->share, exp2(-halves));
		}
	s->epoch_nsec = now_nsec;
	return 1;
}

static double level(const struct share *h)
{
	return (h->used + h->expected) / h->weight;
}

static void place(struct share *h, double best, double unit)
{
	double low = best - (h->known ? SCHEDULE_CREDIT_NSEC * unit : 0);
	double high = best + SCHEDULE_DEBT_NSEC * unit;
	double at = level(h);

	at = at < low ? low : at > high ? high : at;
	h->used = at * h->weight;
}

static double best_payer(const struct schedule *s)
{
	double best = INFINITY;

	for (const struct payer *y = s->active; y; y = y->after)
		best = fmin(best, level(&y->share));
	return best;
}

static double best_party(const struct payer *y)
{
	double best = INFINITY;

	for (const struct party *p = y->parties; p; p = p->next)
		if (p->share.requests > 0)
			best = fmin(best, level(&p->share));
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
	h->since_nsec = now_nsec;
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

static struct payer *find_payer(struct schedule *s, const char *name)
{
	struct payer **bucket = bucket_of(s, name), *y = *bucket;

	while (y && strncmp(y->name, name, SCHEDULE_NAME_MAX) != 0)
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

struct party *schedule_enter(
	struct schedule *s, const char *payer, uint32_t weight, uint32_t space, uint64_t now_nsec)
{
	double unit = scale(s, now_nsec);
	struct payer *y = find_payer(s, payer);
	struct party *p = y ? find_party(y, space) : NULL;

	if (!p)
		return NULL;
	set_weight(&y->share, weight);
	if (y->share.requests++ == 0) {
		come_in(&y->share, best_payer(s), unit, now_nsec);
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

static bool share_before(const struct share *a, const struct share *b)
{
	if (level(a) != level(b))
		return level(a) < level(b);
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

bool party_before(const struct party *a, const struct party *b)
{
	return a->payer != b->payer ? share_before(&a->payer->share, &b->payer->share)
				    : share_before(&a->share, &b->share);
}

static bool party_older(const struct party *a, const struct party *b, uint64_t now_nsec)
{
	return a->payer != b->payer ? share_older(&a->payer->share, &b->payer->share, now_nsec)
				    : share_older(&a->share, &b->share, now_nsec);
}

size_t schedule_first(struct schedule *s, struct party *const *of, size_t n, uint64_t now_nsec)
{
	bool by_age = !s->aged;
	size_t first = SCHEDULE_NOBODY;
	const struct party *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct party *p = of[i];

		if (!p)
			continue;
		if (best && !(by_age ? party_older(p, best, now_nsec) : party_before(p, best)))
			continue;
		first = i;
		best = p;
	}
	s->aged = by_age && best &&
		  (is_overdue(&best->payer->share, now_nsec) || is_overdue(&best->share, now_nsec));
	return first;
}

void schedule_expect(struct schedule *s, struct party *p, double nsec, uint64_t now_nsec)
{
	double units = nsec * scale(s, now_nsec);

	p->share.expected += units;
	p->payer->share.expected += units;
}

void schedule_charge(struct schedule *s, struct party *p, uint64_t nsec, uint64_t now_nsec)
{
	double units = (double)nsec * scale(s, now_nsec);

	p->share.used += units;
	p->payer->share.used += units;
	p->share.since_nsec = p->payer->share.since_nsec = now_nsec;
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
	double unit = scale(s, now_nsec), best;

	for (struct payer *y = s->active; y; y = y->after)
		y->share.expected = 0;
	best = best_payer(s);
	for (struct payer *y = s->active; y; y = y->after) {
		settle(&y->share, best, unit);
		for (struct party *p = y->parties; p; p = p->next)
			p->share.expected = 0;
	}
	for (struct payer *y = s->active; y; y = y->after) {
		best = best_party(y);
		for (struct party *p = y->parties; p; p = p->next)
			if (p->share.requests > 0)
				settle(&p->share, best, unit);
	}
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
	return a->payer != b->payer ? has_fewer(&a->payer->share, &b->payer->share)
				    : has_fewer(&a->share, &b->share);
}

/* Without being worse off than to was, from gives up a place. */
static bool can_give(const struct party *from, const struct party *to)
{
	if (from->payer != to->payer)
		return places(&from->payer->share, -1) >= places(&to->payer->share, 1);
	return places(&from->share, -1) >= places(&to->share, 1);
}

static size_t count_held(const struct seat *seats, size_t n)
{
	size_t held = 0;

	for (size_t i = 0; i < n; i++) {
		seats[i].party->share.held = seats[i].held;
		seats[i].party->payer->share.held = 0;
	}
	for (size_t i = 0; i < n; i++) {
		seats[i].party->payer->share.held += seats[i].held;
		held += seats[i].held;
	}
	return held;
}

/* Who is overdue may have a place of anybody's; a Space that is, only one of its own payer's. */
static bool may_push(const struct party *to, const struct party *from, uint64_t now_nsec)
{
	if (now_nsec < from->seated_nsec + SCHEDULE_SEATED_NSEC)
		return false;
	return is_overdue(&to->payer->share, now_nsec) ||
	       (to->payer == from->payer && is_overdue(&to->share, now_nsec));
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

uint32_t party_weight(const struct party *p)
{
	return p->payer->share.weight;
}
