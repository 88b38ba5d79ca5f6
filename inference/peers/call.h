/*
 * One infer.CALL: from its message to the engine and back to RESULT.
 *
 * Every field is checked here, with words that name it and its limit. Knows no link.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "inference/engine/engine.h"
#include "inference/engine/shelf.h"
#include "proto/messages.h"

#define CALL_TEXT_MAX (64u << 10) /* bytes of one text */
#define CALL_MESSAGES_MAX 256     /* of one conversation */
#define CALL_ROLE_MAX 32

/* How a call is shown to its caller, kept until it ends. */
struct call_form {
	const struct model *model; /* borrowed */
	bool many;                 /* inputs was an array: so is the value */
	uint32_t top_labels;
};

/*
 * Queues what the message asks for. Returns 0, or a negative errno with words and the error code
 * for infer.ERROR in *ret_code.
 */
int call_start(const struct infer_call *c, struct engine *engine, const struct shelf *shelf,
	const struct request_ops *ops, void *data, struct call_form *ret_form, struct request **ret,
	const char **ret_code, struct err *e);

/* The value of RESULT. NULL: out of memory. Caller owns it. */
json_t *call_value(const struct call_form *form, const struct outcome *o);

/* The error code for an errno of the engine. */
const char *call_code(int r);
