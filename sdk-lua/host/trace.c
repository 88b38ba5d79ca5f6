#include "sdk-lua/host/trace.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "proto/constants.h"
#include "sdk-lua/host/preempt.h"
#include "sdk-lua/host/value.h"

#define FRAMES_MAX 24
#define LEVELS_MAX 400 /* looked at: Lua counts down from the top to each of them */

/* Chunks of the bundle are named "@path"; the SDK and C are not. */
static bool is_app(const lua_Debug *ar)
{
	return ar->source[0] == '@';
}

int trace_position(lua_State *L, char *ret_file, size_t n)
{
	const char *last;
	lua_Debug ar;

	for (int level = 0; level < LEVELS_MAX && lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (!is_app(&ar))
			continue;
		(void)snprintf(ret_file, n, "%s", ar.source + 1);
		return ar.currentline;
	}
	(void)snprintf(ret_file, n, "%s", preempt_last_line(&last) ? last : "");
	return preempt_last_line(&last);
}

static void write_trace(struct failure *f, lua_State *L)
{
	lua_Debug ar;
	size_t at = 0;
	int frames = 0;

	for (int level = 0; level < LEVELS_MAX && frames < FRAMES_MAX; level++) {
		int n;

		if (!lua_getstack(L, level, &ar))
			return;
		lua_getinfo(L, "Sln", &ar);
		if (!is_app(&ar))
			continue;
		n = snprintf(f->traceback + at, sizeof(f->traceback) - at, "%s%s:%d: in %s%s%s",
			at ? "\n" : "", ar.source + 1, ar.currentline,
			ar.name           ? "'"
			: *ar.what == 'm' ? "the main part"
					  : "a function",
			ar.name ? ar.name : "", ar.name ? "'" : "");
		if ((size_t)n >= sizeof(f->traceback) - at)
			return;
		at += (size_t)n;
		frames++;
	}
}

size_t trace_split(const char *message, size_t n, char *ret_file, size_t file_max, int *ret_line)
{
	const char *colon = memchr(message, ':', n);
	char *end;
	long line;

	ret_file[0] = '\0';
	*ret_line = 0;
	if (!colon || colon == message || !isdigit((unsigned char)colon[1]))
		return 0;
	line = strtol(colon + 1, &end, 10); /* ends at the NUL behind every Lua string */
	if (end[0] != ':' || line < 1 || line > 1 << 24)
		return 0;
	(void)snprintf(ret_file, file_max, "%.*s", (int)(colon - message), message);
	*ret_line = (int)line;
	return (size_t)(end - message) + (end[1] == ' ' ? 2 : 1);
}

/* The text in message or [1] of the table on top, and that in fields; lua_next makes nothing. */
static void read_table(struct failure *f, lua_State *L)
{

	if (!lua_checkstack(L, 3))
		return;
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
		bool named = strcmp(key, "message") == 0;
		bool first = lua_isinteger(L, -2) && lua_tointeger(L, -2) == 1;

		if (lua_type(L, -1) == LUA_TSTRING && (named || (first && !f->message)))
			f->message = lua_tolstring(L, -1, &f->message_length);
		else if (lua_type(L, -1) == LUA_TSTRING && strcmp(key, "fields") == 0)
			f->fields = lua_tolstring(L, -1, &f->fields_length);
		lua_pop(L, 1);
	}
}

static void name_reference(struct failure *f)
{
	char id[ID_LEN + 1];

	random_id(id);
	memcpy(f->reference, id, FAILURE_REFERENCE);
	f->reference[FAILURE_REFERENCE] = '\0';
}

static void read_string(struct failure *f, lua_State *L)
{
	const char *s = lua_tolstring(L, -1, &f->message_length);
	size_t at = trace_split(s, f->message_length, f->file, sizeof(f->file), &f->line);

	f->message = s + at;
	f->message_length -= at;
}

void failure_read(struct failure *f, lua_State *L)
{
	*f = (struct failure){.op = FAIL_ERROR};
	if (lua_type(L, -1) == LUA_TTABLE)
		read_table(f, L);
	if (f->message) {
		f->op = FAIL_INVALID;
		return;
	}
	if (lua_type(L, -1) == LUA_TSTRING) {
		read_string(f, L);
	} else {
		f->message = "the error is not a text: call error(\"words\")";
		f->message_length = strlen(f->message);
	}
	if (f->line == 0)
		f->line = trace_position(L, f->file, sizeof(f->file));
	write_trace(f, L);
	name_reference(f);
}

void failure_words(struct failure *f, const char *words)
{
	*f = (struct failure){.op = FAIL_ERROR, .message = words, .message_length = strlen(words)};
	name_reference(f);
}

static int add_field(struct buf *b, const char *name, const char *s, size_t n)
{
	int r = buf_addf(b, "%c\"%s\":", b->len ? ',' : '{', name);

	return r < 0 ? r : value_add_string(b, s, n, false);
}

/* An app that raises such a table of its own may have put anything there. */
static int add_refused(struct buf *b, const struct failure *f)
{
	json_t *list;
	int r;

	if (!f->fields || f->op != FAIL_INVALID || f->fields_length > FAILURE_FIELDS_MAX)
		return 0;
	list = json_loadb(f->fields, f->fields_length, 0, NULL);
	r = json_is_array(list) ? buf_add_str(b, ",\"fields\":") : 0;
	if (r == 0 && json_is_array(list))
		r = buf_add(b, f->fields, f->fields_length);
	json_decref(list);
	return r;
}

int failure_write(const struct failure *f, struct buf *value)
{
	size_t n =
		f->message_length < FAILURE_MESSAGE_MAX ? f->message_length : FAILURE_MESSAGE_MAX;
	int r = add_field(value, "message", f->message, n);

	if (r == 0 && f->file[0])
		r = add_field(value, "file", f->file, strlen(f->file));
	if (r == 0 && f->line > 0)
		r = buf_addf(value, ",\"line\":%d", f->line);
	if (r == 0 && f->traceback[0])
		r = add_field(value, "traceback", f->traceback, strlen(f->traceback));
	if (r == 0 && f->reference[0])
		r = add_field(value, "reference", f->reference, strlen(f->reference));
	if (r == 0)
		r = add_refused(value, f);
	return r < 0 ? r : buf_add(value, "}", 1);
}
