#include "orchestrator/usage/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_USEC (86400ull * 1000000)
#define DAY_SEC_MAX 8640000 /* of a hundred devices */
#define PIECES 100          /* of a day's budget; one of them is enough to begin with */

static const char *const kinds[BUDGETS] = {"user", "owner", "network"};

const struct usage_policy usage_policy_default = {
	.day_sec = {[BUDGET_USER] = 4 * 3600, [BUDGET_OWNER] = 8 * 3600, [BUDGET_NETWORK] = 3600}};

static int set_one(struct usage_policy *p, const char *text, size_t n)
{
	for (int i = 0; i < BUDGETS; i++) {
		size_t k = strlen(kinds[i]);
		unsigned long long sec;
		char *end;

		if (n <= k || strncmp(text, kinds[i], k) != 0 || text[k] != '=')
			continue;
		sec = strtoull(text + k + 1, &end, 10);
		if (end != text + n || text[k + 1] < '0' || text[k + 1] > '9' || sec > DAY_SEC_MAX)
			return -EINVAL;
		p->day_sec[i] = sec;
		return 0;
	}
	return -EINVAL;
}

int usage_policy_set(struct usage_policy *p, const char *text, struct err *e)
{
	const char *at = text;

	for (;;) {
		size_t n = strcspn(at, ",");

		if (set_one(p, at, n) < 0)
			return err_set(e, -EINVAL,
				"--quota: takes seconds of compute a day, like "
				"user=14400,owner=28800,network=3600 (got '%.60s')",
				text);
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

bool account_kind(const char *account, enum budget_kind *ret)
{
	for (int i = 0; i < BUDGETS; i++) {
		size_t k = strlen(kinds[i]);

		if (!strncmp(account, kinds[i], k) && account[k] == ':' && account[k + 1]) {
			*ret = (enum budget_kind)i;
			return true;
		}
	}
	return false;
}

/* In double: what it is off by in a day is below a microsecond. */
void budget_run_off(struct budget *b, uint64_t now_usec)
{
	double off = now_usec > b->at_usec ? (double)(now_usec - b->at_usec) / (double)DAY_USEC *
						     (double)b->day_nsec
					   : 0;

	b->level_nsec = (double)b->level_nsec > off ? b->level_nsec - (uint64_t)off : 0;
	b->at_usec = now_usec;
}

static uint64_t left_nsec(const struct budget *b)
{
	return b->level_nsec < b->day_nsec ? b->day_nsec - b->level_nsec : 0;
}

uint64_t budget_left_nsec(const struct budget *b)
{
	return left_nsec(b) * PIECES >= b->day_nsec ? left_nsec(b) : 0;
}

uint64_t budget_wait_usec(const struct budget *b)
{
	uint64_t piece = b->day_nsec / PIECES;
	double missing;

	if (b->day_nsec == 0)
		return DAY_USEC;
	if (budget_left_nsec(b) > 0)
		return 0;
	/* The level may stand above a whole day: what ran on when it was used up. */
	missing = (double)b->level_nsec + (double)piece - (double)b->day_nsec;
	return (uint64_t)(missing / (double)b->day_nsec * (double)DAY_USEC) + 1;
}
