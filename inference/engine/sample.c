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
	free(s->counts);
	free(s->distinct);
	*s = (struct sampler){0};
}

/* --- what the text has --- */

int sampler_count(
	struct sampler *s, const struct sampling *how, uint32_t id, bool written, size_t n)
{
	bool repetition = how->repetition > 0 && how->repetition != 1;

	if (!repetition && (how->frequency == 0 && how->presence == 0))
		return 0;
	if (!s->counts)
		s->counts = calloc(n, sizeof(*s->counts));
	if (!s->counts)
		return -ENOMEM;
	if (s->counts[id] == 0) {
		if (s->n_distinct == s->cap_distinct) {
			size_t cap = s->cap_distinct ? s->cap_distinct * 2 : 64;
			uint32_t *grown = reallocarray(s->distinct, cap, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			s->distinct = grown;
			s->cap_distinct = cap;
		}
		s->distinct[s->n_distinct++] = id;
	}
	s->counts[id] = (s->counts[id] | 1) + (written ? 2 : 0);
	return 0;
}

void sampler_adjust(const struct sampler *s, const struct sampling *how, const struct bias *biases,
	size_t n_biases, float *logits)
{
	for (size_t i = 0; i < s->n_distinct; i++) {
		float *x = &logits[s->distinct[i]];
		uint32_t times = s->counts[s->distinct[i]] >> 1;

		if (how->repetition > 0)
			*x = *x < 0 ? *x * (float)how->repetition : *x / (float)how->repetition;
		if (times > 0)
			*x -= (float)(how->frequency * times + how->presence);
	}
	for (size_t i = 0; i < n_biases; i++)
		logits[biases[i].id] += biases[i].more;
}

/* --- choosing --- */

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
		for (size_t i = 0; how->min_p > 0 && i < n; i++) {
			if (s->weights[i] >= (float)how->min_p)
				continue;
			total -= s->weights[i];
			s->weights[i] = 0;
		}
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
	while (chosen > 1 && s->weights[s->order[end - chosen]] < (float)how->min_p)
		chosen--;
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

/* --- probabilities --- */

void logprobs_of(const float *logits, size_t n, uint32_t id, size_t most, struct likely *ret)
{
	size_t taken = 0;
	double sum = 0, all;
	float high = logits[0];

	for (size_t i = 1; i < n; i++)
		high = logits[i] > high ? logits[i] : high;
	for (size_t i = 0; i < n; i++)
		sum += exp((double)(logits[i] - high));
	all = (double)high + log(sum);
	ret[0] = (struct likely){id, (float)((double)logits[id] - all)};
	/* The few likeliest, sorted as they come. */
	for (size_t i = 0; i < n; i++) {
		float logprob = (float)((double)logits[i] - all);
		size_t at = taken;

		while (at > 0 && ret[at].logprob < logprob)
			at--;
		if (at == most)
			continue;
		taken += taken < most;
		for (size_t j = taken; j > at + 1; j--)
			ret[j] = ret[j - 1];
		ret[at + 1] = (struct likely){(uint32_t)i, logprob};
	}
}
