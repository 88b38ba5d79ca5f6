/* The filters, tests, methods and free functions that a template may use. For this folder. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "inference/jinja/values.h"

#define ARGS_MAX 8

struct args {
	json_t *list[ARGS_MAX];      /* borrowed; in order */
	const char *names[ARGS_MAX]; /* borrowed; the keyword of each, NULL: by its place */
	size_t n;
};

enum role {
	ROLE_FILTER,
	ROLE_TEST,
	ROLE_METHOD,
	ROLE_FREE,
};

struct function {
	enum role role;
	const char *name;
	/* a: what it is called on, NULL for a free function. A new value; NULL: failed. */
	json_t *(*run)(struct run *run, json_t *a, const struct args *args);
};

/* Calls it, and takes off what it may go over. */
json_t *function_call(
	struct run *run, const struct function *f, json_t *a, const struct args *args);

/* NULL: there is none of this name. */
const struct function *function_find(enum role role, const char *name);
