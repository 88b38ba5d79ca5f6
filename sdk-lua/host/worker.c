#include "sdk-lua/host/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "proto/bundle.h"
#include "sdk-lua/host/bind.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/inbox.h"
#include "sdk-lua/host/infer.h"
#include "sdk-lua/host/inside.h"
#include "sdk-lua/host/library.h"
#include "sdk-lua/host/presence.h"
#include "sdk-lua/host/publish.h"
#include "sdk-lua/host/say.h"
#include "sdk-lua/host/sdk.h"
#include "sdk-lua/host/service.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/source.h"
#include "sdk-lua/host/stage.h"
#include "sdk-lua/host/task.h"
#include "sdk-lua/host/ticker.h"
#include "sdk-lua/host/trace.h"

#define HELLO_MAX (2u << 20)
#define SETTINGS_FILE_MAX (2u << 20)
#define LAST_WORDS_MS 2000
#define SETTLE_USEC (20 * USEC_PER_MSEC)

void worker_options_default(struct worker_options *ret)
{
	*ret = (struct worker_options){
		.app_fd = -1,
		.infer_fd = -1,
		.heap_max = 48u << 20,
		.preempt = {.slice_usec = 3500,
			.stall_usec = 500 * USEC_PER_MSEC,
			.hang_usec = 4 * USEC_PER_SEC},
		.handler_cpu_usec = 10 * USEC_PER_SEC,
		.handler_wall_usec = 60 * USEC_PER_SEC,
		.flush_usec = 30 * USEC_PER_MSEC,
		.keep_usec = USEC_PER_SEC,
		.unacked_max = 256u << 10,
	};
}

/* --- Lua --- */

void worker_collect(struct worker *w)
{
	if (w->heap.used > w->heap.max / 2)
		(void)lua_gc(w->L, LUA_GCCOLLECT);
}

int worker_protect(struct worker *w, lua_CFunction fn, void *argument)
{
	int status;

	if (!lua_checkstack(w->L, 8)) {
		lua_pushnil(w->L);
		return LUA_ERRMEM;
	}
	lua_pushcfunction(w->L, fn);
	lua_pushlightuserdata(w->L, argument);
	status = lua_pcall(w->L, 1, 0, 0);
	if (status == LUA_ERRMEM)
		worker_collect(w);
	return status;
}

void worker_push_entry(lua_State *L, const char *name)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, worker_of(L)->sdk_ref);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

static int load_module(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	for (size_t i = 0; i < sdk_n_modules; i++) {
		if (strcmp(sdk_modules[i].name, name) != 0)
			continue;
		if (luaL_loadbufferx(L, (const char *)sdk_modules[i].code, sdk_modules[i].length,
			    name, "b") != LUA_OK)
			return lua_error(L);
		return 1;
	}
	return 0;
}

/* The SDK begins with vitrine.start, which gets the host's functions, Lua's library and the way to
 * load its other modules, and returns the entry functions. */
