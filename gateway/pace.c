#include "gateway/pace.h"

#include <string.h>

static const struct pace_kind *find(const struct pace *p, uint32_t node, uint8_t kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->kinds[i].node == node && p->kinds[i].kind == kind)
			return &p->kinds[i];
	return NULL;
}

void pace_note(struct pace *p, uint32_t node, uint8_t kind, uint64_t took_usec)
{
	struct pace_kind *k = (struct pace_kind *)find(p, node, kind);
	int64_t step;

	if (!k) {
		if (p->n == PACE_KINDS_MAX)
			return;
		k = &p->kinds[p->n++];
		*k = (struct pace_kind){.node = node, .kind = kind};
	}
	if (k->n < 8)
		k->n++;
	step = ((int64_t)took_usec - (int64_t)k->mean_usec) / (int64_t)k->n;
	k->mean_usec = (uint64_t)((int64_t)k->mean_usec + step);
}

uint64_t pace_mean(const struct pace *p, uint32_t node, uint8_t kind)
{
	const struct pace_kind *k = find(p, node, kind);

	return k ? k->mean_usec : 0;
}

void pace_line_init(struct pace_line *l, size_t doors, uint64_t mean_usec)
{
	memset(l, 0, sizeof(*l));
	l->n = doors < 1 ? 1 : doors > PACE_SERVERS_MAX ? PACE_SERVERS_MAX : doors;
	l->mean_usec = mean_usec;
}

void pace_line_running(struct pace_line *l, uint64_t since_usec)
{
	/* Who is over the mean may end any moment, or not: a little is left of it. */
	uint64_t least = l->mean_usec / 8;

	if (l->occupied < l->n)
		l->free_usec[l->occupied++] =
			since_usec + least < l->mean_usec ? l->mean_usec - since_usec : least;
}

uint64_t pace_line_next(struct pace_line *l)
{
	size_t first = 0;
	uint64_t at;

	for (size_t i = 1; i < l->n; i++)
		if (l->free_usec[i] < l->free_usec[first])
			first = i;
	at = l->free_usec[first];
	l->free_usec[first] += l->mean_usec;
	return at;
}
