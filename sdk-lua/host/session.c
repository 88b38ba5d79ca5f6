#include "sdk-lua/host/session.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/image.h"
#include "sdk-lua/host/presence.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/reader.h"
#include "sdk-lua/host/reply.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/ticker.h"
#include "sdk-lua/host/trace.h"

static struct session **bucket_of(struct worker *w, uint32_t channel)
{
	return &w->buckets[(channel * 2654435761u) >> 24];
}

struct session *session_find(struct worker *w, uint32_t channel)
{
	struct session *s = *bucket_of(w, channel);

	while (s && s->channel != channel)
		s = s->next;
	return s;
}

static void drop_inputs(struct session *s)
{
	while (s->inputs) {
		struct input *i = s->inputs;

		s->inputs = i->next;
		free(i);
	}
	s->inputs_tail = &s->inputs;
	s->worker->inputs_bytes -= s->inputs_bytes;
	s->inputs_bytes = 0;
	s->n_inputs = 0;
}

void session_stop_tasks(struct session *s, uint32_t n, enum task_end how)
{
	struct worker *w = s->worker;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &w->tasks[i];

		if (t->state != TASK_FREE && t->session == s && (n == 0 || t->n == n))
			task_stop(t, how, NULL);
	}
}

void session_free(struct session *s)
{
	struct worker *w = s->worker;

	session_stop_tasks(s, 0, END_DROPPED);
	for (struct session **at = bucket_of(w, s->channel); *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	w->n_sessions--;
	w->inputs_bytes -= s->values.len;
	drop_inputs(s);
	groups_free(s);
	image_free(&s->image);
	uploads_free(s);
	tickers_free(s);
	buf_done(&s->values);
	luaL_unref(w->L, LUA_REGISTRYINDEX, s->state_ref);
	free(s);
}

void sessions_free(struct worker *w)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		while (w->buckets[i])
			session_free(w->buckets[i]);
}

struct session *session_new(struct worker *w, uint32_t channel, uint32_t seq, const char *id)
{
	struct session *s = calloc(1, sizeof(*s));
	struct session **bucket = bucket_of(w, channel);

	if (!s)
		return NULL;
	*s = (struct session){.worker = w,
		.channel = channel,
		.seq = seq,
		.state_ref = LUA_NOREF,
		.next = *bucket};
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	(void)snprintf(s->reference, sizeof(s->reference), "%08x", crc32c(0, id, strlen(id)));
	s->groups_tail = &s->groups;
	s->inputs_tail = &s->inputs;
	buf_init(&s->pending, GROUP_MAX + GROUP_SPARE + 4096);
	buf_init(&s->values, INPUT_SESSION_MAX);
	*bucket = s;
	w->n_sessions++;
	return s;
}

void sessions_send_rest(struct worker *w)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next)
			groups_send_rest(s);
}

/* --- handlers --- */

struct start {
	struct session *s;
	struct input *input;
	struct task *task;
	bool not_json;
};

/* What is no JSON is found here, where it is read anyway, and refused by start_input. */
static void push_json(lua_State *L, struct start *a, const uint8_t *text, size_t n)
{
	int top = lua_gettop(L);
	struct reader r;

	if (n == 0) {
		lua_pushnil(L);
		return;
	}
	reader_init(&r, (const char *)text, n);
	r.object_ref = a->s->worker->object_ref;
	if (reader_run(L, &r, INT64_MAX) == 1)
		return;
	a->not_json = true;
	lua_settop(L, top);
	lua_pushnil(L);
}

static int push_values(lua_State *L, struct start *a)
{
	const struct input *i = a->input;
	const uint8_t *at = i->bytes + i->length;
	int n = 0;

	for (size_t left = i->values; left > 0; n++) {
		uint32_t head[2];

		memcpy(head, at, sizeof(head));
		luaL_checkstack(L, 4, "too many values");
		lua_pushinteger(L, head[0]);
		push_json(L, a, at + sizeof(head), head[1]);
		at += sizeof(head) + head[1];
		left -= sizeof(head) + head[1];
	}
	return 2 * n;
}

