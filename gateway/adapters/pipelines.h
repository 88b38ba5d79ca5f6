/*
 * The inference requests of Hugging Face's clients ({inputs, parameters}) as calls of inference,
 * and its values in the shapes that those clients take. Knows no HTTP and no link.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

struct pipeline_request {
	const char *task;         /* of inference */
	json_t *inputs, *options; /* owned */
	bool whole_text;          /* text-generation: the prompt goes before what was written */
};

/* A task about a picture: the body may be its bytes, and inputs, or inputs.image, its base64. */
bool pipeline_sees(const char *task);
/* The base64 of a body's picture; NULL: it has none. Borrowed. */
const char *pipeline_picture(const json_t *body, size_t *ret_n);

/* The task of a path or of a model's row in models.LIST. NULL: no such one is served. */
const char *pipeline_task(const char *name);

/* Reads a body for that task. -EINVAL with words that begin with the field. -ENOMEM. On success the
 * caller ends it with pipeline_done. */
int pipeline_read(const char *task, json_t *body, struct pipeline_request *ret, struct err *e);
/* They are with inference: what the answer does not need of them goes. */
void pipeline_called(struct pipeline_request *q);
void pipeline_done(struct pipeline_request *q);

/* The answer. value: of infer.RESULT. NULL: it is not what was asked for, or out of memory. Caller
 * owns it. */
json_t *pipeline_answer(const struct pipeline_request *q, json_t *value);
