/*
 * Functions that a model may ask its program to call, as OpenAI's API offers them, for models whose
 * templates know nothing of them: they are described in a system message, in the words that Qwen
 * 2.5 and Hermes were trained on, and calls are found in what the model writes. A call that must
 * come is written under a JSON schema, so that any model writes one. Knows no HTTP and no link.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define TOOLS_MAX 128
#define TOOL_NAME_MAX 64

struct tools {
	json_t *functions; /* owned; an array of {name, description, parameters}. NULL: none offered
			    */
	bool forced;       /* the answer must be a call of one of them */
};

/*
 * Reads a request's tools and tool_choice; either may be NULL. -EINVAL with words, and in
 * *ret_field which of them it is. -ENOMEM.
 */
int tools_read(const json_t *tools, const json_t *choice, struct tools *ret, const char **ret_field,
	struct err *e);
void tools_done(struct tools *t);

/* Appends what a system message says of them. -ENOSPC, -ENOMEM, as the others. */
int tools_describe(const struct tools *t, struct buf *b);
/* The response_format under which a forced call is written. NULL: out of memory. Caller owns it. */
json_t *tools_format(const struct tools *t);

/* Appends an assistant's earlier tool_calls, and what came of one, as the model has them in its
 * text. -EINVAL: they are none. */
int tools_write_calls(const json_t *calls, struct buf *b);
int tools_write_result(const char *text, size_t n, struct buf *b);

/*
 * Finds the calls in what a model has written. Returns how many: *ret_calls is then OpenAI's
 * tool_calls, and of the text only the first *ret_n bytes are for people. Where there are none,
 * both are untouched. -ENOMEM.
 */
int tools_find(const struct tools *t, const char *text, json_t **ret_calls, size_t *ret_n);
