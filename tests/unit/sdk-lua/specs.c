/*
 * Runs Lua specs against the real host with links whose other ends the spec holds: no process, no
 * network, one thread. What a spec sees is frames, as the gateway and inference would.
 *
 *	sdk_specs FOLDER [PATTERN]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/link.h"
#include "proto/bundle.h"
#include "proto/constants.h"
#include "proto/messages.h"
#include "sdk-lua/host/strings.h"
#include "sdk-lua/host/tables.h"
#include "sdk-lua/host/value.h"
#include "sdk-lua/host/worker.h"

#define BENCH "bench"

struct bench {
	struct worker *worker;
	int app, infer; /* our ends; -1 once closed */
	struct frame_joiner app_in, infer_in;
	bool ended;
	int log[2], stderr_copy; /* while stderr is captured */
};

static struct bench *check_bench(lua_State *L)
{
	return luaL_checkudata(L, 1, BENCH);
}

static void check(lua_State *L, int r, const struct err *e)
{
	if (r < 0)
		luaL_error(L, "%s", e->text[0] ? e->text : strerror(-r));
}

/* --- sending --- */

static uint32_t field(lua_State *L, int index, const char *name)
{
	uint32_t v;

	lua_getfield(L, index, name);
	v = (uint32_t)luaL_optinteger(L, -1, 0);
	lua_pop(L, 1);
	return v;
}

/* A worker that has not read yet is stepped until it has. */
static void send_packets(
	lua_State *L, struct bench *b, int fd, const struct frame *f, const int *fds, size_t n)
{
	struct frame part = *f;
	size_t left = f->length;
	const uint8_t *at = f->value;

	do {
		int r;

		part.value = at;
		part.length = left > FRAME_VALUE_MAX ? FRAME_VALUE_MAX : left;
		part.more = left > part.length;
		at += part.length;
		left -= part.length;
		while ((r = link_post(fd, &part, fds, left ? 0 : n)) == -EAGAIN && !b->ended)
			b->ended = worker_step(b->worker, 0) != 0;
		if (r < 0)
			luaL_error(L, "send: %s", strerror(-r));
	} while (left > 0);
}

/* The file in that field of the message, an fd or its bytes; -1: none. The caller's. */
static int file_field(lua_State *L, int index, const char *name)
{
	struct err e = {0};
	int fd = -1;

	lua_getfield(L, index, name);
	if (lua_isinteger(L, -1)) {
		fd = fcntl((int)lua_tointeger(L, -1), F_DUPFD_CLOEXEC, 3);
	} else if (lua_isstring(L, -1)) {
		size_t n;
		const char *bytes = lua_tolstring(L, -1, &n);

		fd = fs_memfd_sealed("file", bytes, n, &e);
		check(L, fd, &e);
	}
	lua_pop(L, 1);
	return fd;
}

/* bench:send(link, {type, channel, node, seq, op, value, file, file2}) */
static int bench_send(lua_State *L)
{
	struct bench *b = check_bench(L);
	int to = strcmp(luaL_checkstring(L, 2), "app") == 0 ? b->app : b->infer;
	struct frame f = {.type = (uint8_t)field(L, 3, "type"),
		.op = (uint8_t)field(L, 3, "op"),
		.channel = field(L, 3, "channel"),
		.node = field(L, 3, "node"),
		.seq = field(L, 3, "seq")};
	int fds[2] = {file_field(L, 3, "file"), file_field(L, 3, "file2")};

	lua_getfield(L, 3, "value");
	f.value = (const uint8_t *)luaL_optlstring(L, -1, "", &f.length);
	send_packets(L, b, to, &f, fds, (size_t)(fds[0] >= 0) + (fds[1] >= 0));
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return 0;
}