static int protected_sdk(lua_State *L)
{
	struct worker *w = worker_of(L);

	lua_settop(L, 0);
	lua_pushcfunction(L, load_module);
	lua_pushstring(L, "vitrine.start");
	lua_call(L, 1, 1);
	(void)bind_open(L);
	(void)library_open(L);
	lua_pushcfunction(L, load_module);
	lua_call(L, 3, 1);
	lua_getfield(L, 1, "run");
	w->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_getfield(L, 1, "call");
	w->call_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	w->sdk_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

/* Only a bug of the host comes here: every call into Lua is protected. */
static int on_panic(lua_State *L)
{
	log_error("panic: %s", lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no words");
	return 0;
}

static int start_lua(struct worker *w, struct err *e)
{
	heap_init(&w->heap, w->options.heap_max);
	w->L = lua_newstate(heap_alloc, &w->heap);
	if (!w->L)
		return err_set(e, -ENOMEM, "out of memory");
	lua_atpanic(w->L, on_panic);
	*(struct worker **)lua_getextraspace(w->L) = w;
	/* Little of it is garbage, and a visitor may wait. */
	(void)lua_gc(w->L, LUA_GCSTOP);
	if (worker_protect(w, protected_sdk, NULL) != LUA_OK)
		return err_set(e, -EINVAL, "the SDK does not load: %s", lua_tostring(w->L, -1));
	(void)lua_gc(w->L, LUA_GCRESTART);
	return 0;
}

const struct handler *worker_handler(struct worker *w, uint32_t node, uint8_t kind)
{
	for (size_t i = 0; i < w->n_handlers; i++)
		if (w->handlers[i].node == node && w->handlers[i].kind == kind)
			return &w->handlers[i];
	return NULL;
}

/* --- life --- */

void worker_end(struct worker *w, int exit_code)
{
	w->state = WORKER_ENDED;
	w->exit_code = exit_code;
}

static void free_handlers(struct worker *w)
{
	for (size_t i = 0; i < w->n_handlers; i++)
		free(w->handlers[i].cancels);
	free(w->handlers);
	w->handlers = NULL;
	w->n_handlers = 0;
}

/* Gives back what loading left over, once nobody waits for the page. */
static void on_settled(void *data)
{
	struct worker *w = data;

	if (tasks_ready(w)) {
		timer_arm_after(w->settle_timer, SETTLE_USEC);
		return;
	}
	(void)lua_gc(w->L, LUA_GCCOLLECT);
	(void)malloc_trim(0);
}

static int say_hello(struct worker *w)
{
	const struct frame f = {.type = APP_HELLO,
		.op = !w->opened,
		.seq = w->hello_seq,
		.value = w->hello.data,
		.length = w->hello.len};

	return link_send(w->app, &f);
}

static void send_load_failed(struct worker *w, const struct failure *f)
{
	struct frame out = {.type = APP_LOAD_FAILED};
	struct buf value;

	buf_init(&value, 64 << 10);
	if (failure_write(f, &value) == 0) {
		out.value = value.data;
		out.length = value.len;
		(void)link_send(w->app, &out);
	}
	buf_done(&value);
	say(w, "error", NULL, "%s%s%.*s", f->file, f->file[0] ? ": " : "", (int)f->message_length,
		f->message);
	worker_end(w, 0);
}

static int write_hello(lua_State *L)
{
	struct worker *w = lua_touserdata(L, 1);
	const struct value_rules rules = {.depth_max = 64, .object_mark = w->object_mark};
	struct value_why why;
	int r;

	lua_settop(L, 0);
	worker_push_entry(L, "hello");
	lua_pushinteger(L, (lua_Integer)(clock_mono_usec() - w->load_began_usec));
	lua_pushboolean(L, stage_wanted(w));
	lua_call(L, 2, 1);
	r = value_encode(L, -1, &rules, &w->hello, &why);
	if (r == -EINVAL)
		return luaL_error(L, "the page%s", why.words);
	if (r < 0)
		return luaL_error(L, "the page is too large: over 2 MiB at page%s", why.words);
	return 0;
}

static void fail_load(struct worker *w, struct task *t, enum task_end how)
{
	struct failure f = {0};

	if (how == END_ERROR)
		failure_read(&f, t->thread);
	else
		failure_words(&f, t->words);
	f.reference[0] = '\0';
	send_load_failed(w, &f);
}

void worker_loaded(struct worker *w, struct task *t, enum task_end how)
{
	struct failure f = {0};

	if (w->stage)
		stage_ended(w, t, how);
	if (w->state != WORKER_LOADING)
		return;
	if (how != END_RETURNED) {
		fail_load(w, t, how);
		return;
	}
	if (worker_protect(w, write_hello, w) != LUA_OK) {
		failure_read(&f, w->L);
		f.reference[0] = '\0';
		send_load_failed(w, &f);
		lua_pop(w->L, 1);
		return;
	}
	w->state = WORKER_RUNNING;
	if (say_hello(w) < 0 || (stage_wanted(w) && stage_begin(w) < 0))
		worker_end(w, 1);
	timer_arm_after(w->settle_timer, SETTLE_USEC);
}

/* What say_hello would send is made, and forgotten. */
static int protected_rehearsal(lua_State *L)
{
	struct worker *w = lua_touserdata(L, 1);
	const struct value_rules rules = {.depth_max = 64, .object_mark = w->object_mark};
	struct value_why why;

	lua_settop(L, 0);
	worker_push_entry(L, "rehearse");
	lua_call(L, 0, 1);
	(void)value_encode(L, -1, &rules, &w->hello, &why);
	return 0;
}

int worker_rehearse(struct worker *w, struct err *e)
{
	int status;

	(void)task_get(w); /* its thread is made, and stays */
	w->state = WORKER_LOADING;
	status = worker_protect(w, protected_rehearsal, w);
	w->state = WORKER_BLANK;
	if (status != LUA_OK)
		return err_set(e, -EINVAL, "the rehearsal failed: %s", lua_tostring(w->L, -1));
	buf_done(&w->hello);
	free_handlers(w);
	(void)lua_gc(w->L, LUA_GCCOLLECT);
	return 0;
}

static int protected_load(lua_State *L)
{
	struct worker *w = lua_touserdata(L, 1);
	struct task *t = task_get(w);

	lua_settop(L, 0);
	worker_push_entry(L, "load");
	lua_pushstring(L, w->entry);
	lua_xmove(L, t->thread, 2);
	t->n_args = 1;
	task_start(t);
	return 0;
}

static bool is_lua(const struct bundle_entry *file)
{
	return file->path_len > 4 && memcmp(file->path + file->path_len - 4, ".lua", 4) == 0;
}

/* Parses every Lua file; the first error is the failure. */
static int protected_parse(lua_State *L)
{
	struct worker *w = lua_touserdata(L, 1);
	struct bundle_entry file;
	size_t at = 0;

	while (bundle_next(w->bundle, w->bundle_length, &at, &file)) {
		if (!is_lua(&file))
			continue;
		lua_settop(L, 0);
		lua_pushliteral(L, "@");
		lua_pushlstring(L, file.path, file.path_len);
		lua_concat(L, 2);
		if (source_load(L, (const char *)file.bytes, file.size, lua_tostring(L, 1)) !=
			LUA_OK)
			return lua_error(L);
	}
	return 0;
}

static void begin_load(struct worker *w)
{
	struct failure f = {0};
	int status = LUA_OK;

	if (w->check)
		status = worker_protect(w, protected_parse, w);
	if (status == LUA_OK)
		status = worker_protect(w, protected_load, w);
	if (status == LUA_OK)
		return;
	failure_read(&f, w->L);
	f.reference[0] = '\0';
	send_load_failed(w, &f);
	lua_pop(w->L, 1);
}

/* --- the app arrives --- */

static bool is_sealed(int fd)
{
	const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & all) == all;
}

static int map_bundle(struct worker *w, int fd, struct err *e)
{
	off_t size;
	void *at;

	if (fd < 0)
		return err_set(e, -EINVAL, "app.APP: the bundle is missing");
	if (!is_sealed(fd))
		return err_set(e, -EINVAL, "app.APP: the bundle is not sealed");
	size = lseek(fd, 0, SEEK_END);
	if (size <= 0 || size > BUNDLE_MAX)
		return err_set(e, -EINVAL, "app.APP: the bundle has %lld bytes, 1 to %d are right",
			(long long)size, BUNDLE_MAX);
	at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_set(e, -errno, "app.APP: the bundle cannot be mapped");
	w->bundle = at;
	w->bundle_length = (size_t)size;
	return bundle_check(w->bundle, w->bundle_length, e);
}

static int read_settings(struct worker *w, int fd, struct err *e)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *at = MAP_FAILED;
	int r;

	if (!is_sealed(fd))
		return err_set(e, -EINVAL, "app.APP: the settings are not sealed");
	if (size > 0 && size <= SETTINGS_FILE_MAX)
		at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_set(e, -EINVAL,
			"app.APP: the settings have %lld bytes, 1 to %u are right", (long long)size,
			SETTINGS_FILE_MAX);
	r = json_parse(at, (size_t)size, SETTINGS_FILE_MAX, &w->settings, e);
	(void)munmap(at, (size_t)size);
	return r;
}

