/*
 * OpenAI's API, its requests: their JSON becomes a call of inference. Knows no HTTP and no link.
 *
 * Fields that change nothing here are passed over (user, store, metadata, service_tier and whatever
 * is new); one that would change the answer and is not had is refused by name.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/random.h"
#include "gateway/adapters/tools.h"

#define OPENAI_PARAM_MAX 64
#define OPENAI_MODEL_MAX 160
#define OPENAI_DIMENSIONS_MAX 65536

enum openai_kind { OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_EMBEDDINGS };

struct openai_request {
	enum openai_kind kind;
	char model[OPENAI_MODEL_MAX + 1]; /* "": none named */
	const char *task;                 /* of inference */
	json_t *inputs, *options;         /* owned; gone once openai_called has taken them */
	size_t n_inputs;                  /* of embeddings */
	struct tools tools;
	bool stream, include_usage;
	bool base64;         /* embeddings as base64, not as arrays */
	uint32_t dimensions; /* of an embedding; 0: all of them */
	/* of the answer */
	char id[ID_LEN + 16];
	int64_t created;
	bool role_told;
};

/*
 * Reads a request's body. -EINVAL with words, and in param the field they are about ("" for none).
 * -ENOMEM. On success the caller ends it with openai_done.
 */
int openai_read(enum openai_kind kind, const json_t *body, struct openai_request *ret,
	char param[OPENAI_PARAM_MAX + 1], struct err *e);
/* The first n inputs are with inference: they need no memory here while it works. Those of what
 * writes text are one. */
void openai_called(struct openai_request *q, size_t n);
void openai_done(struct openai_request *q);
