#include "sdk-lua/host/reply.h"

#include <errno.h>
#include <lauxlib.h>

#include "base/clock.h"
#include "sdk-lua/host/bind.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/task.h"

/* One level more than a value may have: the list of outputs. */
static int encode(lua_State *L, int index, struct buf *out, struct value_why *why)
{
	const struct value_rules rules = {.depth_max = SESSION_IMAGE_DEPTH_MAX + 1,
		.object_mark = worker_of(L)->object_mark,
		.nul = true};

	buf_clear(out);
	return value_encode(L, index, &rules, out, why);
}

static struct task *need_call(lua_State *L)
{
	struct task *t = worker_of(L)->current;

	if (!t || !t->called)
		luaL_error(L, "no call is running");
	return t;
}

/* call_state(state): the running call's own SDK table. */
int reply_host_state(lua_State *L)
{
	struct task *t = need_call(L);

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &t->state_key);
	return 0;
}

/* result(op, value): one RESULT. The final one goes out at the handler's end, if it ends well. */
int reply_host_result(lua_State *L)
{
	struct task *t = need_call(L);
	uint8_t op = (uint8_t)luaL_checkinteger(L, 1);
	struct buf *out = op == RESULT_FINAL ? &t->result : &t->worker->scratch;
	struct value_why why;
	int r;

	t->worker->scratch.max = GROUP_MAX;
	r = encode(L, 2, out, &why);
	/* No frame of the app is there any more: its words stand for themselves. */
	if (r == -EINVAL || (r == -ENOSPC && op == RESULT_FINAL)) {
		if (r == -EINVAL)
			lua_pushfstring(L, "result%s", why.words);
		else
			lua_pushliteral(L, "the result is over 7 MiB");
		return lua_error(L);
	}
	if (op == RESULT_YIELD) {
		t->shown = false;
		t->yielded_usec = clock_mono_usec();
	}
	if (r == 0 && op == RESULT_FINAL)
		return 0;
	if (r == 0)
		r = group_add(t->session, APP_RESULT, op, t->n, out->data, out->len, NULL, 0);
	return bind_added(L, t->session, r == -ENOSPC ? -EFBIG : r);
}

static int turned(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

/* turn(): returns once the running call has the session table for itself. */
int reply_host_turn(lua_State *L)
{
	if (session_take_turn(need_call(L)))
		return 0;
	return task_wait(L, WAIT_TURN, turned, 0);
}

/* What the outputs show; without words where that cannot be said: the end of the handler says it.
 */
static int protected_yield(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);
	struct buf *scratch = &t->worker->scratch;
	struct value_why why;

	lua_settop(L, 0);
	worker_push_entry(L, "outputs");
	lua_rawgetp(L, LUA_REGISTRYINDEX, &t->state_key);
	lua_call(L, 1, 1);
	scratch->max = GROUP_MAX;
	if (lua_istable(L, 1) && encode(L, 1, scratch, &why) == 0)
		(void)group_add(t->session, APP_RESULT, RESULT_YIELD, t->n, scratch->data,
			scratch->len, NULL, 0);
	return 0;
}

void reply_soon(struct task *t)
{
	const struct worker_options *o = &t->worker->options;
	uint64_t now, due;

	if (!t->shown)
		return;
	now = clock_mono_usec();
	due = t->yielded_usec + o->flush_usec;
	if (t->session->unacked > o->unacked_max)
		due = now + o->flush_usec;
	if (now < due) {
		publish_at(t->session, due);
		return;
	}
	t->shown = false;
	t->yielded_usec = now;
	if (worker_protect(t->worker, protected_yield, t) != LUA_OK)
		lua_pop(t->worker->L, 1);
}

void reply_due(struct session *s)
{
	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &s->worker->tasks[i];

		if (t->state != TASK_FREE && t->called && t->session == s)
			reply_soon(t);
	}
}

const char *reply_finish(struct task *t)
{
	struct session *s = t->session;
	const struct buf *b = &t->result;
	int r = group_add(s, APP_RESULT, RESULT_FINAL, t->n, b->data, b->len, NULL, 0);

	if (r == -EFBIG && s->pending.len) {
		publish(s, t->n, COMMIT_INTERIM);
		r = group_add(s, APP_RESULT, RESULT_FINAL, t->n, b->data, b->len, NULL, 0);
	}
	if (r == 0)
		return NULL;
	return r == -EFBIG     ? "the result is over 7 MiB"
	       : r == -ENOBUFS ? "too much is on its way to all callers: over 16 MiB, and not yet "
				 "taken"
			       : "out of memory";
}

void reply_forget(struct task *t)
{
	lua_State *L = t->worker->L;

	lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &t->emit_key);
	lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &t->state_key);
	buf_done(&t->result);
	t->called = t->shown = false;
	t->yielded_usec = 0;
}
