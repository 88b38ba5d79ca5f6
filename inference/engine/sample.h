/* Choosing the next token. Knows no model. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sampling;

struct sampler {
	uint64_t state; /* of the random numbers; the same seed gives the same text */
	float *weights; /* owned; scratch */
	uint32_t *order;
	size_t cap;

	/* What the text has, where a penalty asks for it. */
	uint32_t *counts; /* owned; of each token: times written, after one bit for "it is there" */
	uint32_t *distinct; /* owned; the tokens that are there */
	size_t n_distinct, cap_distinct;
};

struct bias {
	uint32_t id;
	float more;
};

void sampler_init(struct sampler *s, uint64_t seed);
void sampler_done(struct sampler *s);

/* The text has one token more, written or of its prompt. Of a vocabulary of n. -ENOMEM. */
int sampler_count(
	struct sampler *s, const struct sampling *how, uint32_t id, bool written, size_t n);

/* Changes logits by the penalties of how (transformers' repetition, OpenAI's frequency and
 * presence) and by the biases. */
void sampler_adjust(const struct sampler *s, const struct sampling *how, const struct bias *biases,
	size_t n_biases, float *logits);

/*
 * The next token by n logits. Temperature 0, or top_k 1: the likeliest, the lowest id of equals.
 * Else one of the top_k likeliest, or of the fewest that hold top_p of the probability, of those
 * with min_p of the likeliest's, by their probabilities. -EDOM: the logits are no numbers.
 * -ENOMEM.
 */
int sampler_next(struct sampler *s, const struct sampling *how, const float *logits, size_t n,
	uint32_t *ret);

/* A token and the logarithm of its probability. */
struct likely {
	uint32_t id;
	float logprob;
};

/* The logarithms of id's probability by n logits, in ret[0], and of the most likeliest, at most n,
 * the likeliest first, behind it. */
void logprobs_of(const float *logits, size_t n, uint32_t id, size_t most, struct likely *ret);
