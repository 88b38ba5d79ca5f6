/*
 * How an encoder's hidden states become one vector for a text, as sentence-transformers keeps it
 * beside a model: modules.json, 1_Pooling/config.json, sentence_bert_config.json. Knows no model.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum pooling {
	POOLING_MEAN, /* of all tokens */
	POOLING_CLS,  /* the first token's */
	POOLING_NONE, /* no: a vector for each token */
};

struct pooled {
	enum pooling pooling;
	bool normalize;  /* to length 1 */
	uint32_t tokens; /* longer texts are cut or refused; 0: the model's context */
};

/* folder: of the model. Without the files: mean, not normalized. -ENOTSUP: names another way of
 * pooling. -EBADMSG: a file is broken. */
int pooling_read(int folder, struct pooled *ret, struct err *e);

/* Makes one vector of n, each width long; POOLING_NONE is not for this. normalize as above. */
void pooling_apply(const struct pooled *how, const float *x, size_t n, size_t width, float *ret);

void pooling_normalize(float *x, size_t width);
