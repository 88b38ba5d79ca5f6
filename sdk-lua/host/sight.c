#include "sdk-lua/host/sight.h"

#include <lauxlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "picture/picture.h"
#include "sdk-lua/host/files.h"
#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/session.h"
#include "sdk-lua/host/task.h"

#define ROWS_AT_ONCE 8 /* of a large photograph: a quarter of a millisecond */

/* A picture being read; Lua's collector frees it wherever its handler is stopped. */
struct look {
	struct picture *picture; /* owned */
	void *mapped;            /* owned; NULL: the bytes are the string at 1 */
	size_t mapped_n;
	size_t result_n;
};

static int look_free(lua_State *L)
{
	struct look *look = lua_touserdata(L, 1);

	look->picture = picture_free(look->picture);
	if (look->mapped)
		(void)munmap(look->mapped, look->mapped_n);
	look->mapped = NULL;
	return 0;
}

/* [-0, +1, m] */
static struct look *look_push(lua_State *L)
{
	struct look *look = lua_newuserdatauv(L, sizeof(*look), 0);

	*look = (struct look){0};
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, look_free);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	return look;
}

static struct picture_form form_at(lua_State *L, int index)
{
	const lua_Integer most = UINT16_MAX;
	lua_Integer v[4];

	for (int i = 0; i < 4; i++) {
		v[i] = luaL_checkinteger(L, index + i);
		luaL_argcheck(L, v[i] >= 0 && v[i] <= most, index + i, "out of range");
	}
	return (struct picture_form){
		(uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2], (enum resample_filter)v[3]};
}

/* What is read no longer needs its memory until the collector comes. */
static int give(lua_State *L, struct look *look, int r, const struct err *e)
{
	if (r > 0) {
		lua_pushlstring(L, (const char *)picture_rgb(look->picture), look->result_n);
	} else {
		lua_pushnil(L);
		lua_pushstring(L, e->text);
	}
	look->picture = picture_free(look->picture);
	return r > 0 ? 1 : 2;
}

static int read_again(lua_State *L, int status, lua_KContext context);

/* The look is at index. */
static int read_on(lua_State *L, int index)
{
	struct look *look = lua_touserdata(L, index);
	struct err e = {0};
	int r = 0;

	while (r == 0) {
		r = picture_read(look->picture, ROWS_AT_ONCE, &e);
		if (r == 0 && preempt_due(L))
			return preempt_pause(L, index, read_again);
	}
	return give(L, look, r, &e);
}

static int read_again(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	return read_on(L, (int)context);
}

static int open_and_read(lua_State *L, struct look *look, const void *bytes, size_t n, int form)
{
	struct picture_form f = form_at(L, form);
	struct err e = {0};
	int r = picture_open(bytes, n, &f, &look->picture, &e);

	look->result_n = (size_t)f.width * f.height * 3;
	return r < 0 ? give(L, look, r, &e) : read_on(L, lua_gettop(L));
}

int sight_host_bytes(lua_State *L)
{
	size_t n;
	const char *bytes = luaL_checklstring(L, 1, &n);

	return open_and_read(L, look_push(L), bytes, n, 2);
}

static int not_here(lua_State *L)
{
	lua_pushnil(L);
	lua_pushstring(L, "the file is not here any more; upload it again");
	return 2;
}

int sight_host_upload(lua_State *L)
{
	const struct task *t = worker_of(L)->current;
	const struct upload *u;
	struct look *look;
	off_t size;

	if (!t || !t->session)
		return luaL_error(L, "there is no visitor yet: the app is loading");
	u = upload_find(t->session, luaL_checkstring(L, 1));
	if (!u || (u->fd < 0 && !u->held))
		return not_here(L);
	look = look_push(L);
	if (u->held) { /* a test's: it may be replaced while this one is read */
		lua_pushlstring(L, (const char *)u->held, u->size);
		lua_replace(L, 1);
		return open_and_read(L, look, lua_tostring(L, 1), u->size, 2);
	}
	size = lseek(u->fd, 0, SEEK_END);
	if (size <= 0)
		return not_here(L);
	if (size <= PICTURE_BYTES_MAX) { /* a larger one is refused unseen */
		look->mapped_n = (size_t)size;
		look->mapped = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, u->fd, 0);
		if (look->mapped == MAP_FAILED) {
			look->mapped = NULL;
			lua_pushnil(L);
			lua_pushstring(L, "there is not enough memory for this picture");
			return 2;
		}
	}
	return open_and_read(L, look, look->mapped, (size_t)size, 2);
}

int sight_host_gray(lua_State *L)
{
	size_t n;
	const char *pixels = luaL_checklstring(L, 1, &n);
	lua_Integer columns = luaL_checkinteger(L, 2), rows = luaL_checkinteger(L, 3);
	struct picture_form f = form_at(L, 4);
	struct look *look = look_push(L);
	struct err e = {0};
	int r;

	luaL_argcheck(L,
		columns > 0 && rows > 0 && columns <= UINT16_MAX && rows <= UINT16_MAX &&
			n == (size_t)columns * (size_t)rows,
		1, "columns x rows bytes are needed");
	look->result_n = (size_t)f.width * f.height * 3;
	r = picture_from_gray(
		(const uint8_t *)pixels, (uint32_t)columns, (uint32_t)rows, &f, &look->picture, &e);
	return give(L, look, r < 0 ? r : 1, &e);
}
