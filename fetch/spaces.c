#include "fetch/spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define MINUTE_USEC (60 * USEC_PER_SEC)

struct space {
	char id[SPACE_ID_MAX + 1];
	unsigned int running, minute; /* requests since since_usec */
	uint64_t since_usec;
};

/* A list that is gone through: it has those that asked within the last minute, and each of their
 * requests takes far longer than this. */
struct spaces {
	struct space *of; /* owned */
	size_t n, room;
	unsigned int running;
};

int spaces_new(struct spaces **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

struct spaces *spaces_free(struct spaces *s)
{
	if (s)
		free(s->of);
	free(s);
	return NULL;
}

static struct space *find(struct spaces *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->of[i].id, id))
			return &s->of[i];
	return NULL;
}

static void forget_quiet(struct spaces *s, uint64_t now_usec)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->of[i].running || now_usec - s->of[i].since_usec < MINUTE_USEC)
			s->of[kept++] = s->of[i];
	s->n = kept;
}

static struct space *add(struct spaces *s, const char *id, uint64_t now_usec)
{
	struct space *more;

	forget_quiet(s, now_usec);
	if (s->n == SPACES_MAX)
		return NULL;
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 16;

		more = realloc(s->of, room * sizeof(*more));
		if (!more)
			return NULL;
		s->of = more;
		s->room = room;
	}
	s->of[s->n] = (struct space){.since_usec = now_usec};
	strncpy(s->of[s->n].id, id, SPACE_ID_MAX);
	return &s->of[s->n++];
}

int spaces_enter(struct spaces *s, const char *id, uint64_t now_usec, struct verdict *v)
{
	struct space *space = find(s, id);

	if (!space)
		space = add(s, id, now_usec);
	if (!space || s->running == RUNNING_MAX)
		return verdict_set(v, "busy", "concurrency",
			"%d requests of all Spaces run already, the limit", RUNNING_MAX);
	if (now_usec - space->since_usec >= MINUTE_USEC) {
		space->since_usec = now_usec;
		space->minute = 0;
	}
	if (space->minute == SPACE_MINUTE_MAX)
		return verdict_set(v, "busy", "rate",
			"over %d requests of this Space within a minute, the limit",
			SPACE_MINUTE_MAX);
	if (space->running == SPACE_RUNNING_MAX)
		return verdict_set(v, "busy", "concurrency",
			"%d requests of this Space run already, the limit", SPACE_RUNNING_MAX);
	space->minute++;
	space->running++;
	s->running++;
	return 0;
}

void spaces_leave(struct spaces *s, const char *id)
{
	struct space *space = find(s, id);

	if (!space)
		return;
	space->running--;
	s->running--;
}
