/*
 * The functions of a Space that programs may call: what HELLO.api says of each, as far as a call
 * needs it. Belongs to a version's page, so it is known while the worker sleeps. What its inputs
 * and outputs look like to programs is told by gateway/adapters/schema.h from the same entries.
 *
 * Knows no protocol.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/constants.h"

struct function {
	const char *name;     /* borrowed from entry, as is the description */
	uint32_t node;        /* of the component that has the handler … */
	uint8_t kind;         /* … and of its event: what a CALL names */
	bool stream;          /* may yield before it ends */
	uint32_t concurrency; /* runs at a time in one worker; 0: no limit of its own */
	size_t n_inputs, n_outputs;
	const json_t *inputs, *outputs; /* arrays; NULL: none */
	const json_t *entry;            /* all that was said of it */
};

struct function_table {
	json_t *api; /* the entries of list, as they came: what documents are made of; owned */
	struct function *list;
	size_t n;
};

/* The number of a kind of event ("click"); 0: there is none of that name. */
typedef uint8_t (*function_kind_fn)(const char *event);

/*
 * Reads HELLO.api, of whose entries it keeps references; what is no function, or over a limit, is
 * passed over and told to nobody. -ENOMEM: *ret is empty then.
 */
int functions_read(json_t *api, function_kind_fn kind_of, struct function_table *ret);
void functions_done(struct function_table *t);

/* NULL: there is none of that name. */
const struct function *function_find(const struct function_table *t, const char *name, size_t n);
