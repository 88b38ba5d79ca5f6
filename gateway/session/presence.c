#include "gateway/session/presence.h"

#include "base/clock.h"
#include "proto/messages.h"

static uint8_t presence_of(const struct sessions *t, const struct session *s)
{
	uint64_t now = t->ops.now_usec(t->data);

	if (s->live->visit)
		return PRESENCE_HERE;
	return s->live->left_usec && now - s->live->left_usec > t->limits.leave_sec * USEC_PER_SEC
		       ? PRESENCE_LEFT
		       : PRESENCE_AWAY;
}

void presence_tell(struct sessions *t, struct session *s)
{
	uint8_t now = presence_of(t, s);
	const struct frame f = {.type = APP_PRESENCE, .channel = s->number, .op = now};

	if (s->live->phase != SESSION_OPEN || !s->live->replica || s->live->told_presence == now)
		return;
	/* A worker takes a page to be away until it is told. */
	if (now == PRESENCE_AWAY && !s->live->told_presence)
		return;
	if (!t->ops.wants_presence || !t->ops.wants_presence(s, t->data))
		return;
	s->live->told_presence = now;
	t->ops.send(s, &f, t->data);
}
