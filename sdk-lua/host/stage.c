#include "sdk-lua/host/stage.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/bundle.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/inbox.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/trace.h"

#define TAKEN_MAX (32u << 20) /* groups that the test has not read */
#define FILE_MAX (16u << 20)
#define TESTED_MAX (256u << 10)

/* In front of each group's records. */
struct taken {
	uint32_t channel, seq, node;
	uint32_t op, length;
};

struct stage {
	struct worker *worker;
	struct source *turn; /* owned; deferred */
	uint64_t began_usec;
	struct frame frame; /* type 0: none waits to go in */
	struct buf value;   /* of it */
	struct buf file;    /* what comes with it, where it is FILE */
	struct err refused; /* why the last one was */
	struct buf taken;   /* struct taken and records, from taken_at on unread */
	size_t taken_at, acked_at;
	bool waits;   /* the test waits for a group */
	bool drowned; /* more than TAKEN_MAX came */
};

bool stage_wanted(const struct worker *w)
{
	struct bundle_entry file;

	return w->check && bundle_find(w->bundle, w->bundle_length, STAGE_FILE, &file);
}

static struct task *tester(struct worker *w)
{
	for (size_t i = 0; i < TASKS_MAX; i++)
		if (w->tasks[i].state != TASK_FREE && !w->tasks[i].session)
			return &w->tasks[i];
	return NULL;
}

/* --- what a gateway would do --- */

static void ack_taken(struct stage *g)
{
	while (g->acked_at < g->taken.len) {
		struct taken head;
		struct frame ack = {.type = APP_ACK};
		struct err e = {0};

		memcpy(&head, g->taken.data + g->acked_at, sizeof(head));
		g->acked_at += sizeof(head) + head.length;
		ack.channel = head.channel;
		ack.seq = head.seq;
		(void)inbox_ack(g->worker, &ack, &e);
	}
	if (g->taken_at == g->taken.len) {
		buf_clear(&g->taken);
		g->taken_at = g->acked_at = 0;
	}
}

static void on_turn(void *data)
{
	struct stage *g = data;
	struct task *t = tester(g->worker);
	bool sent = g->frame.type != 0;
	struct session *s;

	g->turn = NULL;
	ack_taken(g);
	if (sent) {
		g->refused = (struct err){0};
		(void)worker_take(g->worker, &g->frame, &g->refused);
		s = session_find(g->worker, g->frame.channel);
		if (g->frame.type == APP_FILE && s && !g->refused.code &&
			upload_hold(s, &g->frame, g->file.data, g->file.len) < 0)
			(void)err_set(&g->refused, -ENOMEM, "out of memory");
		g->frame.type = 0;
	}
	if (t && g->drowned && t->state == TASK_WAITING)
		task_stop(t, END_LIMIT, "the app shows over 32 MiB that the test does not look at");
	else if (t && (sent || (g->waits && g->taken.len > g->taken_at)))
		task_wake(t);
}

static void take_turn(struct stage *g)
{
	if (!g->turn && loop_defer(g->worker->loop, on_turn, g, &g->turn) < 0)
		worker_end(g->worker, 1);
}

void stage_take(struct worker *w, uint32_t channel, const struct group *group)
{
	struct stage *g = w->stage;
	const struct taken head = {.channel = channel,
		.seq = group->seq,
		.node = group->node,
		.op = group->op,
		.length = (uint32_t)group->length};

	if (buf_reserve(&g->taken, sizeof(head) + group->length) < 0) {
		g->drowned = true;
	} else {
		(void)buf_add(&g->taken, &head, sizeof(head)); /* reserved above */
		(void)buf_add(&g->taken, group->bytes, group->length);
	}
	take_turn(g);
}

/* --- what the test calls --- */

static int sent(lua_State *L, int status, lua_KContext context)
{
	const struct stage *g = worker_of(L)->stage;

	(void)status;
	(void)context;
	if (!g->refused.code)
		return 0;
	lua_pushstring(L, g->refused.text);
	return 1;
}

/*
 * stage_send(type, channel, node, seq, op, value, file) -> words where the worker refuses the
 * frame. Returns once the worker has it. file: the bytes of FILE. [-0, +0|1, v]
 */
int stage_host_send(lua_State *L)
{
	static const char *const names[] = {
		"open", "value", "event", "call", "cancel", "close", "file", NULL};
	static const uint8_t types[] = {
		APP_OPEN, APP_VALUE, APP_EVENT, APP_CALL, APP_CANCEL, APP_CLOSE, APP_FILE};
	struct stage *g = worker_of(L)->stage;
	uint8_t type = types[luaL_checkoption(L, 1, NULL, names)];
	size_t n, n_file;
	const char *value = luaL_optlstring(L, 6, "", &n);
	const char *file = luaL_optlstring(L, 7, "", &n_file);

	if (!g || worker_of(L)->current != tester(worker_of(L)))
		return luaL_error(L, "a handler cannot drive the app");
	if (n > (size_t)proto_value_max(PROTO_APP, PROTO_DOWN, type))
		return luaL_error(L, "too large: %d bytes", (int)n);
	buf_clear(&g->value);
	buf_clear(&g->file);
	if (buf_add(&g->value, value, n) < 0 || buf_add(&g->file, file, n_file) < 0)
		return luaL_error(L, "not enough memory, or over 16 MiB");
	g->frame = (struct frame){.type = type,
		.channel = (uint32_t)luaL_checkinteger(L, 2),
		.node = (uint32_t)luaL_checkinteger(L, 3),
		.seq = (uint32_t)luaL_checkinteger(L, 4),
		.op = (uint8_t)luaL_checkinteger(L, 5),
		.value = g->value.data,
		.length = n};
	take_turn(g);
	return task_wait(L, WAIT_STAGE, sent, 0);
}

