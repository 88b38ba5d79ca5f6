/*
 * The functions of a Space that programs may call: what HELLO.api says of each, checked and held as
 * adapters need it. Belongs to a version's page, so it is known while the worker sleeps.
 *
 * Knows no protocol: an adapter writes these as its own schema.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define FUNCTIONS_MAX 256      /* of one Space */
#define FUNCTION_VALUES_MAX 64 /* inputs, and outputs, of one function */
#define FUNCTION_NAME_MAX 64   /* [A-Za-z0-9_-] */

/* One argument or result. Strings and JSON are borrowed from the table. */
struct function_value {
	const char *name;      /* unique among its siblings */
	const char *label;     /* never NULL */
	const char *component; /* "textbox"; never NULL */
	const char *type; /* of components.def: "string", "number", "boolean", "json", "file" … */
	bool required;    /* an input without a value of its own */
	bool multiple;
	const json_t *fallback; /* "default"; NULL: none */
	const json_t *choices;  /* array; NULL: any value */
	const json_t *entry;    /* all that was said of it: min, max, max_length … */
};

struct function {
	const char *name;
	const char *description; /* "" : none */
	uint32_t node;           /* of the component that has the handler … */
	uint8_t kind;            /* … and of its event: what a CALL names */
	bool stream;             /* may yield before it ends */
	uint32_t concurrency;    /* runs at a time in one worker; 0: no limit of its own */
	size_t n_inputs, n_outputs;
	struct function_value *inputs, *outputs;
};

struct function_table {
	json_t *api; /* owned reference */
	struct function *list;
	size_t n;
};

/*
 * Reads HELLO.api; the array stays the caller's too. -EINVAL with words naming the function and the
 * field. -ENOMEM. *ret is empty and done on failure.
 */
int functions_read(json_t *api, struct function_table *ret, struct err *e);
void functions_done(struct function_table *t);

/* NULL: there is none of that name; a leading '/' is passed over. */
const struct function *function_find(const struct function_table *t, const char *name, size_t n);

/*
 * Arguments by name, a JSON object as text, to the array that a CALL carries, appended to b. Names
 * left out become null. -EINVAL: a name that the function does not have, or a required one missing,
 * with words that name it. -EBADMSG: no object. -ENOSPC, -ENOMEM.
 */
int function_bind(
	const struct function *f, const uint8_t *object, size_t n, struct buf *b, struct err *e);
