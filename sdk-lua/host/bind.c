#include "sdk-lua/host/bind.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/json.h"
#include "proto/bundle.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/group.h"
#include "sdk-lua/host/infer.h"
#include "sdk-lua/host/inside.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/reader.h"
#include "sdk-lua/host/reply.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/service.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/sight.h"
#include "sdk-lua/host/source.h"
#include "sdk-lua/host/stage.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/ticker.h"
#include "sdk-lua/host/trace.h"

#define TEXT_MAX (1u << 20)
#define BLOB_NAME_MAX 255
#define SLEEP_MIN 0.001 /* seconds; sleep(0) in a loop is no busy loop */

/* The session whose handler runs; NULL while the app loads. */
static struct session *here(lua_State *L)
{
	struct task *t = worker_of(L)->current;

	return t ? t->session : NULL;
}

static struct session *need_session(lua_State *L)
{
	struct session *s = here(L);

	if (!s)
		luaL_error(L, "there is no visitor yet: the app is loading");
	return s;
}

/* raise(words): an error at the line of the app that is running. [-1, +0, v] */
static int host_raise(lua_State *L)
{
	char file[256];
	int line = trace_position(L, file, sizeof(file));

	luaL_checkstring(L, 1);
	if (line > 0) {
		lua_pushfstring(L, "%s:%d: ", file, line);
		lua_insert(L, 1);
		lua_settop(L, 2);
		lua_concat(L, 2);
	}
	lua_settop(L, 1);
	return lua_error(L);
}

/* state(): the SDK's table of the running session, or of the running call; nil while loading. */
static int host_state(lua_State *L)
{
	struct task *t = worker_of(L)->current;
	struct session *s = here(L);

	if (s && t->called)
		lua_rawgetp(L, LUA_REGISTRYINDEX, &t->state_key);
	else if (s)
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->state_ref);
	else
		lua_pushnil(L);
	return 1;
}

