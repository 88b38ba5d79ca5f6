#include "inference/engine/sample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "inference/engine/model.h"

void sampler_init(struct sampler *s, uint64_t seed)
{
	*s = (struct sampler){.state = seed};
}

void sampler_done(struct sampler *s)
{
	free(s->weights);
	free(s->order);
	*s = (struct sampler){0};
}

/* splitmix64 (Steele, Lea, Flood 2014), as a number in [0, 1). */
static double random_unit(struct sampler *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

static int likeliest(const float *logits, size_t n, uint32_t *ret)
{
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(logits[i]))
			return -EDOM;
		if (logits[i] > logits[best])
			best = i;
	}
	if (!isfinite(logits[best]))
		return -EDOM;
	*ret = (uint32_t)best;
	return 0;
}

static int reserve(struct sampler *s, size_t n)
{
	float *weights;
	uint32_t *order;

	if (n <= s->cap)
		return 0;
	weights = reallocarray(s->weights, n, sizeof(*weights));
	if (weights)
		s->weights = weights;
	order = reallocarray(s->order, n, sizeof(*order));
	if (order)
		s->order = order;
	if (!weights || !order)
		return -ENOMEM;
	s->cap = n;
	return 0;
}

/* Heavier first; of equals the lower id, so that the order is one. */
static int heavier(const struct sampler *s, uint32_t a, uint32_t b)
{
	return s->weights[a] != s->weights[b] ? s->weights[a] > s->weights[b] : a < b;
}

static void sift(struct sampler *s, size_t i, size_t n)
{
	uint32_t moved = s->order[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && heavier(s, s->order[child + 1], s->order[child]))
			child++;
		if (!heavier(s, s->order[child], moved))
			break;
		s->order[i] = s->order[child];
		i = child;
	}
	s->order[i] = moved;
}

/* Puts the k heaviest, or as many as reach share, at the end of order, the heaviest last; returns
 * how many, and where order ends in *ret_end. */
static size_t take_heaviest(
	struct sampler *s, size_t n, size_t k, double share, double total, size_t *ret_end)
{
	double sum = 0;
	/* All tokens below this together hold less than is left out, so none of them is taken. */
	double least = k < n ? 0 : (1 - share) * total / (double)n;
	size_t left, all = n;

	n = 0;
	for (size_t i = 0; i < all; i++)
		if (s->weights[i] >= least)
			s->order[n++] = (uint32_t)i;
	left = n;
	for (size_t i = n / 2; i-- > 0;)
		sift(s, i, n);
	*ret_end = n;
	/* top_k first, top_p within what it left: as transformers does. */
	if (k < n) {
		total = 0;
		for (size_t i = 0; i < k; i++) {
			uint32_t top = s->order[0];

			s->order[0] = s->order[--left];
			s->order[left] = top;
			sift(s, 0, left);
			total += s->weights[top];
		}
		for (size_t i = 0; i < k; i++) {
			sum += s->weights[s->order[n - 1 - i]];
			if (sum >= share * total)
				return i + 1;
		}
		return k;
	}
	while (left > 0 && sum < share * total) {
		uint32_t top = s->order[0];

		s->order[0] = s->order[--left];
		s->order[left] = top;
		sift(s, 0, left);
		sum += s->weights[top];
	}
	return n - left;
}

int sampler_next(
	struct sampler *s, const struct sampling *how, const float *logits, size_t n, uint32_t *ret)
{
	size_t k = how->top_k && how->top_k < n ? how->top_k : n, chosen, end;
	double total = 0, at;
	uint32_t best;
	int r = likeliest(logits, n, &best);

	if (r < 0)
		return r;
	*ret = best;
	if (how->temperature <= 0 || k == 1)
		return 0;
	r = reserve(s, n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		s->weights[i] = expf((logits[i] - logits[best]) / (float)how->temperature);
		total += s->weights[i];
	}
	if (k == n && how->top_p >= 1) {
		at = random_unit(s) * total;
		for (size_t i = 0; i < n; i++) {
			at -= s->weights[i];
			if (at < 0) {
				*ret = (uint32_t)i;
				break;
			}
		}
		return 0;
	}
	chosen = take_heaviest(s, n, k, how->top_p, total, &end);
	total = 0;
	for (size_t i = 0; i < chosen; i++)
		total += s->weights[s->order[end - 1 - i]];
	at = random_unit(s) * total;
	for (size_t i = 0; i < chosen; i++) {
		at -= s->weights[s->order[end - 1 - i]];
		if (at < 0) {
			*ret = s->order[end - 1 - i];
			break;
		}
	}
	return 0;
}
