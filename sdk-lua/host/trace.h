/*
 * What went wrong in the app, in words: its own file and line, its own frames, and an id that
 * stands in the log and on the visitor's page. Frames of the SDK and of C are left out.
 */
#pragma once

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FAILURE_MESSAGE_MAX 4096
#define FAILURE_TRACE_MAX 6144
#define FAILURE_REFERENCE 10
#define FAILURE_FIELDS_MAX (32u << 10)

struct failure {
	uint8_t op;          /* FAIL_… */
	const char *message; /* borrowed: static, the error value, or words */
	size_t message_length;
	char file[256]; /* "" where unknown */
	int line;
	char traceback[FAILURE_TRACE_MAX];
	const char *fields; /* borrowed: JSON text of what was refused where; NULL: nowhere */
	size_t fields_length;
	char reference[FAILURE_REFERENCE + 1]; /* "" for what the visitor is told in words */
};

/*
 * Of the error on top of L, a coroutine that has ended with it. An error that is a table with a
 * text in message or [1] is meant for the visitor (ui.refuse, error{…}): FAIL_INVALID. Allocates
 * nothing. f->message is borrowed from L. [-0, +0, -]
 */
void failure_read(struct failure *f, lua_State *L);

/* An error without a stack. */
void failure_words(struct failure *f, const char *words);

/* The value of app.FAIL or LOAD_FAILED. -ENOMEM, -ENOSPC. */
int failure_write(const struct failure *f, struct buf *value);

/* Position of the innermost app frame, or while the app loads of the line that ran last; 0 and
 * file "" when there is none. [-0, +0, -] */
int trace_position(lua_State *L, char *ret_file, size_t n);

/* Splits "file:line: words" that Lua puts in front; returns where the words begin. */
size_t trace_split(const char *message, size_t n, char *ret_file, size_t file_max, int *ret_line);
