#include "sdk-lua/host/inbox.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/image.h"
#include "sdk-lua/host/presence.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/task.h"

#define VALUES_KEEP 4096

static int lost(struct worker *w, uint32_t channel, uint32_t node)
{
	const struct frame f = {.type = APP_LOST, .channel = channel, .node = node};

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
	/* The session's values are what they were when they were kept. What a visitor sent may lie
	 * in the overlay, and its null fields never reached the app. */
	const struct value_form kept = {.object_ref = o->s->worker->object_ref, .nulls = true};
	const struct value_form shown = {.object_ref = o->s->worker->object_ref};

	worker_push_entry(L, "open");
	lua_pushinteger(L, o->s->channel);
	lua_pushstring(L, o->m->session);
	value_push(L, o->m->image, &kept);
	value_push(L, o->m->overlay, &shown);
	lua_pushstring(L, o->m->user); /* NULL is nil */
	value_push(L, o->m->query, &(struct value_form){0});
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
	session_run_for(s, protected_greet);
	if (s->pending.len && !s->moving)
		publish(s, 0, COMMIT_FINISH);
}

static int open_session(
	struct worker *w, const struct frame *f, const struct app_open *m, struct err *e)
{
	struct session *s = session_find(w, f->channel);
	struct opening o = {.m = m};

	if (s)
		session_free(s);
	s = session_new(w, f->channel, f->seq, m->session);
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	o.s = s;
	w->opened = true;
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
		publish_refusal(s, 0, FAIL_LIMIT,
			o.why.words[0] ? o.why.words : "the app's memory is full");
		session_free(s);
		return 0;
	}
	s->moving = o.upgrade != NULL;
	greet(s);
	if (o.upgrade)
		session_start_task(s, o.upgrade, NULL, 0, 0);
	return 0;
}

int inbox_open(struct worker *w, const struct frame *f, struct err *e)
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

int inbox_value(struct worker *w, const struct frame *f, struct err *e)
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

static size_t count_digits(const uint8_t *text, size_t n)
{
	size_t i = 0;

	while (i < n && memchr("0123456789abcdef", text[i], 16))
		i++;
	return i;
}

int inbox_grant(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	/* It is written into the JSON of a call. */
	if (f->length == 0 || f->length > GRANT_MAX || f->seq == 0 ||
		count_digits(f->value, f->length) != f->length)
		return err_set(e, -EPROTO,
			"app.GRANT: must be 1 to %d hexadecimal digits for an "
			"event",
			GRANT_MAX);
	if (!s)
		return 0;
	s->grant.n = f->seq;
	memcpy(s->grant.text, f->value, f->length);
	s->grant.text[f->length] = '\0';
	return 0;
}

/* Values that have come belong to an event; a call has arguments. */
static struct input *input_new(struct session *s, const struct frame *f, bool call)
{
	size_t values = call ? 0 : s->values.len;
	struct input *i = calloc(1, sizeof(*i) + f->length + values);

	if (!i)
		return NULL;
	i->n = f->seq;
	i->node = f->node;
	i->kind = f->op;
	i->call = call;
	if (s->grant.n == f->seq)
		i->grant = s->grant;
	i->refusal = call ? NULL : s->values_refusal;
	i->length = f->length;
	i->values = values;
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

	i->arrival = ++s->worker->arrivals;
	*s->inputs_tail = i;
	s->inputs_tail = &i->next;
	s->n_inputs++;
	s->inputs_bytes += size;
	s->worker->inputs_bytes += size;
}

/* Sent again by a gateway that took over. Calls come in no order, so each is looked for, also among
 * those whose end the gateway has not said to have. */
static bool is_known(const struct session *s, uint32_t n, bool call)
{
	const struct worker *w = s->worker;

	if (!call)
		return n <= s->last_n;
	for (const struct input *i = s->inputs; i; i = i->next)
		if (i->n == n)
			return true;
	for (const struct group *g = s->groups; g; g = g->next)
		if (g->op == COMMIT_FINISH && g->node == n)
			return true;
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].state != TASK_FREE && w->tasks[i].session == s &&
			w->tasks[i].n == n)
			return true;
	return false;
}

/* What the gateway counts too; it does not know of what the worker runs by itself. */
static unsigned int unfinished(const struct session *s)
{
	unsigned int n = s->n_inputs + s->running;

	for (size_t i = 0; i < TASKS_MAX; i++) {
		const struct task *t = &s->worker->tasks[i];

		if (t->state != TASK_FREE && t->session == s && t->n == 0)
			n--;
	}
	return n;
}

/* An EVENT or a CALL takes its number, and waits for its turn. */
static int take(struct worker *w, const struct frame *f, bool call, struct err *e)
{
	CLEANUP(freep) struct input *i = NULL;
	struct session *s = session_find(w, f->channel);
	const struct handler *h;

	if (!s)
		return lost(w, f->channel, 0);
	if (is_known(s, f->seq, call))
		return 0;
	if (unfinished(s) >= EVENTS_PENDING_MAX)
		return err_set(e, -EPROTO, "%s: session %u has %d unfinished events, the limit",
			proto_name(PROTO_APP, f->type), f->channel, EVENTS_PENDING_MAX);
	i = input_new(s, f, call);
	if (!i)
		return err_set(e, -ENOMEM, "out of memory");
	if (s->inputs_bytes + f->length + i->values > INPUT_SESSION_MAX ||
		w->inputs_bytes + f->length > INPUT_WORKER_MAX) {
		i->refusal = "too much is waiting to be handled";
		i->length = i->values = 0;
	}
	if (!call) {
		clear_values(s);
		s->last_n = f->seq;
	}
	h = worker_handler(w, f->node, f->op);
	if (h && h->n_cancels)
		session_cancel_nodes(s, h->cancels, h->n_cancels, call);
	queue_input(s, TAKE_PTR(i));
	session_pump(s);
	presence_check(s, h, f->seq);
	return 0;
}

int inbox_event(struct worker *w, const struct frame *f, struct err *e)
{
	return take(w, f, false, e);
}

int inbox_call(struct worker *w, const struct frame *f, struct err *e)
{
	return take(w, f, true, e);
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

int inbox_cancel(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	if (!s || s->moving)
		return 0;
	if (f->seq != 0 && cancel_waiting(s, f->seq))
		publish_refusal(s, f->seq, FAIL_CANCELLED, "cancelled");
	else
		session_stop_tasks(s, f->seq, END_CANCELLED);
	session_pump(s);
	return 0;
}

int inbox_close(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	if (s)
		session_free(s);
	return 0;
}

int inbox_ack(struct worker *w, const struct frame *f, struct err *e)
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

int inbox_resume(struct worker *w, const struct frame *f, struct err *e)
{
	struct session *s = session_find(w, f->channel);

	(void)e;
	/* A gateway that holds more than was made here speaks of another life of this session. */
	if (s && f->seq > s->seq) {
		session_free(s);
		s = NULL;
	}
	if (!s)
		return lost(w, f->channel, f->node);
	groups_resend(s, f->seq);
	session_pump(s);
	return 0;
}
