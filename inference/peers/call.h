/*
 * One infer.CALL: from its message to its task. Every field is checked, with words that name it and
 * its limit. Knows no link.
 */
#pragma once

#include "base/err.h"
#include "inference/engine/engine.h"
#include "inference/engine/shelf.h"
#include "inference/tasks/task.h"
#include "proto/messages.h"

/* What followed a message: raw bytes that are not JSON. */
struct raw {
	const uint8_t *bytes; /* NULL: nothing */
	size_t n;
};

/* The length of the message's JSON, which ends at a NUL if raw bytes follow. */
size_t call_split(const uint8_t *value, size_t n, struct raw *ret);

/*
 * Queues what the message asks for; raw may be NULL. Returns 0, or a negative errno with words and
 * the error code for infer.ERROR in *ret_code. -EAGAIN: its model is being loaded; ask again when
 * the shelf has changed.
 */
int call_start(const struct infer_call *c, const struct raw *raw, struct engine *engine,
	struct shelf *shelf, const struct request_ops *ops, void *data, struct job *ret_job,
	struct request **ret, const char **ret_code, struct err *e);

/* A task of its own: what the model is, at once and for nothing. */
#define CALL_DESCRIBE "describe"

/* {task, picture}: picture is what sight_form says, of a model that looks at pictures. Errors as
 * above. Caller owns *ret. */
int call_describe(const struct infer_call *c, struct shelf *shelf, json_t **ret,
	const char **ret_code, struct err *e);

/* The error code for an errno of the engine. */
const char *call_code(int r);