/* Puts run(state, node, kind, payload, node, value, …) on the handler's own stack. */
static int protected_start(lua_State *L)
{
	struct start *a = lua_touserdata(L, 1);
	struct worker *w = a->s->worker;
	int n;

	a->task = task_get(w);
	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->run_ref);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->s->state_ref);
	lua_pushinteger(L, a->input->node);
	lua_pushinteger(L, a->input->kind);
	push_json(L, a, a->input->bytes, a->input->length);
	n = push_values(L, a);
	luaL_checkstack(a->task->thread, n + 5, NULL);
	a->task->n_args = n + 4;
	lua_xmove(L, a->task->thread, n + 5);
	return 0;
}

/* Puts call(state, node, kind, name, arguments as text) there: what is long to read is read by the
 * handler's own coroutine, which can be interrupted. */
static int protected_start_call(lua_State *L)
{
	struct start *a = lua_touserdata(L, 1);
	const char *name = (const char *)a->input->bytes;
	size_t n = a->input->length, n_name = strnlen(name, n);

	a->task = task_get(a->s->worker);
	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->s->worker->call_ref);
	lua_rawgeti(L, LUA_REGISTRYINDEX, a->s->state_ref);
	lua_pushinteger(L, a->input->node);
	lua_pushinteger(L, a->input->kind);
	lua_pushlstring(L, name, n_name);
	lua_pushlstring(L, name + n_name + 1, n_name < n ? n - n_name - 1 : 0);
	luaL_checkstack(a->task->thread, 6, NULL);
	a->task->n_args = 5;
	lua_xmove(L, a->task->thread, 6);
	return 0;
}

static void count_running(struct session *s, struct task *t, int by)
{
	s->running += (unsigned int)by;
	for (size_t i = 0; t->handler && i < s->worker->n_handlers; i++) {
		struct handler *h = &s->worker->handlers[i];

		if (h == t->handler || (h->group && h->group == t->handler->group))
			h->running += (unsigned int)by;
	}
}

/* --- who has the session table --- */

static void set_ordered(struct session *s, struct task *t, bool ordered)
{
	if (t->ordered == ordered)
		return;
	t->ordered = ordered;
	s->in_order += ordered ? 1 : -1u;
}

bool session_take_turn(struct task *t)
{
	if (t->parallel || t->ordered)
		return true;
	if (t->session->in_order > 0)
		return false;
	set_ordered(t->session, t, true);
	return true;
}

/* To the earliest call of those that wait for it. */
static void give_turn(struct session *s)
{
	struct task *first = NULL;

	for (size_t i = 0; i < TASKS_MAX && s->in_order == 0; i++) {
		struct task *t = &s->worker->tasks[i];

		if (t->state == TASK_WAITING && t->wait == WAIT_TURN && t->session == s &&
			(!first || t->n < first->n))
			first = t;
	}
	if (!first)
		return;
	set_ordered(s, first, true);
	task_wake(first);
}

void session_start_task(
	struct session *s, struct task *t, const struct handler *h, uint32_t n, uint32_t node)
{
	t->session = s;
	t->handler = h;
	t->parallel = h && h->parallel;
	t->n = n;
	t->node = node;
	count_running(s, t, 1);
	if (!t->parallel && !t->called)
		set_ordered(s, t, true);
	task_start(t);
}

static void start_input(struct session *s, struct input *i)
{
	struct worker *w = s->worker;
	struct start a = {.s = s, .input = i};

	if (i->refusal) {
		publish_refusal(s, i->n, FAIL_INVALID, i->refusal);
		return;
	}
	if (worker_protect(w, i->call ? protected_start_call : protected_start, &a) != LUA_OK) {
		lua_pop(w->L, 1);
		publish_refusal(s, i->n, FAIL_LIMIT, "the app's memory is full");
		return;
	}
	if (a.not_json) {
		lua_settop(a.task->thread, 0);
		publish_refusal(s, i->n, FAIL_INVALID, "what came with this event is not JSON");
		return;
	}
	a.task->called = i->call;
	a.task->grant = i->grant;
	session_start_task(s, a.task, worker_handler(w, i->node, i->kind), i->n, i->node);
}

