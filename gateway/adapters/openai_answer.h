/*
 * OpenAI's API, its answers: what inference says becomes one JSON text, or a stream of events.
 * Knows no HTTP and no link.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/adapters/openai.h"

struct openai_usage {
	int64_t prompt_tokens, completion_tokens;
};

/* Appends the whole answer of texts. value: of infer.RESULT. -EBADMSG: it is not what was asked
 * for. -ENOSPC, -ENOMEM. */
int openai_write(const struct openai_request *q, const json_t *value,
	const struct openai_usage *usage, struct buf *b);

/* The same of embeddings, some after the others: those of the inputs from first on, and the end. */
int openai_add_embeddings(
	const struct openai_request *q, const json_t *value, size_t first, struct buf *b);
int openai_end_embeddings(const struct openai_usage *usage, struct buf *b);

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
