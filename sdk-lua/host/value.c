#include "sdk-lua/host/value.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#define ANCESTORS_MAX 64
#define TABLES_PER_LOOK 8
#define CPU_USEC 250000

struct writer {
	lua_State *L;
	const struct value_rules *rules;
	struct buf *out;
	struct value_why *why;
	const void *above[ANCESTORS_MAX]; /* tables this value lies in */
	size_t values, tables;
	uint64_t began_usec;
};

struct key {
	const char *s; /* borrowed from the table's key */
	size_t n;
};

static int write_value(struct writer *w, int index, int depth);

bool value_is_text(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	for (size_t i = 0; i < n;) {
		size_t len = p[i] ? utf8_length(p + i, n - i) : 0;

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

static int add_escaped(struct buf *out, unsigned char c)
{
	static const char letters[128] = {['"'] = '"',
		['\\'] = '\\',
		['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't'};
	char pair[2] = {'\\', letters[c]};

	return pair[1] ? buf_add(out, pair, 2) : buf_addf(out, "\\u%04x", c);
}

/* Returns how many bytes at the start of s need no escape. */
static size_t plain_run(const unsigned char *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len;

		if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] == 0x7f)
			break;
		len = utf8_length(s + i, n - i);
		if (len == 0)
			break;
		i += len;
	}
	return i;
}

/* Half of a surrogate pair, as the exact reader lets it in; 0: it is none. */
static unsigned surrogate_at(const unsigned char *s, size_t n)
{
	if (n < 3 || s[0] != 0xed || s[1] < 0xa0 || s[1] > 0xbf || (s[2] & 0xc0) != 0x80)
		return 0;
	return 0xd000u | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
}

static int add_string(struct buf *out, const char *s, size_t n, bool strict, bool nul)
{
	const unsigned char *p = (const unsigned char *)s;
	int r = buf_add(out, "\"", 1);

	for (size_t i = 0; r == 0 && i < n;) {
		size_t run = plain_run(p + i, n - i);

		r = buf_add(out, p + i, run);
		i += run;
		if (r < 0 || i == n)
			continue;
		if (nul && surrogate_at(p + i, n - i)) {
			r = buf_addf(out, "\\u%04x", surrogate_at(p + i, n - i));
			i += 3;
			continue;
		}
		if ((p[i] || nul) && p[i] < 0x80)
			r = add_escaped(out, p[i]);
		else if (strict)
			r = -EINVAL;
		else
			r = buf_add(out, "?", 1);
		i++;
	}
	return r < 0 ? r : buf_add(out, "\"", 1);
}

int value_add_string(struct buf *out, const char *s, size_t n, bool strict)
{
	return add_string(out, s, n, strict, false);
}

static int refuse(struct writer *w, const char *words)
{
	(void)snprintf(w->why->words, sizeof(w->why->words), ": %s", words);
	return -EINVAL;
}

void value_why_within(struct value_why *why, const char *step)
{
	size_t n = strlen(step), words = strlen(why->words);

	if (n > sizeof(why->words) - 1)
		n = sizeof(why->words) - 1;
	if (words > sizeof(why->words) - 1 - n)
		words = sizeof(why->words) - 1 - n;
	memmove(why->words + n, why->words, words);
	memcpy(why->words, step, n);
	why->words[n + words] = '\0';
}

static int write_number(struct writer *w, int index)
{
	char text[32];
	double v;

	if (lua_isinteger(w->L, index))
		return buf_addf(w->out, "%lld", (long long)lua_tointeger(w->L, index));
	v = lua_tonumber(w->L, index);
	if (!isfinite(v))
		return refuse(w, "a number that is not finite cannot be kept");
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* A float stays a float when it is read again. */
	return buf_addf(w->out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static int write_list(struct writer *w, int index, size_t n, int depth)
{
	int r = buf_add(w->out, "[", 1);

	for (size_t i = 1; r == 0 && i <= n; i++) {
		if (i > 1)
			r = buf_add(w->out, ",", 1);
		lua_rawgeti(w->L, index, (lua_Integer)i);
		if (r == 0)
			r = write_value(w, lua_gettop(w->L), depth);
		lua_pop(w->L, 1);
		if (r == -EINVAL || r == -ENOSPC) {
			char step[32];

			(void)snprintf(step, sizeof(step), "[%zu]", i);
			value_why_within(w->why, step);
		}
	}
	return r < 0 ? r : buf_add(w->out, "]", 1);
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

static int write_field(struct writer *w, int index, const struct key *key, int depth)
{
	int r;

	if (!value_is_text(key->s, key->n))
		return refuse(w, "a key that is not UTF-8 text cannot be kept");
	r = value_add_string(w->out, key->s, key->n, true);
	if (r == 0)
		r = buf_add(w->out, ":", 1);
	lua_pushlstring(w->L, key->s, key->n);
	lua_rawget(w->L, index);
	if (r == 0)
		r = write_value(w, lua_gettop(w->L), depth);
	lua_pop(w->L, 1);
	if (r == -EINVAL || r == -ENOSPC) {
		char step[80];

		(void)snprintf(step, sizeof(step), ".%.60s", key->s);
		value_why_within(w->why, step);
	}
	return r;
}

/* The keys live in a userdata on the stack: freed by the collector whatever raises. */
static int write_map(struct writer *w, int index, size_t n, int depth)
{
	struct key *keys = lua_newuserdatauv(w->L, (n ? n : 1) * sizeof(*keys), 0);
	size_t at = 0;
	int r = buf_add(w->out, "{", 1);

	lua_pushnil(w->L);
	while (lua_next(w->L, index)) {
		lua_pop(w->L, 1);
		keys[at].s = lua_tolstring(w->L, -1, &keys[at].n);
		at++;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i > 0)
			r = buf_add(w->out, ",", 1);
		if (r == 0)
			r = write_field(w, index, &keys[i], depth);
	}
	lua_pop(w->L, 1);
	return r < 0 ? r : buf_add(w->out, "}", 1);
}

static int check_table(struct writer *w, int index, int depth, bool *ret_marked)
{
	const void *self = lua_topointer(w->L, index);

	*ret_marked = false;
	if (lua_getmetatable(w->L, index)) {
		*ret_marked =
			w->rules->object_mark && lua_topointer(w->L, -1) == w->rules->object_mark;
		lua_pop(w->L, 1);
		if (!*ret_marked)
			return refuse(w, "a table with a metatable cannot be kept");
	}
	for (int i = 0; i < depth; i++)
		if (w->above[i] == self)
			return refuse(w, "a table inside itself cannot be kept");
	if (depth >= w->rules->depth_max || depth >= ANCESTORS_MAX) {
		char words[64];

		(void)snprintf(words, sizeof(words), "nested deeper than %d", w->rules->depth_max);
		return refuse(w, words);
	}
	w->above[depth] = self;
	return 0;
}

/* A table that was emptied still has its places, and going over them takes as long as when it was
 * full: the count of values alone bounds nothing. */
static int check_time(struct writer *w)
{
	if (++w->tables % TABLES_PER_LOOK != 0)
		return 0;
	if (w->tables == TABLES_PER_LOOK)
		w->began_usec = clock_cpu_usec();
	else if (clock_cpu_usec() - w->began_usec > CPU_USEC)
		return refuse(w, "takes too long to write");
	return 0;
}

static int too_many(struct writer *w)
{
	char words[64];

	(void)snprintf(words, sizeof(words), "over %d values", VALUES_MAX);
	return refuse(w, words);
}

static int write_table(struct writer *w, int index, int depth)
{
	size_t length, count = 0, names = 0, places = 0;
	bool marked;
	int r = check_table(w, index, depth, &marked);

	if (r == 0)
		r = check_time(w);
	if (r < 0)
		return r;
	luaL_checkstack(w->L, 6, NULL);
	length = lua_rawlen(w->L, index);
	lua_pushnil(w->L);
	while (lua_next(w->L, index)) {
		lua_pop(w->L, 1);
		if (++count > VALUES_MAX)
			break;
		if (lua_type(w->L, -1) == LUA_TSTRING)
			names++;
		else if (lua_isinteger(w->L, -1) && lua_tointeger(w->L, -1) >= 1 &&
			 (size_t)lua_tointeger(w->L, -1) <= length)
			places++;
	}
	if (count > VALUES_MAX) {
		lua_pop(w->L, 1);
		return too_many(w);
	}
	if (count == places && count == length && (count > 0 || !marked))
		return write_list(w, index, length, depth + 1);
	if (count == names)
		return write_map(w, index, count, depth + 1);
	return refuse(w, "a table is either a list from 1 to n or a map with string keys; "
			 "this one is neither");
}

static int write_value(struct writer *w, int index, int depth)
{
	size_t n;
	const char *s;
	int r;

	if (++w->values > VALUES_MAX)
		return too_many(w);
	switch (lua_type(w->L, index)) {
	case LUA_TNIL:
		return buf_add(w->out, "null", 4);
	case LUA_TBOOLEAN:
		return lua_toboolean(w->L, index) ? buf_add(w->out, "true", 4)
						  : buf_add(w->out, "false", 5);
	case LUA_TNUMBER:
		return write_number(w, index);
	case LUA_TSTRING:
		s = lua_tolstring(w->L, index, &n);
		r = add_string(w->out, s, n, true, w->rules->nul);
		return r != -EINVAL ? r
				    : refuse(w, "a string that is not UTF-8 text cannot be kept");
	case LUA_TTABLE:
		return write_table(w, index, depth);
	case LUA_TLIGHTUSERDATA:
		if (!lua_touserdata(w->L, index))
			return buf_add(w->out, "null", 4);
		break;
	default:
		break;
	}
	{
		char words[64];

		(void)snprintf(
			words, sizeof(words), "a %s cannot be kept", luaL_typename(w->L, index));
		return refuse(w, words);
	}
}

int value_encode(lua_State *L, int index, const struct value_rules *rules, struct buf *out,
	struct value_why *why)
{
	struct writer w = {.L = L, .rules = rules, .out = out, .why = why};
	size_t start = out->len;
	int r;

	why->words[0] = '\0';
	luaL_checkstack(L, 6, NULL);
	r = write_value(&w, lua_absindex(L, index), 0);
	if (r < 0)
		out->len = start;
	return r;
}

/* What lies in an array or an object. */
static void push_inside(lua_State *L, const json_t *v, const struct value_form *form)
{
	if (json_is_null(v)) {
		lua_pushlightuserdata(L, NULL);
		return;
	}
	value_push(L, v, form);
	if (form->object_ref && json_is_object(v) && json_object_size(v) == 0) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, form->object_ref);
		lua_setmetatable(L, -2);
	}
}

static void push_array(lua_State *L, const json_t *v, const struct value_form *form)
{
	size_t n = json_array_size(v);

	lua_createtable(L, n > INT32_MAX ? 0 : (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		push_inside(L, json_array_get(v, i), form);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_object(lua_State *L, const json_t *v, const struct value_form *form)
{
	json_t *o = (json_t *)v; /* jansson iterates only over what it could change */
	size_t n = json_object_size(v);

	lua_createtable(L, 0, n > INT32_MAX ? 0 : (int)n);
	for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i)) {
		if (!form->nulls && json_is_null(json_object_iter_value(i)))
			continue;
		lua_pushstring(L, json_object_iter_key(i));
		push_inside(L, json_object_iter_value(i), form);
		lua_rawset(L, -3);
	}
}

void value_push(lua_State *L, const json_t *v, const struct value_form *form)
{
	luaL_checkstack(L, 4, "JSON: nested too deep");
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		push_object(L, v, form);
		break;
	case JSON_ARRAY:
		push_array(L, v, form);
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(v));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(v));
		break;
	case JSON_NULL:
		lua_pushnil(L);
		break;
	}
}
