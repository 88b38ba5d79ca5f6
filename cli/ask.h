/* One request of a short command: made, and complained of where it fails. Knows no command. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cli/client.h"

/* What a command returns. */
enum {
	ASK_FAILED = 1, /* refused, or nobody answers; words are on stderr */
	ASK_USAGE = 2,  /* it was called wrongly */
};

/* Returns 0 and the answer, the caller's (NULL for an empty one), or ASK_FAILED after saying why.
 * body may be NULL. */
int ask(const struct client_options *o, const char *method, const json_t *body, json_t **ret,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "OWNER/NAME", as a path may hold it. False after saying that it is not. */
bool ask_repo_id(const char *id);

/* What the preview of a Space's branch is called, "OWNER/NAME--LABEL". 0, or ASK_FAILED after
 * saying that it has none. */
int ask_preview(
	const struct client_options *o, const char *space, const char *branch, char ret[256]);

/* Indented, with a newline, on stdout. */
void ask_print(const json_t *json);

/* "" where it is missing. */
const char *ask_text(const json_t *object, const char *key);

/* Where people reach the platform, without a slash at its end. 0, or ASK_FAILED. */
int ask_base(const struct client_options *o, char ret[512]);

/* A line of standard input without its newline; from a terminal it is asked for and not shown.
 * False: there is none. */
bool ask_hidden(const char *what, char *ret, size_t size);
