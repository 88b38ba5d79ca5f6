#include "sdk-lua/host/session.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/image.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/trace.h"

#define VALUES_KEEP 4096
#define VALUE_TEXT_MAX (1u << 20) /* app.VALUE, the larger one */

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

static void stop_tasks(struct session *s, uint32_t n, enum task_end how)
{
	struct worker *w = s->worker;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &w->tasks[i];

		if (t->state != TASK_FREE && t->session == s && (n == 0 || t->n == n))
			task_stop(t, how, NULL);
	}
}

static void session_free(struct session *s)
{
	struct worker *w = s->worker;

	stop_tasks(s, 0, END_DROPPED);
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

/* --- groups --- */

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

static int keep_image_protected(struct session *s, struct value_why *why)
{
	struct keep k = {.s = s, .why = why};

	if (worker_protect(s->worker, protected_keep, &k) == LUA_OK)
		return k.r;
	lua_pop(s->worker->L, 1);
	(void)snprintf(why->words, sizeof(why->words), "the app's memory is full");
	return -ENOMEM;
}

static void commit(struct session *s, uint32_t n, uint8_t op)
{
	s->flushed_usec = clock_mono_usec();
	s->flush_due = false;
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
		(void)keep_image_protected(s, &why);
	if (s->pending.len)
		commit(s, n, COMMIT_INTERIM);
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

void session_flush_soon(struct session *s)
{
	struct worker *w = s->worker;
	uint64_t now, due;

	if (s->pending.len == 0 || s->moving)
		return;
	now = clock_mono_usec();
	due = s->flushed_usec + w->options.flush_usec;
	if (now >= due) {
		commit_interim(s, running_event(s));
		return;
	}
	s->flush_due = true;
	/* One timer for all, at the earliest; the others are looked at again then. */
	if (w->flush_at == 0 || due < w->flush_at) {
		w->flush_at = due;
		timer_arm(w->flush_timer, due);
	}
}

void sessions_flush_due(void *worker)
{
	struct worker *w = worker;

	w->flush_at = 0;
	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct session *s = w->tasks[i].state != TASK_FREE ? w->tasks[i].session : NULL;

		if (s && s->flush_due) {
			s->flush_due = false;
			session_flush_soon(s);
		}
	}
}

int session_save(struct session *s, lua_State *L, struct value_why *why)
{
	int r = keep_image(L, s, why);

	if (r == 0 && s->pending.len && !s->moving)
		commit(s, running_event(s), COMMIT_INTERIM);
	return r;
}

void sessions_send_rest(struct worker *w)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next)
			groups_send_rest(s);
}

static int add_fail(struct session *s, uint32_t n, uint8_t op, const struct failure *f)
{
	struct buf value;
	int r;

	buf_init(&value, 64 << 10);
	r = failure_write(f, &value);
	if (r == 0)
		r = group_add(s, APP_FAIL, op, n, value.data, value.len, NULL, 0);
	buf_done(&value);
	return r;
}

/* Ends event n with these words for the visitor, without a handler. */
static void finish_refused(struct session *s, uint32_t n, uint8_t op, const char *words)
{
	struct failure f = {.message = words, .message_length = strlen(words)};

	(void)add_fail(s, n, op, &f);
	commit(s, n, COMMIT_FINISH);
}

/* --- handlers --- */

struct start {
	struct session *s;
	struct input *input;
	struct task *task;
	bool not_json;
};

static void forget_parsed(struct worker *w)
{
	json_decref(w->parsed);
	w->parsed = NULL;
}

/* What is no JSON is found here, where it is parsed anyway, and refused by start_input. The parsed
 * value is the worker's until then: a raise for memory must not lose it. */
