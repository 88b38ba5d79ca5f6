/*
 * A .env file: what an app reads of its Space's settings, for the machine of its author alone. One
 * KEY=value a line; empty lines and those of a # are passed over, "export " in front is too.
 *
 *	A=plain words   # up to a blank and a #, blanks at its ends left out
 *	B='as it is'
 *	C="with \n, \t, \", \\ and $ as they are elsewhere"
 *
 * Nothing is looked up or run. Knows no platform.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define ENV_FILE_MAX (64u << 10)  /* bytes */
#define ENV_VALUE_MAX (16u << 10) /* of a value, as the platform takes it */

/* Borrowed until it returns; line: from 1. Negative: stop with that error. */
typedef int (*env_file_fn)(const char *key, const char *value, int line, void *data, struct err *e);

/* text: n bytes and a NUL. -EINVAL with words that begin with ".env:LINE: ". */
int env_file_parse(const char *text, size_t n, env_file_fn fn, void *data, struct err *e);