static int on_app(struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	CLEANUP(closep) int fd = link_files_take(files, 0);
	CLEANUP(closep) int settings = link_files_take(files, 1);
	struct app_app m;
	int r = app_app_read(&m, f->value, f->length, e);

	if (r < 0)
		return r;
	(void)snprintf(w->entry, sizeof(w->entry), "%s", m.entry);
	w->check = m.check;
	app_app_done(&m);
	r = map_bundle(w, fd, e);
	if (r == 0 && settings >= 0)
		r = read_settings(w, settings, e);
	if (r < 0)
		return r;
	w->load_began_usec = clock_mono_usec();
	w->state = WORKER_LOADING;
	begin_load(w);
	return 0;
}

static int on_infer(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	int fd = link_files_take(files, 0);

	(void)f;
	if (fd < 0)
		return err_set(e, -EINVAL, "app.INFER: the link is missing");
	return infer_attach(w, fd);
}

static int on_presence(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	return presence_take(w, f, e);
}

static int on_resume(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	if (f->channel != 0)
		return inbox_resume(w, f, e);
	w->hello_seq = f->seq;
	/* While it loads, HELLO comes anyway, and nothing waits. */
	if (w->state != WORKER_RUNNING)
		return 0;
	if (f->op)
		service_resend(w);
	return say_hello(w);
}

