#include "inference/engine/share.h"

#include <assert.h>

void shares_begin(struct shares *s, struct schedule *schedule)
{
	s->n = 0;
	schedule_count(schedule);
}

size_t share_of(struct shares *s, struct schedule *schedule, struct party *p)
{
	size_t i = schedule_number(schedule, p);

	if (i == s->n) {
		assert(s->n < SHARES_MAX);
		s->of[s->n] = p;
		s->pick[s->n++] = NULL;
	}
	return i;
}

void share_pick(struct shares *s, size_t i, struct request *pick)
{
	s->pick[i] = pick;
	if (!pick)
		s->of[i] = NULL;
}
