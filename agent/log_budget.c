#include "agent/log_budget.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECORDS_MAX 1024 /* Spaces that log at once; beyond, the fullest bucket is forgotten */

struct record {
	char space[33];
	double left;         /* bytes */
	uint64_t since_usec; /* when left was true */
};

struct log_budget {
	struct record *records; /* owned, RECORDS_MAX of them */
	size_t n;
};

int log_budget_new(struct log_budget **ret)
{
	struct log_budget *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->records = calloc(RECORDS_MAX, sizeof(*b->records));
	if (!b->records) {
		free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

struct log_budget *log_budget_free(struct log_budget *b)
{
	if (!b)
		return NULL;
	free(b->records);
	free(b);
	return NULL;
}

static void fill(struct record *r, uint64_t now_usec)
{
	r->left += (double)(now_usec - r->since_usec) / 1e6 * LOG_BYTES_PER_SEC;
	if (r->left > LOG_BYTES_BURST)
		r->left = LOG_BYTES_BURST;
	r->since_usec = now_usec;
}

static struct record *find_or_add(struct log_budget *b, const char *space, uint64_t now_usec)
{
	struct record *r = NULL;

	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->records[i].space, space))
			return &b->records[i];
	if (b->n < RECORDS_MAX) {
		r = &b->records[b->n++];
	} else {
		/* Who is forgotten starts with a full bucket; so it goes to the one nearest to it.
		 */
		for (size_t i = 0; i < b->n; i++) {
			fill(&b->records[i], now_usec);
			if (!r || b->records[i].left > r->left)
				r = &b->records[i];
		}
	}
	*r = (struct record){.left = LOG_BYTES_BURST, .since_usec = now_usec};
	(void)snprintf(r->space, sizeof(r->space), "%s", space);
	return r;
}

bool log_budget_take(struct log_budget *b, const char *space, size_t n, uint64_t now_usec)
{
	struct record *r = find_or_add(b, space, now_usec);
	double cost = (double)(n + LOG_LINE_COST);

	fill(r, now_usec);
	if (r->left < cost)
		return false;
	r->left -= cost;
	return true;
}
