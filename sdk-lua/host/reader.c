#include "sdk-lua/host/reader.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define NUMBER_MAX 127 /* characters */

void reader_init(struct reader *r, const char *text, size_t n)
{
	r->text = r->at = text;
	r->end = text + n;
	r->state = READER_VALUE;
	r->depth = 0;
	r->object_ref = 0;
	r->exact = false;
}

static int wrong(struct reader *r, const char *words)
{
	int line = 1;

	for (const char *p = r->text; p < r->at; p++)
		line += *p == '\n';
	(void)snprintf(r->words, sizeof(r->words), "JSON: line %d: %s", line, words);
	return -EBADMSG;
}

static char next(const struct reader *r)
{
	return r->at < r->end ? *r->at : '\0';
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\n\r", *r->at) && *r->at)
		r->at++;
}

/* --- strings --- */

/* The closing quote of the string whose content begins at at; *ret_plain: no escape in between. */
static const char *string_end(struct reader *r, bool *ret_plain)
{
	const char *p = r->at;

	*ret_plain = true;
	while (p < r->end && *p != '"') {
		size_t n = utf8_length((const unsigned char *)p, (size_t)(r->end - p));

		if (n == 0 || (unsigned char)*p < 0x20) {
			r->at = p;
			(void)wrong(r, n ? "a control character in a string" : "not UTF-8");
			return NULL;
		}
		if (*p == '\\') {
			*ret_plain = false;
			p++;
			n = 1;
		}
		p += n;
	}
	if (p < r->end)
		return p;
	r->at = r->end;
	(void)wrong(r, "the text ends inside a string");
	return NULL;
}

/* Four hex digits at p; -1: they are not. */
static long hex4(const char *p, const char *end)
{
	char digits[5] = "";

	if (end - p < 4)
		return -1;
	memcpy(digits, p, 4);
	return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

static size_t put_utf8(char *out, long c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, or two of them; at stands behind the "u". Bytes written; 0: wrong. */
static size_t read_unicode(struct reader *r, const char *end, char *out)
{
	long c = hex4(r->at, end), low;

	if (c < 0 || (c == 0 && !r->exact) || (c >= 0xdc00 && c < 0xe000 && !r->exact))
		return 0;
	r->at += 4;
	if (c < 0xd800 || c >= 0xe000)
		return put_utf8(out, c);
	low = end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2, end) : -1;
	if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
		return r->exact ? put_utf8(out, c) : 0; /* half of a pair, as JavaScript has them */
	r->at += 6;
	return put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}

/* An escape; at stands on its "\". Bytes written; 0: wrong. No escape is shorter than its bytes. */
static size_t read_escape(struct reader *r, const char *end, char *out)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *found;

	r->at++;
	if (*r->at == 'u') {
		r->at++;
		return read_unicode(r, end, out);
	}
	found = *r->at ? strchr(letters, *r->at) : NULL;
	if (!found)
		return 0;
	r->at++;
	*out = meant[found - letters];
	return 1;
}

static int push_string(lua_State *L, struct reader *r)
{
	bool plain;
	const char *end;
	size_t used = 0;
	luaL_Buffer b;
	char *out;

	r->at++;
	end = string_end(r, &plain);
	if (!end)
		return -EBADMSG;
	if (plain) {
		lua_pushlstring(L, r->at, (size_t)(end - r->at));
		r->at = end + 1;
		return 0;
	}
	out = luaL_buffinitsize(L, &b, (size_t)(end - r->at));
	while (r->at < end) {
		size_t n = 1;

		if (*r->at == '\\')
			n = read_escape(r, end, out + used);
		else
			out[used] = *r->at++;
		if (n == 0)
			return wrong(r, "no such escape in a string");
		used += n;
	}
	luaL_pushresultsize(&b, used);
	r->at = end + 1;
	return 0;
}

/* --- numbers and words --- */

static size_t digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* Length of the number at at by JSON's grammar; 0: there is none. */
static size_t number_length(const struct reader *r, bool *ret_whole)
{
	const char *p = r->at + (*r->at == '-'), *end = r->end;
	size_t n = digits(p, end);

	*ret_whole = true;
	if (n == 0 || (n > 1 && *p == '0'))
		return 0;
	p += n;
	if (p < end && *p == '.') {
		*ret_whole = false;
		n = digits(p + 1, end);
		if (n == 0)
			return 0;
		p += 1 + n;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*ret_whole = false;
		p++;
		p += p < end && (*p == '+' || *p == '-');
		n = digits(p, end);
		if (n == 0)
			return 0;
		p += n;
	}
	return (size_t)(p - r->at);
}

