/*
 * Arguments and results by name, as programs write them, to and from the arrays that travel to a
 * worker. A function is an entry of HELLO.api.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/*
 * The array of arguments that an object of named ones stands for; what was not passed is null, its
 * default. -EINVAL: a name that the function does not have, or a required one that is missing:
 * ret_field holds that name then, cut off where it is longer than field_size. -ENOMEM.
 */
int named_arguments(const json_t *function, const json_t *named, json_t **ret, char *ret_field,
	size_t field_size, struct err *e);

/*
 * {name: value} of the results; url is where this Space lies ("https://host/spaces/o/n"), and every
 * file among the values is told where its bytes are. NULL: out of memory.
 */
json_t *named_results(const json_t *function, const json_t *results, const char *url);
