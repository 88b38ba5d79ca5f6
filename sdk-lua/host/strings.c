#include "sdk-lua/host/strings.h"

#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <string.h>

#include "sdk-lua/host/match.h"
#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/text.h"

/* What one call may take before it is an error: some 100 ms for a short text, 3 s for the longest.
 * Ordinary patterns take 1 to 20 steps a byte. */
#define STEPS_MAX ((int64_t)48 << 20)
#define STEPS_PER_BYTE 256
#define STEPS_MOST ((int64_t)1 << 30)

#define FIND_PIECE ((size_t)256 << 10)

enum how { FIND, MATCH, GMATCH };

struct search {
	int64_t budget;
	struct matcher m;
};

/* --- searching --- */

/* Where a search from position begins, counted from 0; Lua's own rule for "init". */
static size_t begin_at(lua_Integer position, size_t n)
{
	if (position > 0)
		return (size_t)position - 1;
	if (position == 0 || position < -(lua_Integer)n)
		return 0;
	return n + (size_t)position;
}

static void search_init(
	struct search *x, const char *text, size_t n, const char *pattern, size_t n_pattern)
{
	x->budget = STEPS_MAX + (int64_t)n * STEPS_PER_BYTE;
	if (x->budget > STEPS_MOST)
		x->budget = STEPS_MOST;
	x->m.steps = 0;
	matcher_init(&x->m, text, n, pattern, n_pattern);
}

/*
 * Goes on until there is an answer or a pause is due, which is MATCH_PAUSED. Raises what is wrong
 * with the pattern, and that it takes too long. [-0, +0, v]
 */
static enum match_result search_on(lua_State *L, struct search *x, const char *name)
{
	const int64_t look = preempt_look_steps();

	for (;;) {
		enum match_result r;

		if (x->m.steps <= 0)
			x->m.steps = look;
		r = matcher_next(&x->m);
		if (r == MATCH_FOUND || r == MATCH_NONE)
			return r;
		if (r == MATCH_WRONG)
			luaL_error(L, "%s", x->m.words);
		x->budget -= look;
		if (x->budget < 0)
			luaL_error(L, "string.%s: the pattern takes too long on this text", name);
		if (preempt_due(L))
			return r;
	}
}

/* What must survive a pause: size bytes at what, and the matcher's frames. [-0, +1, m] */
static void keep(lua_State *L, const struct matcher *m, const void *what, size_t size)
{
	char *kept = lua_newuserdatauv(L, size + matcher_frames_size(m), 0);

	memcpy(kept, what, size);
	matcher_frames_keep(m, kept + size);
}

/* The same from the userdata on top; m lies in what. [-1, +0, -] */
static void fetch(lua_State *L, const struct matcher *m, void *what, size_t size)
{
	const char *kept = lua_touserdata(L, -1);

	memcpy(what, kept, size);
	matcher_frames_fetch(m, kept + size);
	lua_pop(L, 1);
}

/* Capture i. [-0, +1, v] */
static void push_capture(lua_State *L, struct matcher *m, int i, const char *s)
{
	const char *at;
	ptrdiff_t n;

	if (matcher_capture(m, i, s, m->s, &at, &n) < 0)
		luaL_error(L, "%s", m->words);
	if (n == MATCH_POSITION)
		lua_pushinteger(L, at - m->text + 1);
	else
		lua_pushlstring(L, at, (size_t)n);
}

/* All captures; whole: the match itself where there are none. [-0, +n, v] */
static int push_captures(lua_State *L, struct matcher *m, bool whole)
{
	int n = m->n_captures == 0 && whole ? 1 : m->n_captures;

	luaL_checkstack(L, n, "too many captures");
	for (int i = 0; i < n; i++)
		push_capture(L, m, i, m->start);
	return n;
}

/* --- find, match --- */

static int search_again(lua_State *L, int status, lua_KContext how);

static int find_or_match(lua_State *L, struct search *x, lua_KContext how)
{
	switch (search_on(L, x, how == FIND ? "find" : "match")) {
	case MATCH_PAUSED:
		keep(L, &x->m, x, sizeof(*x));
		return preempt_pause(L, how, search_again);
	case MATCH_FOUND:
		if (how == MATCH)
			return push_captures(L, &x->m, true);
		lua_pushinteger(L, x->m.start - x->m.text + 1);
		lua_pushinteger(L, x->m.s - x->m.text);
		return push_captures(L, &x->m, false) + 2;
	default:
		lua_pushnil(L);
		return 1;
	}
}

