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
	struct account *names[BUCKETS]; /* several payers may have one: an owner's Spaces */
	size_t n;
};

int accounts_new(struct accounts **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct accounts *accounts_free(struct accounts *t)
{
	for (size_t i = 0; t && i < BUCKETS; i++)
		while (t->buckets[i]) {
			struct account *a = t->buckets[i];

			t->buckets[i] = a->next;
			free(a);
		}
	free(t);
	return NULL;
}

static struct account **bucket_of(struct account **buckets, const char *text)
{
	return &buckets[crc32c(0, text, strlen(text)) % BUCKETS];
}

static void set_name(struct account *a, const char *name)
{
	struct account **at;

	if (!strcmp(a->name, name))
		return;
	if (a->name[0]) {
		at = bucket_of(a->all->names, a->name);
		while (*at != a)
			at = &(*at)->named;
		*at = a->named;
	}
	(void)snprintf(a->name, sizeof(a->name), "%s", name);
	if (!a->name[0])
		return;
	at = bucket_of(a->all->names, a->name);
	a->named = *at;
	*at = a;
}

/* What payers of one name have together. */
struct total {
	unsigned int calls;
	uint64_t reserved_nsec;
};

static struct total total_of(const struct account *a)
{
	struct total t = {a->calls, a->reserved_nsec};
	const struct account *b;

	if (!a->name[0])
		return t;
	for (b = *bucket_of(a->all->names, a->name); b; b = b->named) {
		if (b == a || strcmp(b->name, a->name) != 0)
			continue;
		t.calls += b->calls;
		t.reserved_nsec += b->reserved_nsec;
	}
	return t;
}

static bool is_free(const struct account *a)
{
	return a->calls == 0 && a->n_spent == 0 && a->reserved_nsec == 0 && a->owed_nsec == 0;
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
	set_name(gone, "");
	free(gone);
	t->n--;
	return true;
}

struct account *accounts_get(struct accounts *t, const char *payer, uint64_t now_usec)
{
	struct account **bucket = bucket_of(t->buckets, payer);
	struct account *a = *bucket;

	while (a && strcmp(a->payer, payer) != 0)
		a = a->next;
	if (!a) {
		if (t->n >= ACCOUNTS_MAX && !forget_oldest(t))
			return NULL;
		a = calloc(1, sizeof(*a));
		if (!a)
			return NULL;
		(void)snprintf(a->payer, sizeof(a->payer), "%s", payer);
		a->all = t;
		a->weight = 1;
		a->next = *bucket;
		*bucket = a;
		t->n++;
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

uint64_t account_left_nsec(const struct account *a)
{
	uint64_t spent = a->running_nsec;

	for (size_t i = 0; i < a->n_spent; i++)
		spent += a->spent[i].nsec;
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
	uint64_t reserved = total_of(a).reserved_nsec;
	uint64_t fits = left > reserved ? left - reserved : 0;

	if (nsec <= fits)
		return 0;
	return err_set(e, -EDQUOT,
		"This takes about %.2g s of compute, and you have %.2g s left%s%s%s. "
		"What takes less than that still runs.",
		(double)nsec / 1e9, (double)fits / 1e9, reserved ? " beside what runs" : "",
		a->returns[0] ? "; " : "", a->returns);
}

bool account_is_full(const struct account *a)
{
	return a->concurrent > 0 && total_of(a).calls >= a->concurrent;
}

bool account_calls_next(struct account *a)
{
	bool crowded = a->crowded;

	a->crowded = false;
	if (!a->name[0])
		return crowded;
	for (struct account *b = *bucket_of(a->all->names, a->name); b; b = b->named) {
		if (strcmp(b->name, a->name) != 0)
			continue;
		crowded |= b->crowded;
		b->crowded = false;
	}
	return crowded;
}

bool account_spend(struct account *a, uint64_t nsec)
{
	a->running_nsec += nsec;
	return account_left_nsec(a) > 0;
}

void account_book(struct account *a, uint64_t n, uint64_t nsec)
{
	struct spent *last = a->n_spent ? &a->spent[a->n_spent - 1] : NULL;

	a->running_nsec = a->running_nsec > nsec ? a->running_nsec - nsec : 0;
	if (last && a->n_spent == SPENT_MAX) {
		last->nsec += nsec;
		last->n = n;
		return;
	}
	a->spent[a->n_spent++] = (struct spent){n, nsec};
}

void account_lease(
	struct account *a, const struct models_lease *m, const char *journal, uint64_t now_usec)
{
	uint64_t counted = m->journal && !strcmp(m->journal, journal) ? (uint64_t)m->n : 0;
	size_t gone = 0;

	while (gone < a->n_spent && a->spent[gone].n <= counted)
		gone++;
	a->n_spent -= gone;
	memmove(a->spent, a->spent + gone, a->n_spent * sizeof(*a->spent));
	set_name(a, m->account);
	(void)snprintf(a->refusal, sizeof(a->refusal), "%s", m->refusal ? m->refusal : "");
	(void)snprintf(a->returns, sizeof(a->returns), "%s", m->returns ? m->returns : "");
	a->lease_nsec = (uint64_t)m->usec * 1000;
	a->weight = m->weight > 0 ? (unsigned int)m->weight : 1;
	a->concurrent = (unsigned int)m->concurrent;
	a->call_nsec = (uint64_t)m->call_ms * 1000000;
	a->memory_bytes = (uint64_t)m->memory_mib << 20;
	a->leased_usec = now_usec;
	a->forgotten = false;
	a->until_usec = now_usec + (uint64_t)m->valid_ms * USEC_PER_MSEC;
	a->asked_usec = 0;
}
