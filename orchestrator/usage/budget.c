#include "orchestrator/usage/budget.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ull

int64_t budget_slot_of(uint64_t usec)
{
	return (int64_t)(usec / SLOT_USEC);
}

/* A slot is in the window until all of it is older than that. */
int64_t budget_first_slot(uint64_t now_usec)
{
	return now_usec < WINDOW_USEC ? 0 : budget_slot_of(now_usec - WINDOW_USEC);
}

void budget_add(struct budget *b, int64_t slot, uint64_t nsec)
{
	b->used_nsec += nsec;
	if (b->n_slots == SLOTS_MAX)
		b->slots[b->n_slots - 1].nsec += nsec; /* it leaves with those before */
	else
		b->slots[b->n_slots++] = (struct budget_slot){slot, nsec};
}

static uint64_t window_left(const struct budget *b, uint64_t used)
{
	return used < b->day_nsec ? b->day_nsec - used : 0;
}

uint64_t budget_left_nsec(const struct budget *b)
{
	return window_left(b, b->used_nsec) + b->credit_nsec;
}

static uint64_t slot_leaves(const struct budget_slot *s)
{
	return ((uint64_t)s->slot + 1) * SLOT_USEC + WINDOW_USEC;
}

uint64_t budget_when(const struct budget *b, uint64_t nsec, uint64_t now_usec)
{
	uint64_t used = b->used_nsec;

	if (budget_left_nsec(b) >= nsec)
		return now_usec;
	for (size_t i = 0; i < b->n_slots; i++) {
		used -= b->slots[i].nsec;
		if (window_left(b, used) + b->credit_nsec >= nsec)
			return slot_leaves(&b->slots[i]);
	}
	return BUDGET_NEVER;
}

uint64_t budget_full_usec(const struct budget *b, uint64_t now_usec)
{
	return b->n_slots ? slot_leaves(&b->slots[b->n_slots - 1]) : now_usec;
}

/* --- words --- */

static const char *amount(uint64_t nsec, char ret[32])
{
	uint64_t sec = nsec / NSEC_PER_SEC;

	if (sec >= 7200)
		(void)snprintf(ret, 32, "%llu hours", (unsigned long long)(sec / 3600));
	else if (sec >= 120)
		(void)snprintf(ret, 32, "%llu minutes", (unsigned long long)(sec / 60));
	else
		(void)snprintf(
			ret, 32, "%llu second%s", (unsigned long long)sec, sec == 1 ? "" : "s");
	return ret;
}

/* "14:10 UTC", with its day where that is another one than now's. */
static const char *moment(uint64_t usec, uint64_t now_usec, char ret[48])
{
	time_t at = (time_t)(usec / 1000000), now = (time_t)(now_usec / 1000000);
	struct tm tm, today;

	(void)gmtime_r(&at, &tm);
	(void)gmtime_r(&now, &today);
	if (tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year)
		(void)strftime(ret, 48, "%H:%M UTC", &tm);
	else
		(void)strftime(ret, 48, "%H:%M UTC on %-d %B", &tm);
	return ret;
}

void budget_refusal(const struct budget *b, uint64_t now_usec, char ret[BUDGET_WORDS_MAX])
{
	uint64_t at = budget_when(b, 1, now_usec);
	char words[32], when[48];

	ret[0] = '\0';
	if (at == now_usec)
		return;
	if (at == BUDGET_NEVER) {
		(void)snprintf(ret, BUDGET_WORDS_MAX,
			"No compute is given to visitors like you here; ask whoever runs this "
			"platform.");
		return;
	}
	(void)snprintf(ret, BUDGET_WORDS_MAX,
		"The compute of today is used up: %s in 24 hours. What was used comes back after a "
		"day; there will be some again at %s.",
		amount(b->day_nsec, words), moment(at, now_usec, when));
}

void budget_returns(const struct budget *b, uint64_t now_usec, char ret[BUDGET_WORDS_MAX])
{
	char first[48], last[48];

	ret[0] = '\0';
	if (b->n_slots == 1)
		(void)snprintf(ret, BUDGET_WORDS_MAX, "what was used comes back at %s",
			moment(slot_leaves(&b->slots[0]), now_usec, first));
	else if (b->n_slots)
		(void)snprintf(ret, BUDGET_WORDS_MAX, "more comes back at %s, all of it by %s",
			moment(slot_leaves(&b->slots[0]), now_usec, first),
			moment(budget_full_usec(b, now_usec), now_usec, last));
}