static int search_again(lua_State *L, int status, lua_KContext how)
{
	struct search x;

	(void)status;
	fetch(L, &x.m, &x, sizeof(x));
	return find_or_match(L, &x, how);
}

static bool is_plain(const char *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pattern[i] && strchr("^$*+?.([%-", pattern[i]))
			return false;
	return true;
}

static int plain_again(lua_State *L, int status, lua_KContext from);

/* Piece by piece, so that a pause is possible: on bad texts memmem takes 10 ns a byte. memchr takes
 * a tenth of memmem on good ones. */
static int find_plain(lua_State *L, size_t from)
{
	size_t n, n_words;
	const char *text = lua_tolstring(L, 1, &n), *words = lua_tolstring(L, 2, &n_words);
	size_t piece = n_words * 4 > FIND_PIECE ? n_words * 4 : FIND_PIECE;
	const char *first = n_words ? memchr(text + from, *words, n - from) : text + from;

	from = first ? (size_t)(first - text) : n;
	while (n - from >= n_words) {
		size_t most = n - from < piece ? n - from : piece;
		const char *at = memmem(text + from, most, words, n_words);

		if (at) {
			lua_pushinteger(L, at - text + 1);
			lua_pushinteger(L, at - text + (lua_Integer)n_words);
			return 2;
		}
		if (most == n - from)
			break;
		from += most - n_words + 1;
		if (preempt_due(L))
			return preempt_pause(L, (lua_KContext)from, plain_again);
	}
	lua_pushnil(L);
	return 1;
}

static int plain_again(lua_State *L, int status, lua_KContext from)
{
	(void)status;
	return find_plain(L, (size_t)from);
}

static int begin_search(lua_State *L, enum how how)
{
	struct search x;
	size_t n, n_pattern, from;
	const char *text = luaL_checklstring(L, 1, &n);
	const char *pattern = luaL_checklstring(L, 2, &n_pattern);
	bool anchored;

	from = begin_at(luaL_optinteger(L, 3, 1), n);
	if (from > n) {
		lua_pushnil(L);
		return 1;
	}
	if (how == FIND && (lua_toboolean(L, 4) || is_plain(pattern, n_pattern)))
		return find_plain(L, from);
	anchored = *pattern == '^';
	search_init(&x, text, n, pattern + anchored, n_pattern - anchored);
	x.m.start = text + from;
	x.m.anchored = anchored;
	return find_or_match(L, &x, how);
}

static int str_find(lua_State *L)
{
	return begin_search(L, FIND);
}

static int str_match(lua_State *L)
{
	return begin_search(L, MATCH);
}

/* --- gmatch --- */

struct walk {
	const char *from;
	const char *last_end;
};

static int walk_again(lua_State *L, int status, lua_KContext context);

static int walk_on(lua_State *L, struct search *x)
{
	struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));

	switch (search_on(L, x, "gmatch")) {
	case MATCH_PAUSED:
		keep(L, &x->m, x, sizeof(*x));
		return preempt_pause(L, 0, walk_again);
	case MATCH_FOUND:
		walk->from = walk->last_end = x->m.s;
		return push_captures(L, &x->m, true);
	default:
		walk->from = NULL;
		return 0;
	}
}

static int walk_again(lua_State *L, int status, lua_KContext context)
{
	struct search x;

	(void)status;
	(void)context;
	fetch(L, &x.m, &x, sizeof(x));
	return walk_on(L, &x);
}

static int walk_next(lua_State *L)
{
	struct walk *walk = lua_touserdata(L, lua_upvalueindex(3));
	size_t n, n_pattern;
	const char *text = lua_tolstring(L, lua_upvalueindex(1), &n);
	const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &n_pattern);
	struct search x;

	if (!walk->from)
		return 0;
	search_init(&x, text, n, pattern, n_pattern);
	x.m.start = walk->from;
	x.m.not_end = walk->last_end;
	return walk_on(L, &x);
}

