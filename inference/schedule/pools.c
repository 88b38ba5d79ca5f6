#include "inference/schedule/pools.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inference/schedule/inside.h"

#define OWED_MAX_NSEC 1e9 /* that a long step is held against its pool */

/* Levels are per percent: those of one pool with all of the device are those of a payer of weight
 * 1. */
static double per_percent(double nsec, double unit)
{
	return nsec * unit / POOL_WHOLE;
}

/* --- which there are --- */

void pools_begin(struct schedule *s)
{
	for (size_t i = 0; i < POOLS; i++)
		s->pools[i].share.weight = 1;
	s->pools[0].terms =
		(struct pool_terms){.percent = POOL_WHOLE, .lend = true, .borrow = true};
	s->pools[0].share.weight = POOL_WHOLE;
	s->pools[0].there = true;
}

struct pool_share *pool_find(struct schedule *s, const char *name)
{
	for (size_t i = 0; i < POOLS; i++)
		if (s->pools[i].there && !strcmp(s->pools[i].terms.name, name))
			return &s->pools[i];
	return &s->pools[0];
}

/* Those of its payers who rest; it is free when the others have gone. */
static void forget_payers(struct schedule *s, const struct pool_share *p)
{
	for (size_t i = 0; i < BUCKETS && p->payers > 0; i++)
		for (struct payer **at = &s->buckets[i]; *at;) {
			struct payer *y = *at;

			if (y->pool != p || y->share.requests > 0) {
				at = &y->next;
				continue;
			}
			*at = y->next;
			payer_free(y);
			s->n--;
		}
}

static struct pool_share *pool_make(struct schedule *s)
{
	for (size_t i = 1; i < POOLS; i++) {
		struct pool_share *p = &s->pools[i];

		if (!p->there)
			forget_payers(s, p);
		if (p->there || p->payers > 0)
			continue;
		*p = (struct pool_share){.share.weight = 1, .there = true};
		return p;
	}
	return NULL;
}

static void set_terms(struct pool_share *p, const struct pool_terms *t)
{
	uint32_t weight = t->percent > 0 ? t->percent : 1;

	p->share.used *= (double)weight / p->share.weight;
	p->share.expected *= (double)weight / p->share.weight;
	p->share.weight = weight;
	p->terms = *t;
}

static bool is_among(const struct pool_terms *of, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(of[i].name, name))
			return true;
	return false;
}

void schedule_set_pools(
	struct schedule *s, const struct pool_terms *of, size_t n, uint64_t now_nsec)
{
	struct pool_terms rest = {.percent = POOL_WHOLE, .lend = true, .borrow = true};

	for (size_t i = 1; i < POOLS; i++)
		if (s->pools[i].there && !is_among(of, n, s->pools[i].terms.name)) {
			s->pools[i].there = false;
			s->pools[i].terms.lend = s->pools[i].terms.borrow = true;
		}
	for (size_t i = 0; i < n && i < POOLS_MAX; i++) {
		struct pool_share *p = pool_find(s, of[i].name);

		if (p == &s->pools[0])
			p = pool_make(s);
		if (!p)
			continue; /* too many are about to go; who is in it is in "" */
		set_terms(p, &of[i]);
		rest.percent -= of[i].percent < rest.percent ? of[i].percent : rest.percent;
	}
	set_terms(&s->pools[0], &rest);
	s->pooled = n > 0;
	s->limited = false;
	for (size_t i = 0; i < n; i++)
		s->limited |= !of[i].lend || !of[i].borrow;
	s->metered_nsec = now_nsec;
}

/* --- what each has had --- */

static double best_pool(const struct schedule *s)
{
	double best = INFINITY;

	for (size_t i = 0; i < POOLS; i++)
		if (s->pools[i].share.requests > 0)
			best = fmin(best, share_level(&s->pools[i].share));
	return best;
}

void pool_enter(struct schedule *s, struct pool_share *p, uint64_t now_nsec)
{
	double best = p->share.requests > 0 ? INFINITY : best_pool(s);
	double owed = per_percent(SCHEDULE_DEBT_NSEC, schedule_scale(s, now_nsec));

	if (p->share.requests++ > 0)
		return;
	p->share.since_nsec = now_nsec;
	if (isfinite(best))
		p->share.used =
			fmin(fmax(share_level(&p->share), best), best + owed) * p->share.weight;
}

/* Whoever cannot use its turns, as one that waits for room, does not keep them for ever. It moves,
 * and not the others to it, or they would all be the same to each other. */
void pools_settle(struct schedule *s, double unit)
{
	double least = 0;

	for (size_t i = 0; i < POOLS; i++) {
		s->pools[i].share.expected = 0;
		s->pools[i].attends = false;
		if (s->pools[i].share.requests > 0)
			least = fmax(least, share_level(&s->pools[i].share));
	}
	least -= per_percent(SCHEDULE_DEBT_NSEC, unit);
	for (size_t i = 0; i < POOLS; i++)
		if (s->pools[i].share.requests > 0 && share_level(&s->pools[i].share) < least)
			s->pools[i].share.used = least * s->pools[i].share.weight;
}

/* --- the clock --- */

/* Of each nanosecond, what no pool keeps for itself. */
static double common_part(const struct schedule *s)
{
	double kept = 0;

	for (size_t i = 0; i < POOLS; i++)
		if (!s->pools[i].terms.lend)
			kept += s->pools[i].terms.percent;
	return 1 - kept / POOL_WHOLE;
}

