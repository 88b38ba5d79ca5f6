/*
 * OpenAI's API in and out: a request's JSON becomes a call of inference, and what inference says
 * becomes that API's answer, whole or as a stream of events. Knows no HTTP and no link.
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

#define OPENAI_PARAM_MAX 64
#define OPENAI_MODEL_MAX 160
#define OPENAI_DIMENSIONS_MAX 65536

enum openai_kind { OPENAI_CHAT, OPENAI_COMPLETION, OPENAI_EMBEDDINGS };

struct openai_request {
	enum openai_kind kind;
	char model[OPENAI_MODEL_MAX + 1]; /* "": none named */
	const char *task;                 /* of inference */
	json_t *inputs, *options;         /* owned */
	bool stream, include_usage;
	bool base64;         /* embeddings as base64, not as arrays */
	uint32_t dimensions; /* of an embedding; 0: all of them */
	/* of the answer */
	char id[ID_LEN + 16];
	int64_t created;
	bool role_told;
};

struct openai_usage {
	int64_t prompt_tokens, completion_tokens;
};

/*
 * Reads a request's body. -EINVAL with words, and in param the field they are about ("" for none).
 * -ENOMEM. On success the caller ends it with openai_done.
 */
int openai_read(enum openai_kind kind, const json_t *body, struct openai_request *ret,
	char param[OPENAI_PARAM_MAX + 1], struct err *e);
void openai_done(struct openai_request *q);

/* Appends the whole answer. value: of infer.RESULT. -EBADMSG: it is not what was asked for.
 * -ENOSPC, -ENOMEM. */
int openai_write(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b);

/* A stream's events, of texts: what has been written since, and the end. Errors as above. */
int openai_write_text(struct openai_request *q, const char *text, size_t n, struct buf *b);
int openai_write_end(struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b);

/* {"error": {message, type, param, code}} for an HTTP status; param, code: NULL or "": null. */
int openai_write_error(
	struct buf *b, unsigned status, const char *message, const char *param, const char *code);

/*
 * What is served, of models.LIST: all as a list, or the one of that id. 0: there is no such one.
 * 1: written. -ENOSPC, -ENOMEM.
 */
int openai_write_models(const json_t *served, struct buf *b);
int openai_write_model(const json_t *served, const char *id, struct buf *b);