/* A record of group.c as {type, op, node, bytes}. */
static size_t push_record(lua_State *L, const uint8_t *at)
{
	struct group_record r;

	memcpy(&r, at, sizeof(r));
	lua_createtable(L, 4, 0);
	lua_pushstring(L, proto_name(PROTO_APP, r.type));
	lua_rawseti(L, -2, 1);
	lua_pushinteger(L, r.op);
	lua_rawseti(L, -2, 2);
	lua_pushinteger(L, r.node);
	lua_rawseti(L, -2, 3);
	lua_pushlstring(L, (const char *)at + sizeof(r), r.length);
	lua_rawseti(L, -2, 4);
	return sizeof(r) + r.length;
}

static int next_again(lua_State *L, int status, lua_KContext context)
{
	struct stage *g = worker_of(L)->stage;
	struct taken head;
	size_t end;

	(void)status;
	(void)context;
	g->waits = false;
	if (g->taken_at == g->taken.len) {
		if (!lua_toboolean(L, 1))
			return 0;
		g->waits = true;
		return task_wait(L, WAIT_STAGE, next_again, 0);
	}
	memcpy(&head, g->taken.data + g->taken_at, sizeof(head));
	g->taken_at += sizeof(head);
	end = g->taken_at + head.length;
	lua_pushinteger(L, head.channel);
	lua_pushinteger(L, head.node);
	lua_pushinteger(L, head.op);
	lua_pushinteger(L, head.seq);
	lua_newtable(L);
	for (lua_Integer i = 1; g->taken_at < end; i++) {
		g->taken_at += push_record(L, g->taken.data + g->taken_at);
		lua_rawseti(L, -2, i);
	}
	return 5;
}

/*
 * stage_next(wait) -> channel, event n, op, seq, records of the next group; nothing where there is
 * none and it is not to wait. [-0, +0|5, v]
 */
int stage_host_next(lua_State *L)
{
	if (!worker_of(L)->stage || worker_of(L)->current != tester(worker_of(L)))
		return luaL_error(L, "a handler cannot drive the app");
	lua_settop(L, 1);
	return next_again(L, LUA_OK, 0);
}

/* --- the end --- */

/* Without memory for the results, the words alone. */
struct tested {
	struct worker *worker;
	struct buf *value;
	const struct failure *failure; /* of test.lua itself; NULL: none */
	uint64_t usec;
};

/* The fields of TESTED, from the SDK's table of results. */
static int write_results(lua_State *L)
{
	static const struct value_rules rules = {.depth_max = 8};
	const struct tested *d = lua_touserdata(L, 1);
	const struct failure *f = d->failure;
	struct value_why why;

	lua_settop(L, 0);
	worker_push_entry(L, "tested");
	lua_pushinteger(L, (lua_Integer)d->usec);
	if (f) {
		lua_pushlstring(L, f->message, f->message_length);
		lua_pushstring(L, f->file);
		lua_pushinteger(L, f->line);
		lua_pushstring(L, f->traceback);
	}
	lua_call(L, f ? 5 : 1, 1);
	if (value_encode(L, -1, &rules, d->value, &why) < 0)
		return luaL_error(L, "the results%s", why.words);
	return 0;
}

static void write_words(struct tested *d, const char *words)
{
	const struct app_tested m = {
		.ok = false, .usec = (int64_t)d->usec, .message = words, .tests = NULL};

	buf_clear(d->value);
	(void)app_tested_write(&m, d->value);
}

void stage_ended(struct worker *w, struct task *t, enum task_end how)
{
	struct stage *g = w->stage;
	CLEANUP(buf_done) struct buf value;
	struct failure failure = {0};
	struct tested d = {.worker = w,
		.value = &value,
		.failure = how == END_RETURNED ? NULL : &failure,
		.usec = clock_mono_usec() - g->began_usec};
	struct frame f = {.type = APP_TESTED};

	buf_init(&value, TESTED_MAX);
	if (how == END_ERROR)
		failure_read(&failure, t->thread);
	else if (how != END_RETURNED)
		failure_words(&failure, t->words);
	if (worker_protect(w, write_results, &d) != LUA_OK) {
		lua_pop(w->L, 1);
		write_words(&d, how == END_RETURNED ? "the app's memory is full" : t->words);
	}
	f.value = value.data;
	f.length = value.len;
	if (link_send(w->app, &f) < 0)
		worker_end(w, 1);
}

/* --- the beginning --- */

static int protected_begin(lua_State *L)
{
	struct worker *w = lua_touserdata(L, 1);
	struct task *t = task_get(w);

	lua_settop(L, 0);
	worker_push_entry(L, "test");
	lua_xmove(L, t->thread, 1);
	t->n_args = 0;
	task_start(t);
	task_limit(t, STAGE_WALL_USEC);
	return 0;
}

int stage_begin(struct worker *w)
{
	struct stage *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*g = (struct stage){.worker = w, .began_usec = clock_mono_usec()};
	buf_init(&g->taken, TAKEN_MAX);
	buf_init(&g->value, 8u << 20); /* app.OPEN, the largest */
	buf_init(&g->file, FILE_MAX);
	w->stage = g;
	if (worker_protect(w, protected_begin, w) == LUA_OK)
		return 0;
	lua_pop(w->L, 1);
	return -ENOMEM;
}

struct stage *stage_free(struct stage *g)
{
	if (!g)
		return NULL;
	(void)source_free(g->turn);
	buf_done(&g->taken);
	buf_done(&g->value);
	buf_done(&g->file);
	free(g);
	return NULL;
}