static int sent(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

int bind_added(lua_State *L, struct session *s, int r)
{
	struct worker *w = s->worker;

	if (r == -EFBIG)
		return luaL_error(L, "too much is shown at once: over 7 MiB or 4096 changes");
	if (r == -ENOBUFS)
		return luaL_error(L, "too much is shown at once: over 16 MiB to all visitors, "
				     "and not yet taken");
	if (r < 0)
		return luaL_error(L, "not enough memory");
	/* A handler that shows much in one slice need not know how much a group holds. */
	if (lua_isyieldable(L))
		publish_much(s);
	/* A gateway that does not keep up: the handler waits for it, where it can. */
	if (s->unacked + s->pending.len > w->options.unacked_max && lua_isyieldable(L) &&
		w->current->state == TASK_RUNNING && s->unacked > 0)
		return task_wait(L, WAIT_ACK, sent, 0);
	return 0;
}

/* patch(node, op, path, value): one change of what the visitor sees. */
static int host_patch(lua_State *L)
{
	struct session *s = need_session(L);
	struct worker *w = s->worker;
	const struct value_rules rules = {
		.depth_max = SESSION_IMAGE_DEPTH_MAX, .object_mark = w->object_mark};
	uint32_t node = (uint32_t)luaL_checkinteger(L, 1);
	uint8_t op = (uint8_t)luaL_checkinteger(L, 2);
	size_t n_path, n = 0;
	const char *path = luaL_checklstring(L, 3, &n_path);
	const void *value = NULL;
	struct value_why why;
	int r = 0;

	luaL_argcheck(L, n_path <= PATCH_PATH_MAX, 3, "path too long");
	if (w->current->called) {
		w->current->shown = true;
		return 0;
	}
	buf_clear(&w->scratch);
	w->scratch.max = GROUP_MAX;
	if (op == PATCH_SET) {
		r = value_encode(L, 4, &rules, &w->scratch, &why);
		value = w->scratch.data;
		n = w->scratch.len;
	} else if (op == PATCH_APPEND) {
		value = luaL_checklstring(L, 4, &n);
		if (!value_is_text(value, n))
			return luaL_error(L, "text is UTF-8; this is not");
	}
	if (r == -EINVAL)
		return luaL_error(L, "%s%s", path, why.words);
	if (r == -ENOSPC)
		return luaL_error(
			L, "%s%s: too much is shown at once: over 7 MiB", path, why.words);
	if (r < 0)
		return bind_added(L, s, r);
	return bind_added(L, s, group_add(s, APP_PATCH, op, node, path, n_path + 1, value, n));
}

/* blob(bytes, type[, name]) -> id that values name as {file = id}. */
static int host_blob(lua_State *L)
{
	struct session *s = need_session(L);
	char head[ID_LEN + 1 + 100 + 6 + BLOB_NAME_MAX + 1];
	size_t n, n_type, n_name;
	const char *bytes = luaL_checklstring(L, 1, &n);
	const char *type = luaL_checklstring(L, 2, &n_type);
	const char *name = luaL_optlstring(L, 3, "", &n_name);
	int r;

	luaL_argcheck(L, n_type > 0 && n_type <= 100 && strlen(type) == n_type, 2, "media type");
	luaL_argcheck(L, n_name <= BLOB_NAME_MAX && strlen(name) == n_name, 3, "name");
	random_id(head);
	n_type = (size_t)snprintf(head + ID_LEN + 1, sizeof(head) - ID_LEN - 1, "%s%s%s", type,
		n_name ? ";name=" : "", name);
	r = group_add(s, APP_BLOB, 0, 0, head, ID_LEN + 1 + n_type + 1, bytes, n);
	lua_pushlstring(L, head, ID_LEN);
	if (r < 0)
		return bind_added(L, s, r);
	return 1;
}

/* bundled(path) -> bytes of a file of the bundle, or nil. */
static int host_bundled(lua_State *L)
{
	struct worker *w = worker_of(L);
	struct bundle_entry file;

	if (!w->bundle || !bundle_find(w->bundle, w->bundle_length, luaL_checkstring(L, 1), &file))
		return 0;
	lua_pushlstring(L, (const char *)file.bytes, file.size);
	return 1;
}

static int load_chunk(lua_State *L, const char *code, size_t n, const char *name, int env)
{
	if (source_load(L, code, n, name) != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	if (env) {
		lua_pushvalue(L, env);
		if (!lua_setupvalue(L, -2, 1))
			lua_pop(L, 1);
	}
	return 1;
}

/* compile(path, env) -> function of that Lua file of the bundle; nil, words; nothing: no file. */
static int host_compile(lua_State *L)
{
	struct worker *w = worker_of(L);
	const char *path = luaL_checkstring(L, 1);
	struct bundle_entry file;

	if (!w->bundle || !bundle_find(w->bundle, w->bundle_length, path, &file))
		return 0;
	return load_chunk(
		L, (const char *)file.bytes, file.size, lua_pushfstring(L, "@%s", path), 2);
}

/* load(text, name, env): text only, never bytecode. */
static int host_load(lua_State *L)
{
	size_t n;
	const char *code = luaL_checklstring(L, 1, &n);

	return load_chunk(L, code, n, luaL_optstring(L, 2, "=(load)"), 3);
}

/* save() -> nil, or words why the session table cannot be kept. */
static int host_save(lua_State *L)
{
	struct session *s = need_session(L);
	struct value_why why;

	if (publish_save(s, L, &why) == 0)
		return 0;
	lua_pushstring(L, why.words);
	return 1;
}

static int host_crc32c(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);

	lua_pushinteger(L, crc32c(0, s, n));
	return 1;
}

/* log(text, tag): lines that print, or vitrine.log, made. */
static int host_log(lua_State *L)
{
	static const char *const tags[] = {
		"print", "log.debug", "log.info", "log.warn", "log.error", NULL};
	const char *tag = tags[luaL_checkoption(L, 2, "print", tags)];
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	say_text(worker_of(L), tag, here(L), text, n);
	return 0;
}

/* settings(kind): "variables" or "secrets", texts by name: a table of its own with each call. */
static int host_settings(lua_State *L)
{
	const json_t *texts = json_object_get(worker_of(L)->settings, luaL_checkstring(L, 1));
	const char *name;
	json_t *v;

	lua_newtable(L);
	json_object_foreach((json_t *)texts, name, v)
	{
		if (!json_is_string(v))
			continue;
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
		lua_setfield(L, -2, name);
	}
	return 1;
}

static int host_sleep(lua_State *L)
{
	struct task *t = worker_of(L)->current;
	lua_Number seconds = luaL_checknumber(L, 1);

	luaL_argcheck(L, seconds >= 0 && seconds <= 3600, 1, "0 to 3600 seconds");
	if (seconds < SLEEP_MIN)
		seconds = SLEEP_MIN;
	if (t)
		t->wake_usec = clock_mono_usec() + (uint64_t)(seconds * (double)USEC_PER_SEC);
	return task_wait(L, WAIT_TIME, sent, 0);
}

/* monotonic() -> seconds since some moment, to the millisecond: see os_clock in library.c. */
static int host_monotonic(lua_State *L)
{
	lua_pushnumber(L, (double)(clock_mono_usec() / USEC_PER_MSEC) / 1000);
	return 1;
}

/* handler(node, kind, parallel, concurrency, cancels, group, leave): what the page declares; while
 * loading. */
static int host_handler(lua_State *L)
{
	struct worker *w = worker_of(L);
	struct handler *grown;
	struct handler h = {.node = (uint32_t)luaL_checkinteger(L, 1),
		.kind = (uint8_t)luaL_checkinteger(L, 2),
		.parallel = lua_toboolean(L, 3),
		.leave = lua_toboolean(L, 7),
		.group = (uint32_t)luaL_optinteger(L, 6, 0),
		.concurrency = (unsigned int)luaL_optinteger(L, 4, 0)};

	if (w->state != WORKER_LOADING)
		return luaL_error(L, "handlers are declared while the app loads");
	h.n_cancels = lua_istable(L, 5) ? lua_rawlen(L, 5) : 0;
	if (h.n_cancels) {
		h.cancels = calloc(h.n_cancels, sizeof(*h.cancels));
		if (!h.cancels)
			return luaL_error(L, "not enough memory");
		for (size_t i = 0; i < h.n_cancels; i++) {
			lua_rawgeti(L, 5, (lua_Integer)i + 1);
			h.cancels[i] = (uint32_t)lua_tointeger(L, -1);
			lua_pop(L, 1);
		}
	}
	grown = realloc(w->handlers, (w->n_handlers + 1) * sizeof(*grown));
	if (!grown) {
		free(h.cancels);
		return luaL_error(L, "not enough memory");
	}
	w->handlers = grown;
	w->handlers[w->n_handlers++] = h;
	return 0;
}

/* timer(node, seconds): that component ticks so often for this visitor; 0: it does not. */
static int host_timer(lua_State *L)
{
	struct session *s = need_session(L);
	lua_Number seconds = luaL_checknumber(L, 2) * (lua_Number)USEC_PER_SEC;
	uint64_t every;
	int r;

	luaL_argcheck(L, seconds >= 0 && seconds <= (lua_Number)TICK_USEC_MAX, 2, "out of range");
	every = (uint64_t)seconds;
	if (every > 0 && every < TICK_USEC_MIN)
		every = TICK_USEC_MIN;
	r = ticker_set(s, (uint32_t)luaL_checkinteger(L, 1), every);
	if (r == -ENOSPC)
		return luaL_error(L, "more than %d timers run at once", TICKERS_MAX);
	return r < 0 ? luaL_error(L, "not enough memory") : 0;
}

/* emit(f): what coroutine.yield in the running handler calls. */
static int host_emit(lua_State *L)
{
	struct task *t = worker_of(L)->current;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (!t)
		return 0;
	lua_settop(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &t->emit_key);
	return 0;
}

/* --- models --- */

/* call(request, raw) -> id, or nil, code, words. request: the fields of infer.CALL; raw: bytes that
 * follow them, or nil. */
static int host_call(lua_State *L)
{
	struct worker *w = worker_of(L);
	const struct value_rules rules = {
		.depth_max = SESSION_IMAGE_DEPTH_MAX, .object_mark = w->object_mark};
	struct value_why why;
	struct call *c;
	size_t n_raw;
	const char *raw = luaL_optlstring(L, 2, NULL, &n_raw);
	int r;

	(void)need_session(L);
	buf_clear(&w->scratch);
	w->scratch.max = TEXT_MAX;
	r = value_encode(L, 1, &rules, &w->scratch, &why);
	if (r == 0)
		r = call_start(w->current, w->scratch.data, w->scratch.len, raw, n_raw, &c);
	if (r == 0) {
		lua_pushinteger(L, c->id);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, r == -EINVAL || r == -ENOSPC ? "bad_input"
			  : r == -ENOENT               ? "unavailable"
						       : "busy");
	lua_pushfstring(L, "%s",
		r == -EINVAL   ? why.words + (why.words[0] == ':' ? 2 : 0)
		: r == -ENOSPC ? "the input is over 1 MiB"
		: r == -ENOENT ? "the model service is not there right now; try again"
			       : "too many model calls at once");
	return 3;
}

static int next_again(lua_State *L, int status, lua_KContext id);

/* Gives "token", text | "loading", fraction | "done", value | "failed", code, words, once one of
 * them is there. */
static int read_call(lua_State *L, lua_KContext id)
{
	struct task *t = worker_of(L)->current;
	struct call *c = t ? call_find(t, (uint32_t)id) : NULL;

	if (!c) {
		lua_pushstring(L, "failed");
		lua_pushstring(L, "cancelled");
		lua_pushstring(L, "the call has ended, or belongs to another handler");
		return 3;
	}
	if (!call_has_news(c)) {
		t->wait_call = c;
		return task_wait(L, WAIT_CALL, next_again, id);
	}
	if (c->tokens.len > 0) {
		lua_pushstring(L, "token");
		lua_pushlstring(L, (const char *)c->tokens.data, c->tokens.len);
		buf_clear(&c->tokens);
		return 2;
	}
	if (c->waits && c->state == CALL_RUNNING) {
		c->waits = false;
		lua_pushstring(L, "loading");
		lua_pushnumber(L, (lua_Number)c->percent / 100);
		return 2;
	}
	if (c->state == CALL_DONE) {
		lua_pushstring(L, "done");
		value_push(L, c->result.value, &(struct value_form){0});
	} else {
		lua_pushstring(L, "failed");
		lua_pushstring(L, c->code);
		lua_pushstring(L, c->words);
	}
	call_end(c);
	return lua_gettop(L) - 1;
}

static int next_again(lua_State *L, int status, lua_KContext id)
{
	(void)status;
	lua_settop(L, 1);
	return read_call(L, id);
}

static int host_next(lua_State *L)
{
	lua_KContext id = (lua_KContext)luaL_checkinteger(L, 1);

	lua_settop(L, 1);
	return read_call(L, id);
}

static int host_stop(lua_State *L)
{
	struct task *t = worker_of(L)->current;
	struct call *c = t ? call_find(t, (uint32_t)luaL_checkinteger(L, 1)) : NULL;

	if (c)
		call_end(c);
	return 0;
}

/* --- uploads --- */

/* upload(id) -> {name, type, size}, or nil. */
static int host_upload(lua_State *L)
{
	struct session *s = need_session(L);
	const struct upload *u = upload_find(s, luaL_checkstring(L, 1));

	if (!u)
		return 0;
	lua_createtable(L, 0, 3);
	lua_pushstring(L, u->name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, u->type);
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, (lua_Integer)u->size);
	lua_setfield(L, -2, "size");
	return 1;
}

