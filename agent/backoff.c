#include "agent/backoff.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_USEC USEC_PER_SEC
#define LAST_USEC (300 * USEC_PER_SEC)
#define HEALTHY_USEC (60 * USEC_PER_SEC)
#define FREE_DEATHS 1    /* a single death costs the visitor no waiting */
#define RECORDS_MAX 1024 /* Spaces in a loop at once; the calmest is forgotten beyond */

struct record {
	char space[33];
	char bundle[65];
	unsigned int deaths;
	uint64_t until_usec; /* monotonic */
};

struct backoff {
	struct record *records; /* owned, RECORDS_MAX of them */
	size_t n;
};

int backoff_new(struct backoff **ret)
{
	struct backoff *b = calloc(1, sizeof(*b));

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

struct backoff *backoff_free(struct backoff *b)
{
	if (!b)
		return NULL;
	free(b->records);
	free(b);
	return NULL;
}

static struct record *find(const struct backoff *b, const char *space)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->records[i].space, space))
			return &b->records[i];
	return NULL;
}

static struct record *find_or_add(struct backoff *b, const char *space)
{
	struct record *r = find(b, space);

	if (r)
		return r;
	if (b->n < RECORDS_MAX) {
		r = &b->records[b->n++];
	} else {
		r = &b->records[0];
		for (size_t i = 1; i < b->n; i++)
			if (b->records[i].until_usec < r->until_usec)
				r = &b->records[i];
	}
	*r = (struct record){0};
	(void)snprintf(r->space, sizeof(r->space), "%s", space);
	return r;
}

void backoff_died(struct backoff *b, const char *space, const char *bundle, uint64_t lived_usec,
	uint64_t now_usec)
{
	struct record *r = find_or_add(b, space);
	uint64_t wait = FIRST_USEC;

	if (strcmp(r->bundle, bundle) != 0 || lived_usec >= HEALTHY_USEC)
		r->deaths = 0;
	(void)snprintf(r->bundle, sizeof(r->bundle), "%s", bundle);
	r->deaths++;
	if (r->deaths <= FREE_DEATHS) {
		r->until_usec = now_usec;
		return;
	}
	for (unsigned int i = FREE_DEATHS + 1; i < r->deaths && wait < LAST_USEC; i++)
		wait *= 2;
	r->until_usec = now_usec + (wait > LAST_USEC ? LAST_USEC : wait);
}

void backoff_forget(struct backoff *b, const char *space)
{
	struct record *r = find(b, space);

	if (r)
		*r = b->records[--b->n];
}

uint64_t backoff_left(
	const struct backoff *b, const char *space, const char *bundle, uint64_t now_usec)
{
	const struct record *r = find(b, space);

	if (!r || strcmp(r->bundle, bundle) != 0 || r->until_usec <= now_usec)
		return 0;
	return r->until_usec - now_usec;
}
