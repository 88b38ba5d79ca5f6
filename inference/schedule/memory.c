#include <string.h>

#include "inference/schedule/inside.h"

void memory_hold(struct party *p, int64_t bytes)
{
	p->share.bytes += (uint64_t)bytes;
	p->payer->share.bytes += (uint64_t)bytes;
	p->payer->pool->share.bytes += (uint64_t)bytes;
}

uint64_t memory_held(const struct schedule *s, const struct party *p)
{
	uint64_t sum = 0;

	for (const struct payer *y = s->active; y; y = y->after)
		if (y == p->payer || !strcmp(y->name, p->payer->name))
			sum += y->share.bytes;
	return sum;
}

bool memory_same_payer(const struct party *a, const struct party *b)
{
	return a->payer == b->payer || !strcmp(a->payer->name, b->payer->name);
}

static double held(const struct share *h, double more)
{
	return ((double)h->bytes + more) / h->weight;
}

/* --- who is next --- */

static uint64_t waits_since(const struct share *h, const struct claim *c)
{
	return h->let_in_nsec > c->since_nsec ? h->let_in_nsec : c->since_nsec;
}

static bool is_overdue(const struct share *h, const struct claim *c, uint64_t now_nsec)
{
	return now_nsec > waits_since(h, c) + MEMORY_OVERDUE_NSEC;
}

/* 1: by age x of a goes before y of b, -1: after; 0: neither is overdue, or as long. */
static int by_age(const struct share *x, const struct claim *a, const struct share *y,
	const struct claim *b, uint64_t now_nsec)
{
	bool overdue = is_overdue(x, a, now_nsec);

	if (overdue != is_overdue(y, b, now_nsec))
		return overdue ? 1 : -1;
	if (!overdue || waits_since(x, a) == waits_since(y, b))
		return 0;
	return waits_since(x, a) < waits_since(y, b) ? 1 : -1;
}

bool memory_before(
	const struct schedule *s, const struct claim *a, const struct claim *b, uint64_t now_nsec)
{
	const struct fork f = fork_of(a->party, b->party);
	int age = s->let_in_aged || f.a == f.b ? 0 : by_age(f.a, a, f.b, b, now_nsec);

	if (age != 0)
		return age > 0;
	if (f.a == f.b)
		return a->since_nsec < b->since_nsec;
	return held(f.a, (double)a->bytes) != held(f.b, (double)b->bytes)
		       ? held(f.a, (double)a->bytes) < held(f.b, (double)b->bytes)
		       : share_before(f.a, f.b);
}

void memory_let_in(struct schedule *s, const struct claim *c, uint64_t now_nsec)
{
	struct share *of[] = {
		&c->party->payer->pool->share, &c->party->payer->share, &c->party->share};
	bool overdue = false;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		overdue |= is_overdue(of[i], c, now_nsec);
		of[i]->let_in_nsec = now_nsec;
	}
	s->let_in_aged = !s->let_in_aged && overdue;
}

/* --- who gives way --- */

static bool holds_more(const struct party *a, const struct party *b)
{
	const struct fork f = fork_of(a, b);

	return held(f.a, 0) != held(f.b, 0) ? held(f.a, 0) > held(f.b, 0) : share_before(f.b, f.a);
}

/* The last one of whoever holds most; not those that are decided. */
static size_t find_most(const struct holding *of, size_t n)
{
	size_t most = SCHEDULE_NOBODY;

	for (size_t i = 0; i < n; i++)
		if (!of[i].yields && !of[i].passed &&
			(most == SCHEDULE_NOBODY || of[i].party == of[most].party ||
				holds_more(of[i].party, of[most].party)))
			most = i;
	return most;
}

/* Whether it may be had of h: whoever is overdue may have it of all who hold more than they would,
 * others only of who is not worse off then. */
static bool may_have(const struct schedule *s, const struct claim *c, const struct holding *h,
	uint64_t again_nsec, uint64_t now_nsec)
{
	const struct fork f = fork_of(h->party, c->party);
	double then = held(f.b, (double)c->bytes);

	if (h->party == c->party)
		return false;
	if (is_overdue(f.b, c, now_nsec) && held(f.a, 0) > then)
		return true;
	return held(f.a, -(double)h->bytes) >= then &&
	       again_nsec <= MEMORY_AGAIN_NSEC + s->charged_nsec / MEMORY_AGAIN_SHARE;
}

/* Those that are more than enough keep what they have, the first of whoever holds most first. */
static void spare(struct holding *of, size_t n, uint64_t more)
{
	for (size_t i = 0; i < n; i++)
		if (of[i].yields && of[i].bytes <= more) {
			of[i].yields = false;
			more -= of[i].bytes;
		}
}

size_t memory_make_way(struct schedule *s, struct holding *of, size_t n, const struct claim *c,
	uint64_t bytes, uint64_t now_nsec)
{
	uint64_t had = 0, again = s->again_nsec;
	size_t yielding = 0, i;

	for (i = 0; i < n; i++)
		of[i].yields = of[i].passed = false;
	while (had < bytes && (i = find_most(of, n)) != SCHEDULE_NOBODY) {
		of[i].yields = may_have(s, c, &of[i], again + of[i].again_nsec, now_nsec);
		of[i].passed = !of[i].yields;
		if (of[i].passed)
			continue;
		had += of[i].bytes;
		again += of[i].again_nsec;
		memory_hold(of[i].party, -(int64_t)of[i].bytes);
	}
	for (i = 0; i < n; i++)
		if (of[i].yields)
			memory_hold(of[i].party, (int64_t)of[i].bytes);
	if (had >= bytes)
		spare(of, n, had - bytes);
	for (i = 0; i < n; i++) {
		of[i].yields = of[i].yields && had >= bytes;
		yielding += of[i].yields;
		s->again_nsec += of[i].yields ? of[i].again_nsec : 0;
	}
	return yielding;
}

size_t memory_most(struct schedule *s, const struct holding *of, size_t n)
{
	size_t i = find_most(of, n);

	if (i != SCHEDULE_NOBODY)
		s->again_nsec += of[i].again_nsec;
	return i;
}