static double own_part(const struct pool_share *p)
{
	return (double)p->terms.percent / POOL_WHOLE;
}

static void meter(double *left, double part, double passed)
{
	*left = fmin(*left + passed * part, POOL_BURST_NSEC * part);
}

static void run_clock(struct schedule *s, uint64_t now_nsec)
{
	double passed = now_nsec > s->metered_nsec ? (double)(now_nsec - s->metered_nsec) : 0;

	if (passed == 0)
		return;
	s->metered_nsec = now_nsec;
	meter(&s->common_nsec, common_part(s), passed);
	for (size_t i = 0; i < POOLS; i++)
		meter(&s->pools[i].own_nsec, own_part(&s->pools[i]), passed);
}

static void take(double *left, uint64_t nsec)
{
	*left = fmax(*left - (double)nsec, -OWED_MAX_NSEC);
}

void pool_charge(struct schedule *s, struct pool_share *p, uint64_t nsec, uint64_t now_nsec)
{
	bool own = p->own_nsec > 0;

	p->share.used += (double)nsec * schedule_scale(s, now_nsec);
	p->share.since_nsec = now_nsec;
	p->used_nsec += nsec;
	if (!s->pooled)
		return;
	run_clock(s, now_nsec);
	if (p->terms.lend || !own)
		take(&s->common_nsec, nsec);
	if (own || !p->terms.borrow)
		take(&p->own_nsec, nsec);
}

/* Until its terms, and those of the others, let it have a turn. Where the others keep all there is,
 * one that was given none, or that is about to go, has what they leave: it has nothing else. */
static double held_nsec(const struct schedule *s, const struct pool_share *p)
{
	double common = common_part(s), own = own_part(p);
	bool left_over = common <= 0 && p->terms.lend && p->terms.borrow;
	double for_common = s->common_nsec > 0 || common >= 1 || left_over ? 0
			    : common > 0 ? -s->common_nsec / common + 1
					 : INFINITY;
	double for_own = p->own_nsec > 0 ? 0 : own > 0 ? -p->own_nsec / own + 1 : INFINITY;

	if (!p->terms.lend)
		return p->terms.borrow ? fmin(for_own, for_common) : for_own;
	return p->terms.borrow ? for_common : fmax(for_own, for_common);
}

static bool is_held(const struct schedule *s, const struct pool_share *p)
{
	return s->limited && held_nsec(s, p) > 0;
}

void pools_may_go(struct schedule *s, uint64_t now_nsec, bool ret[POOLS])
{
	double least = INFINITY, ahead;

	run_clock(s, now_nsec);
	for (size_t i = 0; i < POOLS; i++) {
		const struct pool_share *p = &s->pools[i];

		ret[i] = p->share.requests > 0 && !is_held(s, p);
		if (ret[i] && p->attends)
			least = fmin(least, share_level(&p->share));
	}
	ahead = least + per_percent(POOL_AHEAD_NSEC, schedule_scale(s, now_nsec));
	for (size_t i = 0; i < POOLS; i++)
		ret[i] = ret[i] && share_level(&s->pools[i].share) <= ahead;
}

void schedule_attend(struct schedule *s, struct party *p)
{
	s->attended = true;
	p->payer->pool->attends = true;
}

bool schedule_may_go(struct schedule *s, const struct party *p, uint64_t now_nsec)
{
	bool may[POOLS];

	if (!s->pooled)
		return true;
	pools_may_go(s, now_nsec, may);
	return may[p->payer->pool - s->pools];
}

uint64_t pools_pause_nsec(struct schedule *s, uint64_t now_nsec)
{
	double least = INFINITY;

	if (!s->limited)
		return 0;
	run_clock(s, now_nsec);
	for (size_t i = 0; i < POOLS; i++)
		if (s->pools[i].share.requests > 0)
			least = fmin(least, held_nsec(s, &s->pools[i]));
	return isfinite(least) ? (uint64_t)least : UINT64_MAX;
}

static struct pool_look look_at(const struct pool_share *p)
{
	return (struct pool_look){
		.terms = p->terms, .used_nsec = p->used_nsec, .requests = p->share.requests};
}

enum pool_hold schedule_hold(
	struct schedule *s, const struct party *p, uint64_t now_nsec, struct pool_look *ret)
{
	const struct pool_share *own = p->payer->pool;
	double ahead = per_percent(POOL_AHEAD_NSEC, schedule_scale(s, now_nsec));

	*ret = look_at(own);
	if (!s->pooled)
		return POOL_GOES;
	run_clock(s, now_nsec);
	if (is_held(s, own))
		return own->terms.borrow ? POOL_KEPT : POOL_OWN;
	for (size_t i = 0; i < POOLS; i++) {
		const struct pool_share *other = &s->pools[i];

		if (other != own && other->share.requests > 0 && !is_held(s, other) &&
			share_level(&other->share) + ahead < share_level(&own->share))
			return POOL_AHEAD;
	}
	return POOL_GOES;
}

size_t pools_look(const struct schedule *s, struct pool_look *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < POOLS && n < max; i++)
		if (s->pools[i].there || s->pools[i].share.requests > 0)
			ret[n++] = look_at(&s->pools[i]);
	return n;
}