static int str_gmatch(lua_State *L)
{
	size_t n, from;
	const char *text = luaL_checklstring(L, 1, &n);
	struct walk *walk;

	(void)luaL_checkstring(L, 2);
	from = begin_at(luaL_optinteger(L, 3, 1), n);
	lua_settop(L, 2);
	walk = lua_newuserdatauv(L, sizeof(*walk), 0);
	walk->from = from > n ? NULL : text + from;
	walk->last_end = NULL;
	lua_pushcclosure(L, walk_next, 3);
	return 1;
}

/* --- gsub --- */

/* On the stack of gsub: text, pattern, replacement, most, then what is written so far: nil, as long
 * as it fits into the struct, or a text with a struct gsub_place in front. */
#define OUT 5

#define SMALL 200

struct gsub_place {
	const char *start;  /* of the match whose replacement is asked for */
	const char *end;    /* of it */
	const char *copied; /* what comes before it is written */
	lua_Integer n;      /* matches so far */
	int64_t budget;
};

struct gsub {
	struct search search;
	const char *copied;
	lua_Integer n, most;
	bool plain;       /* the replacement is a text without "%" */
	bool changed;     /* something was written */
	struct text *out; /* borrowed from OUT; NULL: small is in use */
	size_t n_small;
	char small[SMALL];
};

static int gsub_asked(lua_State *L, int status, lua_KContext context);
static int gsub_paused(lua_State *L, int status, lua_KContext context);

/* What is written moves to OUT, where it survives. */
static void write_in_slot(lua_State *L, struct gsub *g, size_t room)
{
	g->out = text_begin(L, OUT, sizeof(struct gsub_place), room + g->n_small);
	g->out = text_add(L, OUT, g->out, g->small, g->n_small);
	g->n_small = 0;
}

static void write_out(lua_State *L, struct gsub *g, const char *bytes, size_t n)
{
	const struct matcher *m = &g->search.m;

	if (!g->out && n <= SMALL - g->n_small) {
		memcpy(g->small + g->n_small, bytes, n);
		g->n_small += n;
		return;
	}
	if (!g->out)
		write_in_slot(L, g, (size_t)(m->text_end - m->text) + n);
	g->out = text_add(L, OUT, g->out, bytes, n);
}

/* The text between the last match and this one. */
static void write_between(lua_State *L, struct gsub *g)
{
	write_out(L, g, g->copied, (size_t)(g->search.m.start - g->copied));
	g->copied = g->search.m.s;
	g->changed = true;
}

