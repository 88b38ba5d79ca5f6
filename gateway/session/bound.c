/*
 * What the sessions of one Space may hold together. Each has limits of its own, but an app and its
 * friends can have twenty thousand of them; beyond the Space's share they are forgotten, those that
 * nobody looks at first.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/session/sessions_private.h"

struct entry {
	struct session *session;
	size_t bytes;
};

struct of_space {
	const char *space;
	struct entry *entries; /* owned */
	size_t n, cap;
	size_t bytes;
};

/* About what it takes of this process: many small groups and cells cost more than their bytes. */
size_t session_memory(const struct session *s)
{
	return session_weight(s) + s->overlay.n * sizeof(struct cell) + 2 * s->outbox.bytes +
	       s->live->group.image.cap + s->live->group.visible.cap;
}

static void gather(struct session *s, void *data)
{
	struct of_space *o = data;

	if (o->n == o->cap || strcmp(s->space, o->space))
		return;
	o->entries[o->n] = (struct entry){s, session_memory(s)};
	o->bytes += o->entries[o->n++].bytes;
}

/* Nobody's before somebody's; of those the one left longest ago, of these the largest. */
static int by_worth(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	uint64_t left_x = x->session->live->left_usec, left_y = y->session->live->left_usec;

	if (!left_x != !left_y)
		return left_x ? -1 : 1;
	if (left_x != left_y)
		return left_x < left_y ? -1 : 1;
	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

size_t sessions_bound(struct sessions *t, const char *space)
{
	struct of_space o = {.space = space, .cap = sessions_count(t)};
	size_t max = t->limits.space_bytes, forgotten = 0;

	o.entries = calloc(o.cap + 1, sizeof(*o.entries));
	if (!o.entries)
		return 0;
	sessions_each(t, gather, &o);
	if (o.bytes > max) {
		qsort(o.entries, o.n, sizeof(*o.entries), by_worth);
		max -= max / 8; /* so that this is not done again at once */
	}
	for (; forgotten < o.n && o.bytes > max; forgotten++) {
		o.bytes -= o.entries[forgotten].bytes;
		sessions_forget(t, o.entries[forgotten].session);
	}
	free(o.entries);
	return forgotten;
}
