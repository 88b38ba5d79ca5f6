/* What each pool has had of late, for those who look. */
#include <string.h>

#include "base/clock.h"
#include "inference/peers/inside.h"

struct part {
	double used, unused, borrowed; /* of the time since they were looked at before */
};

static uint64_t used_before(const struct pools_seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->n; i++)
		if (!strcmp(seen->of[i].terms.name, name))
			return seen->of[i].used_nsec;
	return UINT64_MAX; /* it is new: nothing is known of the time */
}

static double at_least_0(double x)
{
	return x > 0 ? x : 0;
}

static struct part part_of(const struct pools_seen *seen, const struct pool_look *p, double nsec)
{
	uint64_t before = used_before(seen, p->terms.name);
	double fair = p->terms.percent / 100.0;
	struct part part = {.used = nsec > 0 && before <= p->used_nsec
					    ? (double)(p->used_nsec - before) / nsec
					    : 0};

	part.unused = p->terms.lend ? at_least_0(fair - part.used) : 0;
	part.borrowed = at_least_0(part.used - fair);
	return part;
}

static json_t *describe(const struct pool_look *p, const struct part *part, double lent)
{
	return json_pack("{s:s, s:i, s:b, s:b, s:i, s:f, s:f, s:f, s:I}", "name", p->terms.name,
		"percent", (int)p->terms.percent, "lend", p->terms.lend, "borrow", p->terms.borrow,
		"requests", (int)p->requests, "used", part->used, "lent", lent, "borrowed",
		part->borrowed, "usedMs", (json_int_t)(p->used_nsec / 1000000));
}

/* What was borrowed comes from all who left something, in proportion. */
json_t *pools_describe(struct service *s)
{
	struct pools_seen now = {.at_usec = clock_mono_usec()}, *seen = &s->pools_seen;
	double nsec = seen->at_usec ? (double)(now.at_usec - seen->at_usec) * 1e3 : 0;
	struct part parts[2 * POOLS_MAX + 1];
	double borrowed = 0, unused = 0;
	json_t *list = json_array();

	now.n = engine_look_pools(s->engine, now.of, sizeof(now.of) / sizeof(now.of[0]));
	for (size_t i = 0; i < now.n; i++) {
		parts[i] = part_of(seen, &now.of[i], nsec);
		borrowed += parts[i].borrowed;
		unused += parts[i].unused;
	}
	for (size_t i = 0; now.n > 1 && i < now.n; i++) {
		double lent = unused > 0 ? borrowed * parts[i].unused / unused : 0;

		lent = lent < parts[i].unused ? lent : parts[i].unused;
		(void)json_array_append_new(list, describe(&now.of[i], &parts[i], lent));
	}
	*seen = now;
	return list;
}
