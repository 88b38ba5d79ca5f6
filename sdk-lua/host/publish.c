#include "sdk-lua/host/publish.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/image.h"
#include "sdk-lua/host/reply.h"

struct keep {
	struct session *s;
	struct value_why *why;
	int r;
};

/* [-0, +0, m] Pushes the session table, adds what changed of it to the group. */
static int keep_image(lua_State *L, struct session *s, struct value_why *why)
{
	int r;

	lua_rawgeti(L, LUA_REGISTRYINDEX, s->state_ref);
	lua_getfield(L, -1, "session");
	lua_remove(L, -2);
	r = image_send(s, L, -1, why);
	lua_pop(L, 1);
	s->kept_usec = clock_mono_usec();
	return r;
}

static int protected_keep(lua_State *L)
{
	struct keep *k = lua_touserdata(L, 1);

	lua_settop(L, 0);
	k->r = keep_image(L, k->s, k->why);
	return 0;
}

int publish_image(struct session *s, struct value_why *why)
{
	struct keep k = {.s = s, .why = why};

	if (worker_protect(s->worker, protected_keep, &k) == LUA_OK)
		return k.r;
	lua_pop(s->worker->L, 1);
	(void)snprintf(why->words, sizeof(why->words), "the app's memory is full");
	return -ENOMEM;
}

void publish(struct session *s, uint32_t n, uint8_t op)
{
	/* flush_due stays: what a call has shown on its way may wait for it. */
	s->flushed_usec = clock_mono_usec();
	if (group_commit(s, n, op) < 0) {
		log_error("session=%u out of memory for a group", s->channel);
		worker_end(s->worker, 1);
	}
}

/* A group in the middle of a handler. Its table is kept at most once in keep_usec, and only when
 * it can be: in the middle it may hold what the handler takes out before it ends. */
static void commit_interim(struct session *s, uint32_t n)
{
	struct value_why why;

	if (clock_mono_usec() - s->kept_usec >= s->worker->options.keep_usec)
		(void)publish_image(s, &why);
	if (s->pending.len)
		publish(s, n, COMMIT_INTERIM);
}

/* The event of a handler of this session that still runs; interim groups need one. */
static uint32_t running_event(const struct session *s)
{
	for (size_t i = 0; i < TASKS_MAX; i++) {
		const struct task *t = &s->worker->tasks[i];

		if (t->state != TASK_FREE && t->session == s)
			return t->n;
	}
	return 0;
}

void publish_at(struct session *s, uint64_t due)
{
	struct worker *w = s->worker;

	s->flush_due = true;
	/* One timer for all, at the earliest; the others are looked at again then. */
	if (w->flush_at == 0 || due < w->flush_at) {
		w->flush_at = due;
		timer_arm(w->flush_timer, due);
	}
}

void publish_soon(struct session *s)
{
	uint64_t due = s->flushed_usec + s->worker->options.flush_usec;

	if (s->pending.len == 0 || s->moving)
		return;
	if (clock_mono_usec() >= due)
		commit_interim(s, running_event(s));
	else
		publish_at(s, due);
}

void publish_due(void *worker)
{
	struct worker *w = worker;

	w->flush_at = 0;
	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct session *s = w->tasks[i].state != TASK_FREE ? w->tasks[i].session : NULL;

		if (s && s->flush_due) {
			s->flush_due = false;
			reply_due(s);
			publish_soon(s);
		}
	}
}

void publish_much(struct session *s)
{
	if (s->pending_records >= GROUP_RECORDS_MAX / 2 && !s->moving)
		commit_interim(s, running_event(s));
}

int publish_save(struct session *s, lua_State *L, struct value_why *why)
{
	int r = keep_image(L, s, why);

	if (r == 0 && s->pending.len && !s->moving)
		publish(s, running_event(s), COMMIT_INTERIM);
	return r;
}

void publish_failure(struct session *s, uint32_t n, const struct failure *f)
{
	struct buf value;

	buf_init(&value, 64 << 10);
	/* Without memory for its words the event still ends. */
	if (failure_write(f, &value) == 0)
		(void)group_add(s, APP_FAIL, f->op, n, value.data, value.len, NULL, 0);
	buf_done(&value);
	publish(s, n, COMMIT_FINISH);
}

void publish_refusal(struct session *s, uint32_t n, uint8_t op, const char *words)
{
	const struct failure f = {.op = op, .message = words, .message_length = strlen(words)};

	publish_failure(s, n, &f);
}
