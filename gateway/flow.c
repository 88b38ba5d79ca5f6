#include "gateway/flow.h"

#define WAIT_LEAST_USEC 5000 /* an emptied bucket gets this much before it is used again */

static void add(struct flow *f, double units)
{
	f->left += units;
	if (f->left > FLOW_BURST)
		f->left = FLOW_BURST;
}

static void fill(struct flow *f, uint64_t now_usec)
{
	add(f, (double)(now_usec - f->since_usec) / 1e6 * FLOW_PER_SEC);
	f->since_usec = now_usec;
}

void flow_init(struct flow *f, uint64_t now_usec)
{
	*f = (struct flow){.left = FLOW_BURST, .since_usec = now_usec};
}

bool flow_take(struct flow *f, uint32_t units)
{
	f->left -= units;
	return f->left > 0;
}

void flow_add_event(struct flow *f)
{
	add(f, FLOW_PER_EVENT);
}

uint64_t flow_wait_usec(struct flow *f, uint64_t now_usec)
{
	uint64_t wait;

	fill(f, now_usec);
	if (f->left > 0)
		return 0;
	wait = (uint64_t)(-f->left / FLOW_PER_SEC * 1e6);
	return wait + WAIT_LEAST_USEC;
}
