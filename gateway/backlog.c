#include "gateway/backlog.h"

#include "base/clock.h"

#define QUEUE_MAX (1u << 20)  /* waiting for a page, beyond which it falls behind */
#define CROWD_MAX (32u << 20) /* waiting for all pages of a Space: beyond, each one … */
#define CROWD_QUEUE_MAX 65536 /* … falls behind here */
/* Beyond these a page is dropped, whatever is meant for it: so much waits for it, for all pages of
 * its Space, or it has taken nothing for so long. */
#define DROP_MAX (16u << 20)
#define DROP_CROWD_MAX (128u << 20)
#define DROP_USEC (30 * USEC_PER_SEC)

void backlog_add(struct backlog *b, size_t n)
{
	if (b->bytes == 0)
		b->taken_usec = clock_mono_usec();
	b->bytes += n;
	b->space->queued += n;
}

void backlog_take(struct backlog *b, size_t n)
{
	b->taken_usec = clock_mono_usec();
	b->bytes -= n;
	b->space->queued -= n;
}

void backlog_drop(struct backlog *b)
{
	b->space->queued -= b->bytes;
	b->bytes = 0;
}

bool backlog_is_full(const struct backlog *b, size_t n)
{
	size_t room = b->space->queued > CROWD_MAX ? CROWD_QUEUE_MAX : QUEUE_MAX;

	return b->bytes && b->bytes + n > room;
}

bool backlog_is_stuck(const struct backlog *b, size_t n)
{
	return b->bytes + n > DROP_MAX ||
	       (n > CROWD_QUEUE_MAX && b->space->queued + n > DROP_CROWD_MAX) ||
	       (b->bytes && clock_mono_usec() - b->taken_usec > DROP_USEC);
}
