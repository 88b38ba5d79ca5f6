/*
 * The options of a call, checked one by one; what is missing is the model's own default. Knows no
 * task: one that has no use for an option ignores it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "inference/engine/engine.h"

/* What an answer must be. */
enum answer_form { FORM_TEXT, FORM_JSON, FORM_SCHEMA, FORM_GRAMMAR };

/* How labels of tokens become those of words and of groups of words; names as in transformers. */
enum aggregation {
	AGGREGATE_NONE,
	AGGREGATE_SIMPLE,
	AGGREGATE_FIRST,
	AGGREGATE_AVERAGE,
	AGGREGATE_MAX,
};

struct options {
	struct sampling sampling;
	struct text stops[WRITER_STOPS_MAX]; /* borrowed from the call */
	size_t n_stops;
	struct bias biases[ENGINE_BIASES_MAX];
	size_t n_biases;
	bool logprobs;
	uint32_t top_logprobs;
	const char *adapter; /* borrowed from the call; NULL: none */
	enum answer_form form;
	struct text grammar; /* FORM_GRAMMAR; borrowed from the call, as is schema */
	json_t *schema;      /* FORM_SCHEMA */
	uint32_t top_labels;
	json_t *candidate_labels;        /* borrowed from the call, an array; NULL: none */
	const char *hypothesis_template; /* borrowed, holds "{}"; NULL: the task's own */
	struct pooled pooled;
	bool multi_label; /* candidate labels do not exclude each other */
	enum aggregation aggregation;
	uint32_t max_answer_len; /* tokens */
	bool handle_impossible_answer;
	bool truncate; /* texts that are too long are cut, not refused */
};

/* options: an object, or NULL or null for none. -EINVAL names the option and what it must be. */
int options_read(json_t *options, const struct model *m, struct options *ret, struct err *e);

/* What the answer's form allows; *ret NULL: any text. -EINVAL, -ENOTSUP, -EMSGSIZE, -ENOMEM, with
 * words that name the option and the place in it. Caller owns *ret. */
int options_grammar(const struct options *o, struct grammar **ret, struct err *e);