static void push_json(lua_State *L, struct start *a, const uint8_t *text, size_t n)
{
	struct worker *w = a->s->worker;

	if (n == 0 || (n == 4 && memcmp(text, "null", 4) == 0)) {
		lua_pushnil(L);
		return;
	}
	if (json_parse(text, n, VALUE_TEXT_MAX, &w->parsed, NULL) < 0)
		a->not_json = true;
	value_push(L, w->parsed);
	forget_parsed(w);
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

static void count_running(struct session *s, struct task *t, int by)
{
	s->running += (unsigned int)by;
	if (!t->parallel)
		s->in_order += (unsigned int)by;
	if (t->handler)
		((struct handler *)t->handler)->running += (unsigned int)by;
}

static void start_task(
	struct session *s, struct task *t, const struct handler *h, uint32_t n, uint32_t node)
{
	t->session = s;
	t->handler = h;
	t->parallel = h && h->parallel;
	t->n = n;
	t->node = node;
	count_running(s, t, 1);
	task_start(t);
}

static void start_input(struct session *s, struct input *i)
{
	struct worker *w = s->worker;
	struct start a = {.s = s, .input = i};

	if (i->refusal) {
		finish_refused(s, i->n, FAIL_INVALID, i->refusal);
		return;
	}
	if (worker_protect(w, protected_start, &a) != LUA_OK) {
		lua_pop(w->L, 1);
		forget_parsed(w);
		finish_refused(s, i->n, FAIL_LIMIT, "the app's memory is full");
		return;
	}
	if (a.not_json) {
		lua_settop(a.task->thread, 0);
		finish_refused(s, i->n, FAIL_INVALID, "what came with this event is not JSON");
		return;
	}
	start_task(s, a.task, worker_handler(w, i->node, i->kind), i->n, i->node);
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
		return s->in_order == 0;
	if (s->in_order > 0 && !(h && h->parallel))
		return false;
	if (h && h->concurrency && h->running >= h->concurrency)
		return false;
	return task_free(s->worker);
}

void session_pump(struct session *s)
{
	struct input **at = &s->inputs;
	bool blocked = false; /* one that runs in order waits: later ones of its kind wait behind */

	if (s->moving || s->unacked > s->worker->options.unacked_max)
		return;
	while (*at) {
		struct input *i = *at;
		const struct handler *h = worker_handler(s->worker, i->node, i->kind);
		bool parallel = h && h->parallel;

		if ((blocked && !parallel) || !may_start(s, i)) {
			blocked |= !parallel;
			at = &i->next;
			continue;
		}
		*at = i->next;
		if (!*at)
			s->inputs_tail = at;
		s->n_inputs--;
		s->inputs_bytes -= sizeof(*i) + i->length + i->values;
		s->worker->inputs_bytes -= sizeof(*i) + i->length + i->values;
		start_input(s, i);
		free(i);
	}
}

void sessions_pump_all(struct worker *w)
{
	w->pump_all = false;
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		for (struct session *s = w->buckets[i]; s; s = s->next)
			if (s->inputs)
				session_pump(s);
}

/* Runs one of the SDK's own functions as this session: what it shows belongs to it. */
static void run_for(struct session *s, lua_CFunction fn)
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

static void say_failure(const struct session *s, const struct failure *f)
{
	say(s->worker, "error", s, "ref=%s %s%s%d%s%.*s", f->reference, f->file,
		f->file[0] ? ":" : "", f->line, f->file[0] ? ": " : "", (int)f->message_length,
		f->message);
	if (f->traceback[0])
		say(s->worker, "error", s, "%s", f->traceback);
}

static void fail_task(struct session *s, struct task *t, enum task_end how)
{
	struct failure f = {0};

	switch (how) {
	case END_CANCELLED:
		finish_refused(s, t->n, FAIL_CANCELLED, "cancelled");
		return;
	case END_LIMIT:
		say(s->worker, "limit", s, "%s", t->words);
		finish_refused(s, t->n, FAIL_LIMIT, t->words);
		return;
	default:
		break;
	}
	failure_read(&f, t->thread);
	if (f.op == FAIL_ERROR)
		say_failure(s, &f);
	(void)add_fail(s, t->n, f.op, &f);
	commit(s, t->n, COMMIT_FINISH);
}

static void finish_ok(struct session *s, struct task *t)
{
	commit(s, t->n, COMMIT_FINISH);
}

/* A session that cannot be taken over stays with the worker it came from. */
static void end_move(struct session *s, struct task *t, enum task_end how)
{
	s->moving = false;
	if (how == END_RETURNED) {
		finish_ok(s, t);
		session_pump(s);
		return;
	}
	fail_task(s, t, how);
	session_free(s);
}

static void refuse_image(struct session *s, struct task *t, const char *words)
{
	struct failure f = {.op = FAIL_ERROR};

	failure_words(&f, words);
	say_failure(s, &f);
	(void)add_fail(s, t->n, f.op, &f);
	commit(s, t->n, COMMIT_FINISH);
}

void session_task_ended(struct session *s, struct task *t, enum task_end how)
{
	struct value_why why;
	int kept;

	count_running(s, t, -1);
	if (how == END_DROPPED)
		return;
	if (s->running == 0)
		run_for(s, protected_finish);
	kept = keep_image_protected(s, &why);
	if (s->moving)
		end_move(s, t, kept < 0 && how == END_RETURNED ? END_LIMIT : how);
	else if (how != END_RETURNED)
		fail_task(s, t, how);
	else if (kept < 0)
		refuse_image(s, t, why.words);
	else
		finish_ok(s, t);
}

void session_cancel_nodes(struct session *s, const uint32_t *nodes, size_t n)
{
	struct worker *w = s->worker;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		struct task *t = &w->tasks[i];

		for (size_t k = 0; k < n && t->state != TASK_FREE && t->session == s; k++)
			if (t->node == nodes[k] && t->state != TASK_RUNNING)
				task_stop(t, END_CANCELLED, NULL);
	}
}

