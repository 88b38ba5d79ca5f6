/* Choosing the next token. Knows no model. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sampling;

struct sampler {
	uint64_t state; /* of the random numbers; the same seed gives the same text */
	float *weights; /* owned; scratch */
	uint32_t *order;
	size_t cap;
};

void sampler_init(struct sampler *s, uint64_t seed);
void sampler_done(struct sampler *s);

/*
 * The next token by n logits. Temperature 0, or top_k 1: the likeliest, the lowest id of equals.
 * Else one of the top_k likeliest, or of the fewest that hold top_p of the probability, by their
 * probabilities. -EDOM: the logits are no numbers. -ENOMEM.
 */
int sampler_next(struct sampler *s, const struct sampling *how, const float *logits, size_t n,
	uint32_t *ret);
