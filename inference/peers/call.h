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

/*
 * Queues what the message asks for. Returns 0, or a negative errno with words and the error code
 * for infer.ERROR in *ret_code.
 */
int call_start(const struct infer_call *c, struct engine *engine, const struct shelf *shelf,
	const struct request_ops *ops, void *data, struct job *ret_job, struct request **ret,
	const char **ret_code, struct err *e);

/* The error code for an errno of the engine. */
const char *call_code(int r);