/* --- frames --- */

static int lost(struct worker *w, uint32_t channel)
{
	const struct frame f = {.type = APP_LOST, .channel = channel};

	return link_send(w->app, &f) == -ENOMEM ? -ENOMEM : 0;
}

struct opening {
	struct session *s;
	const struct app_open *m;
	struct task *upgrade; /* NULL: nothing to run */
	struct value_why why;
	int r;
};

/* [-0, +1, m] The SDK's table of a new session. */
static void push_state(lua_State *L, const struct opening *o)
{
	worker_push_entry(L, "open");
	lua_pushinteger(L, o->s->channel);
	lua_pushstring(L, o->m->session);
	value_push(L, o->m->image);
	value_push(L, o->m->overlay);
	lua_pushstring(L, o->m->user); /* NULL is nil */
	value_push(L, o->m->query);
	lua_call(L, 6, 1);
}

static void begin_upgrade(lua_State *L, struct opening *o)
{
	o->upgrade = task_get(o->s->worker);
	if (!o->upgrade)
		luaL_error(L, "too many handlers are running");
	worker_push_entry(L, "upgrade");
	lua_rawgeti(L, LUA_REGISTRYINDEX, o->s->state_ref);
	lua_xmove(L, o->upgrade->thread, 2);
	o->upgrade->n_args = 1;
}

static int protected_open(lua_State *L)
{
	struct opening *o = lua_touserdata(L, 1);
	struct session *s = o->s;

	lua_settop(L, 0);
	push_state(L, o);
	lua_pushvalue(L, 1);
	s->state_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_getfield(L, 1, "session");
	o->r = image_learn(s, L, -1, &o->why);
	if (o->r == 0 && o->m->from)
		begin_upgrade(L, o);
	return 0;
}

static struct session *session_new(struct worker *w, const struct frame *f, const char *id)
{
	struct session *s = calloc(1, sizeof(*s));
	struct session **bucket = bucket_of(w, f->channel);

	if (!s)
		return NULL;
	*s = (struct session){.worker = w,
		.channel = f->channel,
		.seq = f->seq,
		.state_ref = LUA_NOREF,
		.next = *bucket};
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	s->groups_tail = &s->groups;
	s->inputs_tail = &s->inputs;
	buf_init(&s->pending, GROUP_MAX + GROUP_SPARE + 4096);
	buf_init(&s->values, INPUT_SESSION_MAX);
	*bucket = s;
	w->n_sessions++;
	return s;
}

/* The page shows files of the bundle: they go to each new session as its first group. */
static int protected_greet(lua_State *L)
{
	struct session *s = lua_touserdata(L, 1);

	lua_settop(L, 0);
	worker_push_entry(L, "greet");
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->state_ref);
	lua_call(L, 1, 0);
	return 0;
}

static void greet(struct session *s)
{
	run_for(s, protected_greet);
	if (s->pending.len && !s->moving)
		commit(s, 0, COMMIT_FINISH);
}

static int open_session(
	struct worker *w, const struct frame *f, const struct app_open *m, struct err *e)
{
	struct session *s = session_find(w, f->channel);
	struct opening o = {.m = m};

	if (s)
		session_free(s);
	s = session_new(w, f, m->session);
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	o.s = s;
	if (uploads_learn(s, m->files, e) < 0) {
		session_free(s);
		return -EINVAL;
	}
	if (worker_protect(w, protected_open, &o) != LUA_OK) {
		say(w, "error", s, "the session cannot be opened: %s", lua_tostring(w->L, -1));
		lua_pop(w->L, 1);
		o.r = -ENOMEM;
	}
	if (o.r < 0) {
		finish_refused(s, 0, FAIL_LIMIT,
			o.why.words[0] ? o.why.words : "the app's memory is full");
		session_free(s);
		return 0;
	}
	s->moving = o.upgrade != NULL;
	greet(s);
	if (o.upgrade)
		start_task(s, o.upgrade, NULL, 0, 0);
	return 0;
}

int session_on_open(struct worker *w, const struct frame *f, struct err *e)
{
	struct app_open m;
	int r = app_open_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	if (!json_is_object(m.image) || !json_is_array(m.overlay))
		r = err_set(e, -EINVAL, "app.OPEN: image must be an object, overlay an array");
	else
		r = open_session(w, f, &m, e);
	app_open_done(&m);
	return r;
}

