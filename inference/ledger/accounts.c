#include "inference/ledger/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"

#define BUCKETS 4096

struct accounts {
	struct account *buckets[BUCKETS];
	struct pot *pots[BUCKETS]; /* those with a name */
	size_t n;
};

int accounts_new(struct accounts **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static size_t bucket_of(const char *text)
{
	return crc32c(0, text, strlen(text)) % BUCKETS;
}

/* --- pots --- */

/* The one of that name, made where it is new; "" is always a new one. NULL: out of memory. */
static struct pot *pot_of(struct accounts *t, const char *name)
{
	struct pot **bucket = &t->pots[bucket_of(name)], *p = name[0] ? *bucket : NULL;

	while (p && strcmp(p->name, name) != 0)
		p = p->next;
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || !name[0])
		return p;
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	p->next = *bucket;
	*bucket = p;
	return p;
}

static void pot_enter(struct pot *p, struct account *a)
{
	a->pot = p;
	p->payers++;
	p->calls += a->calls;
	p->used_nsec += a->running_nsec;
	p->running_nsec += a->running_nsec;
	p->reserved_nsec += a->reserved_nsec;
}

static void pot_leave(struct account *a)
{
	struct pot *p = a->pot, **at = &a->all->pots[bucket_of(p->name)];

	p->calls -= a->calls;
	p->used_nsec -= a->running_nsec;
	p->running_nsec -= a->running_nsec;
	p->reserved_nsec -= a->reserved_nsec;
	if (--p->payers > 0)
		return;
	while (p->name[0] && *at != p)
		at = &(*at)->next;
	if (p->name[0])
		*at = p->next;
	free(p);
}

/* Rows up to n are counted elsewhere. Returns what all that is left was, and what is in no row. */
static uint64_t pot_count(struct pot *p, uint64_t n)
{
	uint64_t left = p->running_nsec;
	size_t gone = 0;

	while (gone < p->n_spent && p->spent[gone].n <= n)
		gone++;
	p->n_spent -= gone;
	memmove(p->spent, p->spent + gone, p->n_spent * sizeof(*p->spent));
	for (size_t i = 0; i < p->n_spent; i++)
		left += p->spent[i].nsec;
	return left;
}

/* The two neighbours that have least become one, which leaves with the later of them. */
static void merge_rows(struct pot *p)
{
	size_t at = 0;

	for (size_t i = 1; i + 1 < p->n_spent; i++)
		if (p->spent[i].nsec + p->spent[i + 1].nsec <
			p->spent[at].nsec + p->spent[at + 1].nsec)
			at = i;
	p->spent[at + 1].nsec += p->spent[at].nsec;
	p->n_spent--;
	memmove(p->spent + at, p->spent + at + 1, (p->n_spent - at) * sizeof(*p->spent));
}

/* --- payers --- */

struct accounts *accounts_free(struct accounts *t)
{
	for (size_t i = 0; t && i < BUCKETS; i++)
		while (t->buckets[i]) {
			struct account *a = t->buckets[i];

			t->buckets[i] = a->next;
			pot_leave(a);
			free(a);
		}
	free(t);
	return NULL;
}

static bool is_free(const struct account *a)
{
	return a->calls == 0 && a->reserved_nsec == 0 && a->owed_nsec == 0 &&
	       (a->pot->payers > 1 || a->pot->n_spent == 0);
}

/* Looked for only when the table is full. */
static bool forget_oldest(struct accounts *t)
{
	struct account **oldest = NULL, *gone;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct account **at = &t->buckets[i]; *at; at = &(*at)->next)
			if (is_free(*at) && (!oldest || (*at)->used_usec < (*oldest)->used_usec))
				oldest = at;
	if (!oldest)
		return false;
	gone = *oldest;
	*oldest = gone->next;
	pot_leave(gone);
	free(gone);
	t->n--;
	return true;
}

static struct account *add_payer(struct accounts *t, const char *payer)
{
	struct account *a = calloc(1, sizeof(*a));
	struct pot *p = a ? pot_of(t, "") : NULL;

	if (!p) {
		free(a);
		return NULL;
	}
	(void)snprintf(a->payer, sizeof(a->payer), "%s", payer);
	a->all = t;
	a->weight = 1;
	pot_enter(p, a);
	t->n++;
	return a;
}

struct account *accounts_get(struct accounts *t, const char *payer, uint64_t now_usec)
{
	struct account **bucket = &t->buckets[bucket_of(payer)];
	struct account *a = *bucket;

	while (a && strcmp(a->payer, payer) != 0)
		a = a->next;
	if (!a) {
		if (t->n >= ACCOUNTS_MAX && !forget_oldest(t))
			return NULL;
		a = add_payer(t, payer);
		if (!a)
			return NULL;
		a->next = *bucket;
		*bucket = a;
	}
	a->used_usec = now_usec;
	return a;
}