/* bench:raw(link, bytes): a packet as it is. */
static int bench_raw(lua_State *L)
{
	struct bench *b = check_bench(L);
	int to = strcmp(luaL_checkstring(L, 2), "app") == 0 ? b->app : b->infer;
	size_t n;
	const char *bytes = luaL_checklstring(L, 3, &n);

	lua_pushboolean(L, send(to, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n);
	return 1;
}

/* --- receiving --- */

static void push_frame(lua_State *L, const struct frame *f, enum proto_link link)
{
	lua_createtable(L, 0, 6);
	lua_pushstring(L, strchr(proto_name(link, f->type), '.') + 1);
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, f->op);
	lua_setfield(L, -2, "op");
	lua_pushinteger(L, f->channel);
	lua_setfield(L, -2, "channel");
	lua_pushinteger(L, f->node);
	lua_setfield(L, -2, "node");
	lua_pushinteger(L, f->seq);
	lua_setfield(L, -2, "seq");
	lua_pushlstring(L, (const char *)f->value, f->length);
	lua_setfield(L, -2, "value");
}

/* Every frame of a packet, checked against what the protocol allows the worker to say. */
static void read_packet(lua_State *L, struct frame_joiner *j, enum proto_link link,
	const uint8_t *bytes, size_t n, lua_Integer packet)
{
	struct err e = {0};

	while (n > 0) {
		struct frame f;
		int used = frame_read(&f, bytes, n, &e);
		long max;
		int r;

		check(L, used, &e);
		bytes += used;
		n -= (size_t)used;
		max = proto_value_max(link, PROTO_UP, f.type);
		if (max < 0)
			luaL_error(L, "the worker sent type %d", f.type);
		r = frame_join(j, &f, (size_t)max, &e);
		check(L, r, &e);
		if (r == 0)
			continue;
		push_frame(L, &f, link);
		lua_pushinteger(L, packet);
		lua_setfield(L, -2, "packet");
		lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	}
}

