/*
 * Keys and tokens in a text, by the forms that their issuers give them: what no repo should hold.
 * A table of forms and one pass; knows no repo. What has no form of its own (a password) is not
 * found, and a key that stands in documents as an example is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct secret {
	const char *what;  /* "an access token of Hugging Face's form" */
	unsigned int line; /* from 1 */
};

/* The first one at *at or behind it, which moves past it. False: there is none. Start with
 * {.at = 0, .line = 1}. */
struct secrets_cursor {
	size_t at;
	unsigned int line;
};
bool secrets_next(const char *text, size_t n, struct secrets_cursor *cursor, struct secret *ret);
