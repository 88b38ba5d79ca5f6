#include "gateway/session/outbox.h"

#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *o, uint32_t floor)
{
	*o = (struct outbox){.floor = floor};
}

static void drop_first(struct outbox *o)
{
	struct outbox_group *g = o->first;

	o->first = g->next;
	if (!o->first)
		o->last = NULL;
	o->bytes -= g->length;
	o->floor = g->seq;
	free(g);
}

void outbox_done(struct outbox *o)
{
	while (o->first)
		drop_first(o);
}

void outbox_add(struct outbox *o, uint32_t seq, bool fails, const uint8_t *frames, size_t n)
{
	struct outbox_group *g = n <= OUTBOX_MAX ? malloc(sizeof(*g) + n) : NULL;

	if (!g) {
		outbox_done(o);
		o->floor = seq;
		return;
	}
	*g = (struct outbox_group){.seq = seq, .fails = fails, .length = n};
	memcpy(g->frames, frames, n);
	if (o->last)
		o->last->next = g;
	else
		o->first = g;
	o->last = g;
	o->bytes += n;
	while (o->bytes > OUTBOX_MAX)
		drop_first(o);
}

void outbox_trim(struct outbox *o, uint32_t seq)
{
	while (o->first && o->first->seq <= seq)
		drop_first(o);
}

const struct outbox_group *outbox_after(
	const struct outbox *o, uint32_t seq, uint32_t last_seq, bool *ret_all)
{
	const struct outbox_group *g = o->first;

	*ret_all = seq >= o->floor && seq <= last_seq;
	while (g && g->seq <= seq)
		g = g->next;
	return g;
}
