/* OpenAI's API, at /v1/ and below a model's own path. Only for the files of gateway/http/. */
#pragma once

#include "gateway/adapters/openai_answer.h"
#include "gateway/http/ask.h"

struct openai_ask {
	struct ask ask; /* first: its address is ours */
	struct openai_request q;
	bool read; /* q is */
	/* of embeddings, which are made some at a time */
	size_t asked, told; /* of the inputs */
	int64_t tokens;
	char path[OPENAI_MODEL_MAX + 64]; /* behind v1/, decoded */
	char model[OPENAI_MODEL_MAX +
		   1]; /* of the path; then the body's does not count. "": none */
};

/* For a handler's begin, once path and model are known. */
void openai_begin(struct request *r, struct openai_ask *o);
void openai_end(struct openai_ask *o);