/* The replacement is a text with "%0", "%1", "%%". */
static void write_template(lua_State *L, struct gsub *g)
{
	struct matcher *m = &g->search.m;
	size_t n;
	const char *p = lua_tolstring(L, 3, &n), *end = p + n, *mark;

	for (; (mark = memchr(p, '%', (size_t)(end - p))); p = mark + 2) {
		write_out(L, g, p, (size_t)(mark - p));
		if (mark[1] == '%') {
			write_out(L, g, "%", 1);
		} else if (mark[1] == '0') {
			write_out(L, g, m->start, (size_t)(m->s - m->start));
		} else if (mark[1] >= '1' && mark[1] <= '9') {
			const char *words;

			push_capture(L, m, mark[1] - '1', m->start);
			words = lua_tolstring(L, -1, &n);
			write_out(L, g, words, n);
			lua_pop(L, 1);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
	}
	write_out(L, g, p, (size_t)(end - p));
}

/* Writes the value on top, or leaves the match as it is. [-1, +0, v] */
static void take_replacement(lua_State *L, struct gsub *g)
{
	size_t n;
	const char *words;

	if (lua_toboolean(L, -1)) {
		if (!lua_isstring(L, -1))
			luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
		words = lua_tolstring(L, -1, &n);
		write_between(L, g);
		write_out(L, g, words, n);
	}
	lua_pop(L, 1);
}

/* The callback may wait: then gsub_asked goes on. */
static void call_replacement(lua_State *L, struct gsub *g)
{
	struct matcher *m = &g->search.m;
	struct gsub_place *place;

	if (!g->out)
		write_in_slot(L, g, (size_t)(m->text_end - m->text));
	place = (struct gsub_place *)g->out->bytes;
	*place = (struct gsub_place){.start = m->start,
		.end = m->s,
		.copied = g->changed ? g->copied : NULL,
		.n = g->n,
		.budget = g->search.budget};
	lua_pushvalue(L, 3);
	lua_callk(L, push_captures(L, m, true), 1, 0, gsub_asked);
	take_replacement(L, g);
}

/* Of the match from start to s. */
static void replace_one(lua_State *L, struct gsub *g)
{
	struct matcher *m = &g->search.m;
	size_t n;
	const char *words;

	switch (lua_type(L, 3)) {
	case LUA_TFUNCTION:
		call_replacement(L, g);
		break;
	case LUA_TTABLE:
		push_capture(L, m, 0, m->start);
		lua_gettable(L, 3);
		take_replacement(L, g);
		break;
	default:
		write_between(L, g);
		if (!g->plain) {
			write_template(L, g);
			break;
		}
		words = lua_tolstring(L, 3, &n);
		write_out(L, g, words, n);
	}
}

static void go_behind(struct gsub *g)
{
	struct matcher *m = &g->search.m;

	m->start = m->not_end = m->s;
	m->begun = false;
}

static int gsub_end(lua_State *L, struct gsub *g)
{
	if (g->changed) {
		write_out(L, g, g->copied, (size_t)(g->search.m.text_end - g->copied));
		if (g->out)
			text_push(L, g->out);
		else
			lua_pushlstring(L, g->small, g->n_small);
	} else {
		lua_pushvalue(L, 1);
	}
	lua_pushinteger(L, g->n);
	return 2;
}

static int gsub_on(lua_State *L, struct gsub *g)
{
	while (g->n < g->most) {
		enum match_result r = search_on(L, &g->search, "gsub");

		if (r == MATCH_PAUSED) {
			keep(L, &g->search.m, g, sizeof(*g));
			return preempt_pause(L, 0, gsub_paused);
		}
		if (r == MATCH_NONE)
			break;
		g->n++;
		replace_one(L, g);
		go_behind(g);
		if (g->search.m.anchored)
			break;
	}
	return gsub_end(L, g);
}

static int gsub_paused(lua_State *L, int status, lua_KContext context)
{
	struct gsub g;

	(void)status;
	(void)context;
	fetch(L, &g.search.m, &g, sizeof(g));
	return gsub_on(L, &g);
}

/* From what is on the stack. */
static void gsub_begin(lua_State *L, struct gsub *g)
{
	size_t n, n_pattern, n_words = 0;
	const char *text = lua_tolstring(L, 1, &n), *pattern = lua_tolstring(L, 2, &n_pattern);
	const char *words = lua_isstring(L, 3) ? lua_tolstring(L, 3, &n_words) : NULL;
	bool anchored = *pattern == '^';

	search_init(&g->search, text, n, pattern + anchored, n_pattern - anchored);
	g->search.m.anchored = anchored;
	g->copied = text;
	g->n = 0;
	g->most = lua_isnil(L, 4) ? (lua_Integer)n + 1 : lua_tointeger(L, 4);
	g->plain = words && !memchr(words, '%', n_words);
	g->changed = false;
	g->out = lua_touserdata(L, OUT);
	g->n_small = 0;
}

/* The callback waited, and has returned. */
static int gsub_asked(lua_State *L, int status, lua_KContext context)
{
	const struct gsub_place *place;
	struct gsub g;

	(void)status;
	(void)context;
	gsub_begin(L, &g);
	place = (const struct gsub_place *)g.out->bytes;
	g.search.m.start = place->start;
	g.search.m.s = place->end;
	g.search.budget = place->budget;
	g.n = place->n;
	g.changed = place->copied;
	if (g.changed)
		g.copied = place->copied;
	take_replacement(L, &g);
	go_behind(&g);
	return g.search.m.anchored ? gsub_end(L, &g) : gsub_on(L, &g);
}

static int str_gsub(lua_State *L)
{
	struct gsub g;
	int type = lua_type(L, 3);

	(void)luaL_checkstring(L, 1);
	(void)luaL_checkstring(L, 2);
	(void)luaL_optinteger(L, 4, 0);
	luaL_argexpected(L,
		type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
			type == LUA_TTABLE,
		3, "string/function/table");
	lua_settop(L, 4);
	lua_pushnil(L);
	gsub_begin(L, &g);
	return gsub_on(L, &g);
}

/* --- the rest --- */

static int str_rep(lua_State *L)
{
	size_t n, n_between, total, done;
	const char *s = luaL_checklstring(L, 1, &n), *between;
	lua_Integer times = luaL_checkinteger(L, 2);
	luaL_Buffer b;
	char *at;

	between = luaL_optlstring(L, 3, "", &n_between);
	/* Lua's own goes round its loop even for nothing. */
	if (times <= 0 || n + n_between == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (n + n_between < n || n + n_between > (size_t)INT_MAX / (size_t)times)
		return luaL_error(L, "resulting string too large");
	total = n * (size_t)times + n_between * (size_t)(times - 1);
	at = luaL_buffinitsize(L, &b, total);
	memcpy(at, s, n);
	done = n;
	if (times > 1) {
		memcpy(at + n, between, n_between);
		done += n_between;
	}
	for (size_t part; done < total; done += part) {
		part = done < total - done ? done : total - done;
		memcpy(at + done, at, part);
	}
	luaL_pushresultsize(&b, total);
	return 1;
}

/* A number for an object, counted from 1 in the order they were asked for: nothing of where it
 * lies. [-0, +1, m] */
static void push_number_of(lua_State *L, int index)
{
	static const char key;
	lua_Integer n;

	index = lua_absindex(L, index);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_createtable(L, 0, 1);
		lua_pushliteral(L, "k");
		lua_setfield(L, -2, "__mode");
		lua_setmetatable(L, -2);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
	}
	lua_pushvalue(L, index);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_getfield(L, -1, "count");
		n = lua_tointeger(L, -1) + 1;
		lua_pop(L, 1);
		lua_pushinteger(L, n);
		lua_setfield(L, -2, "count");
		lua_pushvalue(L, index);
		lua_pushinteger(L, n);
		lua_rawset(L, -3);
		lua_pushinteger(L, n);
	}
	lua_remove(L, -2);
}