static int push_number(lua_State *L, struct reader *r)
{
	char text[NUMBER_MAX + 1];
	bool whole;
	size_t n = number_length(r, &whole);
	double real;

	if (n == 0)
		return wrong(r, "a value is expected here");
	if (n > NUMBER_MAX)
		return wrong(r, "a number of over 127 characters");
	memcpy(text, r->at, n);
	text[n] = '\0';
	errno = 0;
	if (whole) {
		lua_pushinteger(L, strtoll(text, NULL, 10));
		if (errno)
			return wrong(r, "a whole number beyond 64 bits");
	} else {
		real = strtod(text, NULL);
		if (!isfinite(real))
			return wrong(r, "a number that is too large");
		lua_pushnumber(L, real);
	}
	r->at += n;
	return 0;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

/* --- the whole --- */

/* The value on top goes into the list or map below it. */
static int put_away(lua_State *L, struct reader *r)
{
	lua_Integer *filled = &r->filled[r->depth - 1];

	r->state = READER_AFTER;
	if (*filled >= 0) {
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			lua_pushlightuserdata(L, NULL);
		}
		lua_rawseti(L, -2, ++*filled);
		return 0;
	}
	if (r->exact && lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushlightuserdata(L, NULL);
	}
	lua_pushvalue(L, -2);
	if (lua_rawget(L, -4) != LUA_TNIL)
		return wrong(r, "two fields of one name");
	lua_pop(L, 1);
	lua_rawset(L, -3);
	return 0;
}

static int end_value(lua_State *L, struct reader *r)
{
	if (r->depth > 0)
		return put_away(L, r);
	r->state = READER_END;
	return 0;
}

static int open_level(lua_State *L, struct reader *r)
{
	if (r->depth == JSON_DEPTH_MAX)
		return wrong(r, "nested deeper than 64");
	luaL_checkstack(L, 8, "JSON: nested too deep");
	lua_newtable(L);
	r->filled[r->depth++] = *r->at++ == '[' ? 0 : -1;
	r->state = READER_FIRST;
	return 0;
}

static int close_level(lua_State *L, struct reader *r)
{
	r->at++;
	r->depth--;
	if (r->object_ref && r->state == READER_FIRST && r->filled[r->depth] < 0) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, r->object_ref);
		lua_setmetatable(L, -2);
	}
	return end_value(L, r);
}

static int read_value(lua_State *L, struct reader *r)
{
	int result = 0;

	switch (next(r)) {
	case '[':
	case '{':
		return open_level(L, r);
	case '"':
		result = push_string(L, r);
		break;
	case 't':
	case 'f':
		lua_pushboolean(L, *r->at == 't');
		if (!take_word(r, "true") && !take_word(r, "false"))
			result = wrong(r, "a value is expected here");
		break;
	case 'n':
		lua_pushnil(L);
		if (!take_word(r, "null"))
			result = wrong(r, "a value is expected here");
		break;
	case '\0':
		return wrong(
			r, r->at == r->end ? "the text ends too soon" : "a value is expected here");
	default:
		result = push_number(L, r);
	}
	return result < 0 ? result : end_value(L, r);
}

/* A field's name and its ":". */
static int read_name(lua_State *L, struct reader *r)
{
	int result;

	if (next(r) != '"')
		return wrong(r, "the name of a field is expected here");
	result = push_string(L, r);
	if (result < 0)
		return result;
	if (r->exact && strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
		return wrong(r, "NUL in the name of a field");
	skip_space(r);
	if (next(r) != ':')
		return wrong(r, "':' is expected here");
	r->at++;
	r->state = READER_VALUE;
	return 0;
}

/* Behind "[", "{" or an item. */
static int read_on(lua_State *L, struct reader *r)
{
	bool map = r->filled[r->depth - 1] < 0;

	if (next(r) == (map ? '}' : ']'))
		return close_level(L, r);
	if (r->state == READER_AFTER) {
		if (next(r) != ',')
			return wrong(r, map ? "',' or '}' is expected here"
					    : "',' or ']' is expected here");
		r->at++;
		skip_space(r);
	}
	if (map)
		return read_name(L, r);
	r->state = READER_VALUE;
	return 0;
}

int reader_run(lua_State *L, struct reader *r, int64_t steps)
{
	bool all = r->end - r->at <= steps;
	const char *stop = all ? NULL : r->at + steps;

	luaL_checkstack(L, 8, NULL);
	while (r->state != READER_END) {
		int result;

		if (!all && r->at >= stop)
			return 0;
		skip_space(r);
		result = r->state == READER_VALUE ? read_value(L, r) : read_on(L, r);
		if (result < 0)
			return result;
	}
	skip_space(r);
	return r->at == r->end ? 1 : wrong(r, "something stands behind the value");
}
