/*
 * Compaction: a new segment is begun, a STATE record of every live session goes into it a few at
 * a time while ordinary records keep coming, and when the last one is on the disk, the older
 * segments are deleted. A kill or a power cut at any moment is harmless: until then they are all
 * still there, and a STATE replaces whatever was read of its session before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/session/sessions_private.h"

#define LOG_SMALL (8ull << 20) /* below, garbage does not matter */
#define SEGMENT_FULL 2         /* … and a segment */
#define STEP_PART 4            /* this part of it is written in one step */

static uint64_t small(const struct sessions *t)
{
	return t->limits.compact_bytes ? t->limits.compact_bytes : LOG_SMALL;
}

static void add_weight(struct session *s, void *data)
{
	*(uint64_t *)data += session_weight(s);
}

static bool is_due(struct sessions *t)
{
	uint64_t total = session_log_bytes(t->log);
	uint64_t live = 0;

	if (total < small(t))
		return false;
	sessions_each(t, add_weight, &live);
	return total > live * 2;
}

static void note_number(struct session *s, void *data)
{
	struct sessions *t = data;

	t->compact_list[t->compact_n++] = s->number;
}

static void begin(struct sessions *t)
{
	uint32_t *list = calloc(sessions_count(t) + 1, sizeof(*list));
	int number = list ? session_log_roll(t->log) : -ENOMEM;

	if (number < 0) {
		log_error("cannot begin a new segment of the session log: %s", strerror(-number));
		free(list);
		return;
	}
	t->compact_list = list;
	t->compact_n = t->compact_at = 0;
	t->compact_from = number;
	t->compact_failures = session_log_failures(t->log);
	sessions_each(t, note_number, t);
	if (session_log_append(t->log, 0, LOG_STATE, t->next_number, NULL, 0) < 0)
		sessions_compact_done(t);
}

void sessions_compact_done(struct sessions *t)
{
	free(t->compact_list);
	t->compact_list = NULL;
	t->compact_from = 0;
	t->compact_end = 0;
}

static int write_one(struct sessions *t, struct session *s, size_t *written)
{
	struct buf b;
	int r;

	buf_init(&b, LOG_VALUE_MAX);
	r = session_write_state(s, &b);
	if (r == 0)
		r = session_append(t, s, LOG_STATE, 0, b.data, b.len);
	*written += b.len;
	buf_done(&b);
	return r;
}

static void step(struct sessions *t)
{
	size_t written = 0;

	while (t->compact_at < t->compact_n && written < small(t) / STEP_PART) {
		struct session *s = sessions_by_number(t, t->compact_list[t->compact_at]);

		/* A failure gives up; the old segments stay and the next try starts over. */
		if (s && write_one(t, s, &written) < 0) {
			sessions_compact_done(t);
			return;
		}
		t->compact_at++;
	}
	if (t->compact_at < t->compact_n)
		return;
	if (!t->compact_end)
		t->compact_end = session_log_written(t->log);
	if (session_log_safe(t->log) < t->compact_end)
		return;
	/* Some of the states may not be there after all: they are written once more. */
	if (session_log_failures(t->log) == t->compact_failures)
		session_log_drop_before(t->log, t->compact_from);
	sessions_compact_done(t);
}

void sessions_compact_step(struct sessions *t)
{
	if (t->compact_from == 0 && is_due(t))
		begin(t);
	if (t->compact_from != 0)
		step(t);
	else if (session_log_current(t->log) > small(t) * SEGMENT_FULL)
		(void)session_log_roll(t->log);
}
