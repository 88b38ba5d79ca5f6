/*
 * A model that can be called: a folder (formats/folder.h) made into a network, a tokenizer and,
 * where it chats, a template. Knows no request.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "inference/engine/chat_template.h"
#include "inference/engine/pooling.h"
#include "inference/engine/sight.h"
#include "inference/models/family.h"
#include "inference/tokenizers/tokenizer.h"

#define MODEL_ID_MAX 160
#define MODEL_STOPS_MAX 16

/* What a caller that names no options gets: generation_config.json, or greedy. What is 0 is off. */
struct sampling {
	double temperature; /* 0: always the likeliest */
	double top_p;       /* 1: all */
	double min_p;       /* of the likeliest's probability */
	double repetition;  /* what the text, its prompt included, has already: divided by it */
	double frequency, presence; /* what was written: less so much, for each time and for any */
	uint32_t top_k;             /* 0: all */
	uint64_t seed;
	uint32_t max_tokens;
};

/* How far a model is to be loaded. */
struct model_limits {
	uint64_t memory_max; /* bytes of weights; over it nothing is allocated: -EFBIG */
	bool examine;        /* everything is checked but the weights' content; no net stays */
	struct weights_progress *progress; /* NULL: nobody watches */
};

struct model {
	char id[MODEL_ID_MAX + 1];
	char architecture[81];
	const char *task; /* as model_task says while it is loaded; kept after; "": unknown */
	uint64_t parameters, bytes;
	uint64_t need;                   /* bytes of memory for its weights */
	struct net *net;                 /* owned; NULL: not loaded, or error says why */
	struct tokenizer *tokenizer;     /* owned */
	struct chat_template *template;  /* owned; NULL: the model does not chat; template_error */
	uint32_t stops[MODEL_STOPS_MAX]; /* tokens that end a text */
	size_t n_stops;
	struct sampling sampling;
	struct sight sight;        /* of one that looks at pictures */
	struct pooled pooled;      /* encoders: what vectors of texts are */
	uint32_t mask;             /* the token that stands for a missing word; UINT32_MAX: none */
	struct err error;          /* of loading */
	struct err template_error; /* why it does not chat */
};

/* Loads the folder. A model that cannot be loaded is returned as well, with error set and no
 * net; NULL only when out of memory. Caller owns it. */
struct model *model_open(int dirfd, const char *folder, const char *id, struct device *d);
struct model *model_load(int dirfd, const char *folder, const char *id, struct device *d,
	const struct model_limits *limits);

/* Frees what a call needs; what is told of the model stays. */
void model_unload(struct model *m);
struct model *model_free(struct model *m);

/* "image-classification", "zero-shot-image-classification", "text-classification", "chat"
 * (text-generation too), "text-generation", or "" while unknown. */
const char *model_task(const struct model *m);