#define SESSION_MESSAGE(name)                                                                      \
	static int on_##name(                                                                      \
		struct worker *w, const struct frame *f, struct link_files *files, struct err *e)  \
	{                                                                                          \
		(void)files;                                                                       \
		return inbox_##name(w, f, e);                                                      \
	}
SESSION_MESSAGE(open)
SESSION_MESSAGE(grant)
SESSION_MESSAGE(value)
SESSION_MESSAGE(event)
SESSION_MESSAGE(call)
SESSION_MESSAGE(cancel)
SESSION_MESSAGE(close)
SESSION_MESSAGE(ack)

static int on_host_result(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	(void)files;
	return service_take(w, f, e);
}

#define WHEN(state) (1u << (state))
#define ALIVE (WHEN(WORKER_BLANK) | WHEN(WORKER_LOADING) | WHEN(WORKER_RUNNING))

/* type, on a session's channel or channel 0 (or either), in which states. */
static const struct {
	uint8_t type;
	bool zero, session;
	unsigned int when;
	int (*handle)(
		struct worker *w, const struct frame *f, struct link_files *files, struct err *e);
} messages[] = {
	{APP_APP, true, false, WHEN(WORKER_BLANK), on_app},
	{APP_INFER, true, false, ALIVE, on_infer},
	{APP_OPEN, false, true, WHEN(WORKER_RUNNING), on_open},
	{APP_GRANT, false, true, WHEN(WORKER_RUNNING), on_grant},
	{APP_VALUE, false, true, WHEN(WORKER_RUNNING), on_value},
	{APP_EVENT, false, true, WHEN(WORKER_RUNNING), on_event},
	{APP_CALL, false, true, WHEN(WORKER_RUNNING), on_call},
	{APP_CANCEL, false, true, WHEN(WORKER_RUNNING), on_cancel},
	{APP_CLOSE, false, true, WHEN(WORKER_RUNNING), on_close},
	{APP_ACK, false, true, WHEN(WORKER_RUNNING), on_ack},
	{APP_HOST_RESULT, false, true, WHEN(WORKER_RUNNING), on_host_result},
	{APP_PRESENCE, false, true, WHEN(WORKER_RUNNING), on_presence},
	{APP_FILE, false, true, WHEN(WORKER_RUNNING), upload_on_file},
	{APP_RESUME, true, true, WHEN(WORKER_LOADING) | WHEN(WORKER_RUNNING), on_resume},
};

static int dispatch(
	struct worker *w, const struct frame *f, struct link_files *files, struct err *e)
{
	if (w->state == WORKER_ENDED)
		return 0; /* its last words are on their way */
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].type != f->type || !(messages[i].when & WHEN(w->state)))
			continue;
		if (f->channel == 0 ? messages[i].zero : messages[i].session)
			return messages[i].handle(w, f, files, e);
	}
	return err_set(e, -EPROTO, "%s on channel %u is out of turn",
		proto_name(PROTO_APP, f->type), f->channel);
}

int worker_take(struct worker *w, const struct frame *f, struct err *e)
{
	struct link_files none = {0};

	return dispatch(w, f, &none, e);
}

static int on_frame(
	struct link *l, const struct frame *f, struct link_files *files, struct err *e, void *data)
{
	(void)l;
	return dispatch(data, f, files, e);
}

static void on_closed(struct link *l, const struct err *reason, void *data)
{
	struct worker *w = data;

	if (reason->code)
		log_error("the app link was ended: %s", reason->text);
	w->app = link_free(l);
	worker_end(w, reason->code ? 1 : 0);
}

static void on_drained(struct link *l, void *data)
{
	(void)l;
	sessions_send_rest(data);
}

static long value_max(uint8_t type, void *data)
{
	(void)data;
	return proto_value_max(PROTO_APP, PROTO_DOWN, type);
}

static const struct link_ops ops = {.on_frame = on_frame,
	.on_closed = on_closed,
	.value_max = value_max,
	.on_drained = on_drained};