/* bench:receive(link [, packets]) -> list of frames, and whether the worker has closed the link */
static int bench_receive(lua_State *L)
{
	static uint8_t bytes[FRAME_PACKET_MAX];
	struct bench *b = check_bench(L);
	bool app = strcmp(luaL_checkstring(L, 2), "app") == 0;
	lua_Integer most = luaL_optinteger(L, 3, 1 << 30);
	bool closed = false;

	lua_newtable(L);
	for (lua_Integer i = 1; i <= most; i++) {
		ssize_t n = recv(app ? b->app : b->infer, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			closed = true;
		if (n <= 0)
			break;
		read_packet(L, app ? &b->app_in : &b->infer_in, app ? PROTO_APP : PROTO_INFER,
			bytes, (size_t)n, i);
	}
	lua_pushboolean(L, closed);
	return 2;
}

/* --- the worker --- */

static lua_Integer option(lua_State *L, int index, const char *name, lua_Integer otherwise)
{
	lua_Integer v;

	lua_getfield(L, index, name);
	v = luaL_optinteger(L, -1, otherwise);
	lua_pop(L, 1);
	return v;
}

static void read_options(lua_State *L, int index, struct worker_options *o)
{
	worker_options_default(o);
	/* A sanitized build is some ten times slower. */
	o->preempt.hang_usec *= 10;
	if (!lua_istable(L, index))
		return;
	o->heap_max = (size_t)option(L, index, "heap_max", (lua_Integer)o->heap_max);
	o->handler_cpu_usec = (uint64_t)option(L, index, "cpu_ms", 10000) * 1000;
	o->handler_wall_usec = (uint64_t)option(L, index, "wall_ms", 60000) * 1000;
	o->preempt.slice_usec = (uint64_t)option(L, index, "slice_us", 3500);
	o->preempt.look_steps = option(L, index, "look_steps", 0);
	o->preempt.stall_usec = (uint64_t)option(L, index, "stall_ms", 500) * 1000;
	o->flush_usec = (uint64_t)option(L, index, "flush_ms", 30) * 1000;
	o->keep_usec = (uint64_t)option(L, index, "keep_ms", 1000) * 1000;
	o->unacked_max = (size_t)option(L, index, "unacked_max", 256 << 10);
}

/* new(options) */
static int bench_new(lua_State *L)
{
	struct bench *b = lua_newuserdatauv(L, sizeof(*b), 0);
	struct worker_options o;
	struct err e = {0};
	int app[2], infer[2];

	*b = (struct bench){.app = -1, .infer = -1, .log = {-1, -1}, .stderr_copy = -1};
	luaL_setmetatable(L, BENCH);
	frame_joiner_init(&b->app_in);
	frame_joiner_init(&b->infer_in);
	read_options(L, 1, &o);
	check(L, link_pair(app), &e);
	check(L, link_pair(infer), &e);
	b->app = app[0];
	b->infer = infer[0];
	o.app_fd = app[1];
	o.infer_fd = infer[1];
	check(L, worker_new(&o, &b->worker, &e), &e);
	check(L, worker_announce(b->worker, 0), &e);
	return 1;
}

/* bench:step(timeout_ms) -> true once the worker has ended */
static int bench_step(lua_State *L)
{
	struct bench *b = check_bench(L);
	int r = b->ended ? 1 : worker_step(b->worker, (int)luaL_optinteger(L, 2, 0));

	if (r < 0)
		return luaL_error(L, "step: %s", strerror(-r));
	b->ended = r == 1;
	lua_pushboolean(L, b->ended);
	return 1;
}

static int bench_capture(lua_State *L)
{
	struct bench *b = check_bench(L);

	if (pipe2(b->log, O_NONBLOCK | O_CLOEXEC) < 0)
		return luaL_error(L, "pipe: %s", strerror(errno));
	fflush(stderr);
	b->stderr_copy = dup(STDERR_FILENO);
	(void)dup2(b->log[1], STDERR_FILENO);
	return 0;
}

static void restore_stderr(struct bench *b)
{
	if (b->stderr_copy < 0)
		return;
	(void)dup2(b->stderr_copy, STDERR_FILENO);
	close(b->stderr_copy);
	close(b->log[1]);
	b->stderr_copy = -1;
}

/* What was logged since capture. */
static int bench_captured(lua_State *L)
{
	struct bench *b = check_bench(L);
	static char text[65536];
	ssize_t n;

	restore_stderr(b);
	n = read(b->log[0], text, sizeof(text));
	close(b->log[0]);
	lua_pushlstring(L, text, n > 0 ? (size_t)n : 0);
	return 1;
}

/* bench:hang_up(link) */
static int bench_hang_up(lua_State *L)
{
	struct bench *b = check_bench(L);
	int *fd = strcmp(luaL_checkstring(L, 2), "app") == 0 ? &b->app : &b->infer;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return 0;
}

/* bench:new_infer() -> fd of the worker's end of a new pair; the bench keeps the other. */
static int bench_new_infer(lua_State *L)
{
	struct bench *b = check_bench(L);
	struct err e = {0};
	int pair[2];

	check(L, link_pair(pair), &e);
	if (b->infer >= 0)
		close(b->infer);
	b->infer = pair[0];
	lua_pushinteger(L, pair[1]);
	return 1;
}

static int bench_close_fd(lua_State *L)
{
	close((int)luaL_checkinteger(L, 1));
	return 0;
}

static int bench_close(lua_State *L)
{
	struct bench *b = check_bench(L);

	restore_stderr(b);
	b->worker = worker_free(b->worker);
	b->ended = true;
	frame_joiner_done(&b->app_in);
	frame_joiner_done(&b->infer_in);
	if (b->app >= 0)
		close(b->app);
	if (b->infer >= 0)
		close(b->infer);
	b->app = b->infer = -1;
	return 0;
}

/* --- helpers --- */

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* bundle({path = bytes}) -> bytes */
static int make_bundle(lua_State *L)
{
	const char *paths[BUNDLE_FILES_MAX];
	struct err e = {0};
	struct buf b;
	size_t n = 0;

	lua_pushnil(L);
	while (lua_next(L, 1)) {
		lua_pop(L, 1);
		paths[n++] = lua_tostring(L, -1);
	}
	qsort(paths, n, sizeof(paths[0]), compare_paths);
	buf_init(&b, BUNDLE_MAX);
	check(L, bundle_begin(&b, (uint32_t)n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		size_t length;
		const char *bytes;

		lua_getfield(L, 1, paths[i]);
		bytes = lua_tolstring(L, -1, &length);
		check(L, bundle_add(&b, paths[i], bytes, length, &e), &e);
		lua_pop(L, 1);
	}
	lua_pushlstring(L, (const char *)b.data, b.len);
	buf_done(&b);
	return 1;
}

static int decode(lua_State *L)
{
	struct err e = {0};
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	json_t *v;

	check(L, json_parse(text, n, 16 << 20, &v, &e), &e);
	value_push(L, v, &(struct value_form){0});
	json_decref(v);
	return 1;
}

static int encode(lua_State *L)
{
	const struct value_rules rules = {.depth_max = 60};
	struct value_why why;
	struct buf b;

	buf_init(&b, 16 << 20);
	if (value_encode(L, 1, &rules, &b, &why) < 0)
		return luaL_error(L, "encode%s", why.words);
	lua_pushlstring(L, buf_str(&b), b.len);
	buf_done(&b);
	return 1;
}

/* unsealed(bytes) -> fd of a plain memfd */
static int unsealed(lua_State *L)
{
	size_t n;
	const char *bytes = luaL_checklstring(L, 1, &n);
	int fd = memfd_create("plain", MFD_CLOEXEC);

	if (fd < 0 || fs_write_all(fd, bytes, n) < 0)
		return luaL_error(L, "memfd");
	lua_pushinteger(L, fd);
	return 1;
}

/* ours() -> {string, table} as apps have them, here, beside Lua's own. Opening the string library
 * makes it the strings' own index; that stays Lua's. */
static int ours(lua_State *L)
{
	lua_newtable(L);
	lua_pushliteral(L, "");
	(void)lua_getmetatable(L, -1);
	(void)strings_open(L);
	lua_setfield(L, 1, "string");
	lua_setmetatable(L, -2);
	(void)tables_open(L);
	lua_setfield(L, 1, "table");
	lua_settop(L, 1);
	return 1;
}

static int open_bench(lua_State *L)
{
	static const luaL_Reg of_bench[] = {
		{"send", bench_send},
		{"raw", bench_raw},
		{"receive", bench_receive},
		{"step", bench_step},
		{"capture", bench_capture},
		{"captured", bench_captured},
		{"hang_up", bench_hang_up},
		{"new_infer", bench_new_infer},
		{"close", bench_close},
		{"__gc", bench_close},
		{NULL, NULL},
	};
	static const luaL_Reg functions[] = {
		{"new", bench_new},
		{"bundle", make_bundle},
		{"decode", decode},
		{"encode", encode},
		{"ours", ours},
		{"unsealed", unsealed},
		{"close_fd", bench_close_fd},
		{NULL, NULL},
	};

	luaL_newmetatable(L, BENCH);
	luaL_setfuncs(L, of_bench, 0);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, functions);
	return 1;
}

static int traceback(lua_State *L)
{
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

static int run_file(lua_State *L, const char *folder, const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	lua_pushcfunction(L, traceback);
	if (luaL_loadfile(L, path) != LUA_OK || lua_pcall(L, 0, 0, -2) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		return -1;
	}
	lua_pop(L, 1);
	return 0;
}

static int is_spec(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 9 && strcmp(entry->d_name + n - 9, "_spec.lua") == 0;
}

static int run_all(lua_State *L, const char *folder, const char *pattern)
{
	struct dirent **specs;
	int n = scandir(folder, &specs, is_spec, alphasort), r = 0;

	if (n <= 0) {
		fprintf(stderr, "%s: no specs\n", folder);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (!pattern || strstr(specs[i]->d_name, pattern))
			r |= run_file(L, folder, specs[i]->d_name);
		free(specs[i]);
	}
	free(specs);
	return r;
}

/* A box has 1 MiB of stack; a sanitized build takes several times what it would. */
static void shrink_stack(void)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit stack = {1 << 20, 1 << 20};

	(void)setrlimit(RLIMIT_STACK, &stack);
#endif
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	int failed;

	shrink_stack();
	if (!L || argc < 2)
		return 2;
	luaL_openlibs(L);
	luaL_requiref(L, "bench", open_bench, 0);
	lua_pop(L, 1);
	lua_pushfstring(L, "%s/?.lua", argv[1]);
	lua_getglobal(L, "package");
	lua_insert(L, -2);
	lua_setfield(L, -2, "path");
	lua_settop(L, 0);
	failed = run_all(L, argv[1], argc > 2 ? argv[2] : NULL);
	/* support.lua counts. */
	lua_getglobal(L, "report");
	if (failed || lua_pcall(L, 0, 1, 0) != LUA_OK) {
		lua_close(L);
		return 1;
	}
	failed = lua_toboolean(L, -1) ? 0 : 1;
	lua_close(L);
	return failed;
}