static bool task_free(const struct worker *w)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].state == TASK_FREE)
			return true;
	return false;
}

/* 1: start it, 0: not yet. */
static bool may_start(const struct session *s, const struct input *i)
{
	const struct handler *h = worker_handler(s->worker, i->node, i->kind);

	if (i->refusal)
		return i->call || s->in_order == 0;
	if (!i->call && s->in_order > 0 && !(h && h->parallel))
		return false;
	if (h && h->concurrency && h->running >= h->concurrency)
		return false;
	return task_free(s->worker);
}

static bool can_pump(const struct session *s)
{
	return !s->moving && s->unacked <= s->worker->options.unacked_max;
}

bool session_start_own(struct session *s, uint32_t node, uint8_t kind)
{
	struct input i = {.node = node, .kind = kind};

	if (!can_pump(s) || !may_start(s, &i))
		return false;
	start_input(s, &i);
	return true;
}

/* The first of its events that can start now; NULL: none. */
static struct input **startable(struct session *s)
{
	/* An event that runs in order waits: later ones wait behind it. So do calls, which come to
	 * no order by waiting themselves, but must not keep the session table from it for ever. */
	bool blocked = false;

	if (!can_pump(s))
		return NULL;
	for (struct input **at = &s->inputs; *at; at = &(*at)->next) {
		const struct input *i = *at;
		const struct handler *h = worker_handler(s->worker, i->node, i->kind);
		bool parallel = h && h->parallel;

		if ((!blocked || parallel) && may_start(s, i))
			return at;
		blocked |= !parallel && !i->call;
	}
	return NULL;
}

static void start_at(struct session *s, struct input **at)
{
	struct input *i = *at;

	*at = i->next;
	if (!*at)
		s->inputs_tail = at;
	s->n_inputs--;
	s->inputs_bytes -= sizeof(*i) + i->length + i->values;
	s->worker->inputs_bytes -= sizeof(*i) + i->length + i->values;
	start_input(s, i);
	free(i);
}

void session_pump(struct session *s)
{
	struct input **at;

	if (!can_pump(s))
		return;
	while ((at = startable(s)))
		start_at(s, at);
	presence_pump(s);
}

/* A place goes to the session that has the fewest, and of those to the one that has waited longest:
 * NULL: nobody can use one. */
static struct session *next_session(struct worker *w, struct input ***ret_at)
{
	struct session *next = NULL;

	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next) {
			struct input **at = s->inputs ? startable(s) : NULL;

			if (!at || (next && s->running > next->running) ||
				(next && s->running == next->running &&
					(*at)->arrival > (**ret_at)->arrival))
				continue;
			next = s;
			*ret_at = at;
		}
	return next;
}

void sessions_pump_all(struct worker *w)
{
	struct input **at = NULL;
	struct session *next;

	w->pump_all = false;
	while (task_free(w) && (next = next_session(w, &at)))
		start_at(next, at);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next)
			if ((s->tickers || s->unload_due) && can_pump(s))
				presence_pump(s);
}

/* Runs one of the SDK's own functions as this session: what it shows belongs to it. */
void session_run_for(struct session *s, lua_CFunction fn)
{
	struct task here = {.session = s};
	struct worker *w = s->worker;

	w->current = &here;
	if (worker_protect(w, fn, s) != LUA_OK) {
		say(w, "error", s, "%s",
			lua_type(w->L, -1) == LUA_TSTRING ? lua_tostring(w->L, -1) : "?");
		lua_pop(w->L, 1);
	}
	w->current = NULL;
}

/* The SDK's own end of a handler: progress goes, passwords are forgotten. */
static int protected_finish(lua_State *L)
{
	struct session *s = lua_touserdata(L, 1);

	lua_settop(L, 0);
	worker_push_entry(L, "finish");
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->state_ref);
	lua_call(L, 1, 0);
	return 0;
}

