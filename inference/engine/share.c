#include "inference/engine/share.h"

struct share *share_of(struct shares *s, uint32_t group)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->of[i].group == group || i == SHARES_MAX - 1)
			return &s->of[i];
	s->of[s->n] = (struct share){.group = group};
	return &s->of[s->n++];
}