/* As luaL_tolstring, which prints addresses. [-0, +1, e] */
static void push_words(lua_State *L, int index)
{
	char number[24];

	if (lua_type(L, index) < LUA_TTABLE && lua_type(L, index) != LUA_TLIGHTUSERDATA) {
		(void)luaL_tolstring(L, index, NULL);
		return;
	}
	if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
		lua_pop(L, 1);
		(void)luaL_tolstring(L, index, NULL);
		return;
	}
	push_number_of(L, index);
	(void)snprintf(number, sizeof(number), "%llx", (unsigned long long)lua_tointeger(L, -1));
	lua_pop(L, 1);
	switch (luaL_getmetafield(L, index, "__name")) {
	case LUA_TSTRING:
		lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), number);
		lua_remove(L, -2);
		return;
	case LUA_TNIL:
		break;
	default:
		lua_pop(L, 1);
	}
	lua_pushfstring(L, "%s: %s", luaL_typename(L, index), number);
}

int strings_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_settop(L, 1);
	push_words(L, 1);
	return 1;
}

static lua_CFunction lua_format; /* Lua's own */

/* Lua's own prints addresses for %p, and for %s of what is neither text nor number. */
static int str_format(lua_State *L)
{
	size_t n;
	const char *f = luaL_checklstring(L, 1, &n), *end = f + n;
	int top = lua_gettop(L);

	for (int arg = 1; (f = memchr(f, '%', (size_t)(end - f)));) {
		f++;
		if (*f == '%') {
			f++;
			continue;
		}
		f += strspn(f, "-+ #0123456789.");
		arg++;
		if (*f == 'p')
			return luaL_error(L, "invalid conversion '%%p' to 'format'");
		if (*f == 's' && arg <= top && lua_type(L, arg) != LUA_TSTRING &&
			lua_type(L, arg) != LUA_TNUMBER) {
			push_words(L, arg);
			lua_replace(L, arg);
		}
	}
	return lua_format(L);
}

int strings_open(lua_State *L)
{
	static const luaL_Reg ours[] = {
		{"find", str_find},
		{"format", str_format},
		{"gmatch", str_gmatch},
		{"gsub", str_gsub},
		{"match", str_match},
		{"rep", str_rep},
		{NULL, NULL},
	};

	(void)luaopen_string(L);
	lua_getfield(L, -1, "format");
	lua_format = lua_tocfunction(L, -1);
	lua_pop(L, 1);
	luaL_setfuncs(L, ours, 0);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	return 1;
}