static int start_links(struct worker *w, struct err *e)
{
	static const struct link_limits limits = {.queue_max = LINK_QUEUE, .files = true};
	int r = link_new(w->loop, TAKE_FD(w->options.app_fd), &ops, &limits, w, &w->app);

	if (r == 0 && w->options.infer_fd >= 0)
		r = infer_attach(w, TAKE_FD(w->options.infer_fd));
	return r < 0 ? err_set(e, r, "links: %s", strerror(-r)) : 0;
}

/* The log's reader may be slow, and nobody here waits for it. The flag belongs to the open pipe,
 * so it must be set before the seal only for form: F_SETFL is allowed after it too. */
static void unblock_log(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	if (flags >= 0)
		(void)fcntl(STDERR_FILENO, F_SETFL, (flags & O_APPEND) | O_NONBLOCK);
}

int worker_new(const struct worker_options *options, struct worker **ret, struct err *e)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		close(options->app_fd);
		if (options->infer_fd >= 0)
			close(options->infer_fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	w->options = *options;
	w->sdk_ref = w->run_ref = LUA_NOREF;
	buf_init(&w->hello, HELLO_MAX);
	buf_init(&w->scratch, SESSION_IMAGE_MAX);
	tzset(); /* reads a file, which the sealed worker cannot */
	unblock_log();
	r = loop_new(&w->loop);
	if (r == 0)
		r = loop_add_timer(w->loop, publish_due, w, &w->flush_timer);
	if (r == 0)
		r = loop_add_timer(w->loop, on_settled, w, &w->settle_timer);
	if (r == 0)
		r = loop_add_timer(w->loop, tickers_due, w, &w->tick_timer);
	if (r == 0)
		r = tasks_init(w);
	if (r == 0)
		r = start_lua(w, e);
	if (r == 0)
		r = start_links(w, e);
	if (r == 0)
		r = preempt_arm(&w->options.preempt);
	if (r < 0) {
		(void)worker_free(w);
		return e && e->code ? e->code : err_set(e, r, "%s", strerror(-r));
	}
	*ret = w;
	return 0;
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	if (w->L)
		sessions_free(w);
	w->stage = stage_free(w->stage);
	tasks_done(w);
	w->infer = link_free(w->infer);
	w->app = link_free(w->app);
	if (w->options.app_fd >= 0)
		close(w->options.app_fd);
	if (w->options.infer_fd >= 0)
		close(w->options.infer_fd);
	w->flush_timer = source_free(w->flush_timer);
	w->tick_timer = source_free(w->tick_timer);
	w->settle_timer = source_free(w->settle_timer);
	if (w->L)
		lua_close(w->L);
	if (w->loop)
		(void)loop_free(w->loop);
	if (w->bundle)
		(void)munmap((void *)w->bundle, w->bundle_length);
	free_handlers(w);
	buf_done(&w->hello);
	json_decref(w->settings);
	json_decref(w->service_value);
	buf_done(&w->scratch);
	free(w);
	return NULL;
}

int worker_announce(struct worker *w, int landlock_abi)
{
	const struct app_sealed m = {.version = VITRINE_VERSION, .landlock = landlock_abi};
	struct frame f = {.type = APP_SEALED};
	struct buf value;
	int r;

	buf_init(&value, 256);
	r = app_sealed_write(&m, &value);
	f.value = value.data;
	f.length = value.len;
	if (r == 0)
		r = link_send(w->app, &f);
	buf_done(&value);
	return r;
}

int worker_step(struct worker *w, int timeout_ms)
{
	int r = loop_dispatch(w->loop, tasks_ready(w) ? 0 : timeout_ms);

	if (r < 0)
		return r;
	if (w->state != WORKER_ENDED)
		tasks_run(w);
	if (w->pump_all)
		sessions_pump_all(w);
	if (w->scratch.cap > GROUP_MAX / 32 && !tasks_ready(w))
		buf_done(&w->scratch);
	return w->state == WORKER_ENDED;
}

/* LOAD_FAILED may still lie in the queue. */
static void drain(struct worker *w)
{
	uint64_t until = clock_mono_usec() + LAST_WORDS_MS * USEC_PER_MSEC;

	while (w->app && link_queued(w->app) > 0 && clock_mono_usec() < until)
		if (loop_dispatch(w->loop, 100) < 0)
			return;
}

int worker_run(struct worker *w)
{
	int r;

	do
		r = worker_step(w, -1);
	while (r == 0);
	if (r < 0) {
		log_error("the event loop failed: %s", strerror(-r));
		return 1;
	}
	drain(w);
	return w->exit_code;
}