static size_t read_upload(const struct upload *u, char *at, size_t n, off_t offset)
{
	size_t got = 0;

	if (u->held) {
		if (n)
			memcpy(at, u->held + offset, n);
		return n;
	}
	while (got < n) {
		ssize_t r = pread(u->fd, at + got, n - got, offset + (off_t)got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

/* upload_read(id, offset, n) -> bytes; nil, words. */
static int host_upload_read(lua_State *L)
{
	struct session *s = need_session(L);
	const struct upload *u = upload_find(s, luaL_checkstring(L, 1));
	lua_Integer offset = luaL_checkinteger(L, 2), n = luaL_checkinteger(L, 3);
	luaL_Buffer b;
	off_t size;
	char *at;

	luaL_argcheck(L, offset >= 0 && n >= 0 && n <= UPLOAD_READ_MAX, 3, "out of range");
	if (!u || (u->fd < 0 && !u->held)) {
		lua_pushnil(L);
		lua_pushstring(L, "the file is not here any more; upload it again");
		return 2;
	}
	size = u->held ? (off_t)u->size : lseek(u->fd, 0, SEEK_END);
	if (n > size - offset)
		n = size > offset ? size - offset : 0;
	at = luaL_buffinitsize(L, &b, (size_t)n);
	luaL_pushresultsize(&b, read_upload(u, at, (size_t)n, offset));
	return 1;
}

/* --- JSON --- */

/* json_encode(value) -> text; nil, words. */
static int host_json_encode(lua_State *L)
{
	struct worker *w = worker_of(L);
	const struct value_rules rules = {
		.depth_max = JSON_DEPTH_MAX - 1, .object_mark = w->object_mark};
	struct value_why why;
	int r;

	luaL_checkany(L, 1);
	buf_clear(&w->scratch);
	w->scratch.max = GROUP_MAX;
	r = value_encode(L, 1, &rules, &w->scratch, &why);
	if (r == 0) {
		lua_pushlstring(L, buf_str(&w->scratch), w->scratch.len);
		return 1;
	}
	lua_pushnil(L);
	if (r == -EINVAL)
		lua_pushfstring(L, "value%s", why.words);
	else
		lua_pushstring(L, "the text would be over 7 MiB");
	return 2;
}

static int decode_again(lua_State *L, int status, lua_KContext context);

/* text at 1, the values that are open above it. */
static int decode_on(lua_State *L, struct reader *r)
{
	int result = 0;

	while (result == 0) {
		result = reader_run(L, r, preempt_look_steps());
		if (result == 0 && preempt_due(L)) {
			luaL_checkstack(L, 1, NULL);
			memcpy(lua_newuserdatauv(L, sizeof(*r), 0), r, sizeof(*r));
			return preempt_pause(L, 0, decode_again);
		}
	}
	if (result == 1)
		return 1;
	lua_settop(L, 0);
	lua_pushnil(L);
	lua_pushstring(L, r->words);
	return 2;
}

static int decode_again(lua_State *L, int status, lua_KContext context)
{
	struct reader r;

	(void)status;
	(void)context;
	memcpy(&r, lua_touserdata(L, -1), sizeof(r));
	lua_pop(L, 1);
	return decode_on(L, &r);
}

/* json_decode(text, exact) -> value; nil, words. exact: see reader.h. */
static int host_json_decode(lua_State *L)
{
	struct reader r;
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	reader_init(&r, text, n);
	r.exact = lua_toboolean(L, 2);
	r.object_ref = worker_of(L)->object_ref;
	lua_settop(L, 1);
	return decode_on(L, &r);
}

int bind_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"raise", host_raise},
		{"state", host_state},
		{"patch", host_patch},
		{"blob", host_blob},
		{"bundled", host_bundled},
		{"compile", host_compile},
		{"load", host_load},
		{"save", host_save},
		{"crc32c", host_crc32c},
		{"log", host_log},
		{"settings", host_settings},
		{"sleep", host_sleep},
		{"monotonic", host_monotonic},
		{"handler", host_handler},
		{"emit", host_emit},
		{"timer", host_timer},
		{"call", host_call},
		{"next", host_next},
		{"stop", host_stop},
		{"ask", service_host_ask},
		{"upload", host_upload},
		{"upload_read", host_upload_read},
		{"picture_upload", sight_host_upload},
		{"picture_bytes", sight_host_bytes},
		{"picture_gray", sight_host_gray},
		{"call_state", reply_host_state},
		{"result", reply_host_result},
		{"turn", reply_host_turn},
		{"stage_send", stage_host_send},
		{"stage_next", stage_host_next},
		{"json_encode", host_json_encode},
		{"json_decode", host_json_decode},
		{NULL, NULL},
	};

	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_pushinteger(L, VALUES_MAX);
	lua_setfield(L, -2, "values_max");
	/* The metatable that says "a map" of an empty table. */
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "map");
	lua_setfield(L, -2, "__metatable");
	worker_of(L)->object_mark = lua_topointer(L, -1);
	lua_pushvalue(L, -1);
	worker_of(L)->object_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_setfield(L, -2, "object");
	return 1;
}