static void say_failure(const struct session *s, uint32_t n, const struct failure *f)
{
	const struct said about = {.tag = "error", .session = s, .n = n, .reference = f->reference};
	char text[8192];
	int length;

	if (s->worker->stage)
		return; /* its test tells, or expected it */
	length = snprintf(text, sizeof(text), "%s%s%d%s%.*s", f->file, f->file[0] ? ":" : "",
		f->line, f->file[0] ? ": " : "", (int)f->message_length, f->message);
	say_about(s->worker, &about, text,
		(size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
	if (f->traceback[0])
		say_about(s->worker, &about, f->traceback, strlen(f->traceback));
}

/* A tick or unload: no event of the visitor, who has done nothing. */
static bool is_own(const struct task *t)
{
	return t->n == 0 && t->handler;
}

/* What nobody sees a difference of is no group. */
static void finish_own(struct session *s)
{
	if (s->pending.len)
		publish(s, 0, COMMIT_FINISH);
}

static void fail_task(struct session *s, struct task *t, enum task_end how)
{
	struct failure f = {0};

	switch (how) {
	case END_CANCELLED:
		if (is_own(t))
			finish_own(s);
		else
			publish_refusal(s, t->n, FAIL_CANCELLED, "cancelled");
		return;
	case END_LIMIT:
		say_about(s->worker, &(struct said){.tag = "limit", .session = s, .n = t->n},
			t->words, strlen(t->words));
		publish_refusal(s, t->n, FAIL_LIMIT, t->words);
		return;
	default:
		break;
	}
	failure_read(&f, t->thread);
	if (f.op == FAIL_ERROR)
		say_failure(s, t->n, &f);
	publish_failure(s, t->n, &f);
}

static void finish_ok(struct session *s, struct task *t)
{
	const char *words = t->called ? reply_finish(t) : NULL;

	if (is_own(t))
		finish_own(s);
	else if (words)
		publish_refusal(s, t->n, FAIL_LIMIT, words);
	else
		publish(s, t->n, COMMIT_FINISH);
}

static void refuse_image(struct session *s, struct task *t, const char *words)
{
	struct failure f = {.op = FAIL_ERROR};

	failure_words(&f, words);
	say_failure(s, t->n, &f);
	publish_failure(s, t->n, &f);
}

/* A session that cannot be taken over stays with the worker it came from. unfit: why what upgrade
 * made cannot be stored; NULL: it can. */
static void end_move(struct session *s, struct task *t, enum task_end how, const char *unfit)
{
	s->moving = false;
	if (how == END_RETURNED && !unfit) {
		finish_ok(s, t);
		session_pump(s);
		return;
	}
	if (how == END_RETURNED)
		refuse_image(s, t, unfit);
	else
		fail_task(s, t, how);
	session_free(s);
}

void session_task_ended(struct session *s, struct task *t, enum task_end how)
{
	struct value_why why;
	int kept;

	count_running(s, t, -1);
	set_ordered(s, t, false);
	if (how == END_DROPPED)
		return;
	give_turn(s);
	if (s->running == 0)
		session_run_for(s, protected_finish);
	kept = publish_image(s, &why);
	/* It would fail again, so many times a second; one that was cancelled has not failed. */
	if (how != END_RETURNED && how != END_CANCELLED && is_own(t) &&
		t->handler->kind == EVENT_TICK)
		(void)ticker_set(s, t->node, 0);
	if (s->moving)
		end_move(s, t, how, kept < 0 ? why.words : NULL);
	else if (how != END_RETURNED)
		fail_task(s, t, how);
	else if (kept < 0)
		refuse_image(s, t, why.words);
	else
		finish_ok(s, t);
}

void session_cancel_nodes(struct session *s, const uint32_t *nodes, size_t n, bool calls)
{
	struct worker *w = s->worker;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &w->tasks[i];

		for (size_t k = 0; k < n && t->state != TASK_FREE && t->session == s; k++)
			if (t->node == nodes[k] && t->called == calls && t->state != TASK_RUNNING)
				task_stop(t, END_CANCELLED, NULL);
	}
}