void accounts_forgotten(struct accounts *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct account *a = t->buckets[i]; a; a = a->next) {
			a->forgotten = true;
			a->asked_usec = 0;
		}
}

const char *account_name(const struct account *a)
{
	return a->pot->name;
}

uint64_t account_left_nsec(const struct account *a)
{
	uint64_t spent = a->pot->used_nsec - a->counted_nsec;

	return spent < a->lease_nsec ? a->lease_nsec - spent : 0;
}

int account_admit(struct account *a, uint64_t now_usec, bool *ret_ask, struct err *e)
{
	bool empty = account_left_nsec(a) == 0;
	bool none = now_usec >= a->until_usec;
	bool old =
		!none && now_usec - a->leased_usec >
				 (empty ? LEASE_STALE_USEC : (a->until_usec - a->leased_usec) / 2);

	*ret_ask =
		(none || old || a->forgotten) &&
		(a->asked_usec == 0 || now_usec - a->asked_usec > ACCOUNT_WAIT_SEC * USEC_PER_SEC);
	if (*ret_ask)
		a->asked_usec = now_usec;
	/* Used up here: the row that says so is on its way, and the answer has the words. */
	if (none || (empty && (old || !a->refusal[0])))
		return err_set(e, -EAGAIN,
			"whether you have compute left cannot be found out just now; try again");
	if (!empty)
		return 0;
	return err_set(e, -EDQUOT, "%s", a->refusal);
}

int account_afford(const struct account *a, uint64_t nsec, struct err *e)
{
	uint64_t left = account_left_nsec(a);
	uint64_t reserved = a->pot->reserved_nsec;
	uint64_t fits = left > reserved ? left - reserved : 0;

	if (nsec <= fits)
		return 0;
	return err_set(e, -EDQUOT,
		"This takes about %.2g s of compute, and you have %.2g s left%s%s%s. "
		"What takes less than that still runs.",
		(double)nsec / 1e9, (double)fits / 1e9, reserved ? " beside what runs" : "",
		a->returns[0] ? "; " : "", a->returns);
}

void account_reserve(struct account *a, uint64_t nsec)
{
	a->reserved_nsec += nsec;
	a->pot->reserved_nsec += nsec;
}

void account_release(struct account *a, uint64_t nsec)
{
	a->reserved_nsec -= nsec;
	a->pot->reserved_nsec -= nsec;
}

void account_begin_call(struct account *a)
{
	a->calls++;
	a->pot->calls++;
}

void account_end_call(struct account *a)
{
	a->calls--;
	a->pot->calls--;
}

bool account_is_full(const struct account *a)
{
	return a->concurrent > 0 && a->pot->calls >= a->concurrent;
}

void account_wait_for_room(struct account *a)
{
	a->pot->crowded = true;
}

bool account_calls_next(struct account *a)
{
	bool crowded = a->pot->crowded;

	a->pot->crowded = false;
	return crowded;
}

bool account_spend(struct account *a, uint64_t nsec)
{
	a->running_nsec += nsec;
	a->pot->running_nsec += nsec;
	a->pot->used_nsec += nsec;
	return account_left_nsec(a) > 0;
}

void account_book(struct account *a, uint64_t n, uint64_t nsec)
{
	struct pot *p = a->pot;

	a->running_nsec -= nsec;
	p->running_nsec -= nsec;
	if (p->n_spent == SPENT_MAX)
		merge_rows(p);
	p->spent[p->n_spent++] = (struct spent){n, nsec};
}

void account_lease(
	struct account *a, const struct models_lease *m, const char *journal, uint64_t now_usec)
{
	uint64_t counted = m->journal && !strcmp(m->journal, journal) ? (uint64_t)m->n : 0;

	if (strcmp(a->pot->name, m->account) != 0) {
		struct pot *to = pot_of(a->all, m->account);

		if (!to)
			return;
		pot_leave(a);
		pot_enter(to, a);
	}
	a->counted_nsec = a->pot->used_nsec - pot_count(a->pot, counted);
	(void)snprintf(a->refusal, sizeof(a->refusal), "%s", m->refusal ? m->refusal : "");
	(void)snprintf(a->returns, sizeof(a->returns), "%s", m->returns ? m->returns : "");
	a->lease_nsec = (uint64_t)m->usec * 1000;
	(void)snprintf(a->pool, sizeof(a->pool), "%s", m->pool ? m->pool : "");
	a->weight = m->weight > 0 ? (unsigned int)m->weight : 1;
	a->concurrent = (unsigned int)m->concurrent;
	a->call_nsec = (uint64_t)m->call_ms * 1000000;
	a->memory_bytes = (uint64_t)m->memory_mib << 20;
	a->leased_usec = now_usec;
	a->forgotten = false;
	a->until_usec = now_usec + (uint64_t)m->valid_ms * USEC_PER_MSEC;
	a->asked_usec = 0;
}
