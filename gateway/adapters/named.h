/*
 * Arguments and results by name, as programs write them, to and from the arrays that travel to a
 * worker. Values pass as they came, so that no number changes. A function is an entry of HELLO.api.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "gateway/call/slice.h"

/*
 * Makes a file of what a data: URL holds: appends {"file": id, …} as JSON. -EBADMSG: it is no such
 * URL. -EMSGSIZE, -ENOSPC: it is refused. With words.
 */
typedef int (*named_file_fn)(struct slice url, struct buf *b, void *data, struct err *e);

struct named_files {
	named_file_fn keep;
	void *data;
};

/*
 * Appends the array of arguments that an object of named ones, well-formed JSON, stands for; what
 * was not passed is null, its default. -EBADMSG: it is no object. -EINVAL: a name that the function
 * does not have, a required one that is missing, or a file that was refused; ret_field holds that
 * name then, cut off where it is longer. -ENOSPC, -ENOMEM. With words.
 */
int named_arguments(const json_t *function, struct slice object, const struct named_files *files,
	struct buf *b, char *ret_field, size_t field_size, struct err *e);

/* The argument that a worker's refusal is about: "argument 'NAME' …". False: none of this
 * function's.
 */
bool named_field(const json_t *function, const char *words, char *ret, size_t size);

/*
 * Appends {name: value} of the results, a well-formed array. url is where this Space lies
 * ("https://host/spaces/o/n"); every file among the values is told where its bytes are. -ENOSPC,
 * -ENOMEM.
 */
int named_results(const json_t *function, struct slice results, const char *url, struct buf *b);