int session_on_value(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);
	uint32_t head[2] = {f->node, (uint32_t)f->length};
	size_t need = sizeof(head) + f->length;

	(void)e;
	if (!s || f->seq <= s->last_n)
		return 0;
	if (s->values.len + need > INPUT_SESSION_MAX || w->inputs_bytes + need > INPUT_WORKER_MAX ||
		buf_reserve(&s->values, need) < 0) {
		s->values_refusal = "the values that came with this event are too large";
	} else {
		(void)buf_add(&s->values, head, sizeof(head)); /* reserved above */
		(void)buf_add(&s->values, f->value, f->length);
		w->inputs_bytes += need;
	}
	return 0;
}

static struct input *input_new(struct session *s, const struct frame *f)
{
	struct input *i = calloc(1, sizeof(*i) + f->length + s->values.len);

	if (!i)
		return NULL;
	i->n = f->seq;
	i->node = f->node;
	i->kind = f->op;
	i->refusal = s->values_refusal;
	i->length = f->length;
	i->values = s->values.len;
	if (i->length)
		memcpy(i->bytes, f->value, i->length);
	if (i->values)
		memcpy(i->bytes + i->length, s->values.data, i->values);
	return i;
}

static void clear_values(struct session *s)
{
	s->worker->inputs_bytes -= s->values.len;
	s->values_refusal = NULL;
	if (s->values.cap > VALUES_KEEP)
		buf_done(&s->values);
	else
		buf_clear(&s->values);
}

static void queue_input(struct session *s, struct input *i)
{
	size_t size = sizeof(*i) + i->length + i->values;

	*s->inputs_tail = i;
	s->inputs_tail = &i->next;
	s->n_inputs++;
	s->inputs_bytes += size;
	s->worker->inputs_bytes += size;
}

int session_on_event(struct worker *w, const struct frame *f, struct err *e)
{
	CLEANUP(freep) struct input *i = NULL;
	struct session *s = session_find(w, f->channel);
	const struct handler *h;

	if (!s)
		return lost(w, f->channel);
	if (f->seq <= s->last_n)
		return 0;
	if (s->n_inputs + s->running >= EVENTS_PENDING_MAX)
		return err_set(e, -EPROTO,
			"app.EVENT: session %u has %d unfinished events, the limit", f->channel,
			EVENTS_PENDING_MAX);
	i = input_new(s, f);
	if (!i)
		return err_set(e, -ENOMEM, "out of memory");
	if (s->inputs_bytes + f->length + i->values > INPUT_SESSION_MAX ||
		w->inputs_bytes + f->length > INPUT_WORKER_MAX) {
		i->refusal = "too much is waiting to be handled";
		i->length = i->values = 0;
	}
	clear_values(s);
	s->last_n = f->seq;
	h = worker_handler(w, f->node, f->op);
	if (h && h->n_cancels)
		session_cancel_nodes(s, h->cancels, h->n_cancels);
	queue_input(s, TAKE_PTR(i));
	session_pump(s);
	return 0;
}

static bool cancel_waiting(struct session *s, uint32_t n)
{
	for (struct input **at = &s->inputs; *at; at = &(*at)->next) {
		struct input *i = *at;
		size_t size = sizeof(*i) + i->length + i->values;

		if (i->n != n)
			continue;
		*at = i->next;
		if (!*at)
			s->inputs_tail = at;
		s->n_inputs--;
		s->inputs_bytes -= size;
		s->worker->inputs_bytes -= size;
		free(i);
		return true;
	}
	return false;
}

int session_on_cancel(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	if (!s || s->moving)
		return 0;
	if (f->seq != 0 && cancel_waiting(s, f->seq))
		finish_refused(s, f->seq, FAIL_CANCELLED, "cancelled");
	else
		stop_tasks(s, f->seq, END_CANCELLED);
	session_pump(s);
	return 0;
}

int session_on_close(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	if (s)
		session_free(s);
	return 0;
}

int session_on_ack(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	if (!s)
		return 0;
	if (f->seq > s->seq)
		return err_set(
			e, -EPROTO, "app.ACK seq: %u, but group %u is the last", f->seq, s->seq);
	groups_acked(s, f->seq);
	if (s->unacked > w->options.unacked_max)
		return 0;
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].state == TASK_WAITING && w->tasks[i].session == s &&
			w->tasks[i].wait == WAIT_ACK)
			task_wake(&w->tasks[i]);
	session_pump(s);
	return 0;
}

int session_on_resume(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	/* A gateway that holds more than was made here speaks of another life of this session. */
	if (s && f->seq > s->seq) {
		session_free(s);
		s = NULL;
	}
	if (!s)
		return lost(w, f->channel);
	groups_resend(s, f->seq);
	session_pump(s);
	return 0;
}
