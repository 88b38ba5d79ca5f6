#include "inference/engine/sample.h"

#include <errno.h>
#include <math.h>

#include "inference/engine/model.h"
#include "tests/support/test.h"

static const float logits[] = {1.0f, 3.0f, 2.0f, -1.0f, 0.0f, 3.0f};

static uint32_t draw(struct sampler *s, struct sampling how)
{
	uint32_t id;

	CHECK(sampler_next(s, &how, logits, 6, &id) == 0);
	return id;
}

/* Shares of 20,000 draws. */
static void shares(struct sampling how, double ret[6])
{
	struct sampler s;

	sampler_init(&s, 7);
	memset(ret, 0, 6 * sizeof(*ret));
	for (int i = 0; i < 20000; i++)
		ret[draw(&s, how)] += 1.0 / 20000;
	sampler_done(&s);
}

TEST(temperature_zero_takes_the_likeliest_and_the_lowest_of_equals)
{
	struct sampler s;

	sampler_init(&s, 1);
	CHECK(draw(&s, (struct sampling){.temperature = 0, .top_p = 1}) == 1);
	CHECK(draw(&s, (struct sampling){.temperature = 1, .top_p = 1, .top_k = 1}) == 1);
	sampler_done(&s);
}

TEST(draws_follow_the_probabilities)
{
	double got[6], total = 0;

	shares((struct sampling){.temperature = 2, .top_p = 1}, got);
	for (int i = 0; i < 6; i++)
		total += exp((double)logits[i] / 2);
	for (int i = 0; i < 6; i++)
		CHECK(fabs(got[i] - exp((double)logits[i] / 2) / total) < 0.015);
}

TEST(top_k_leaves_k_tokens)
{
	double got[6];

	shares((struct sampling){.temperature = 5, .top_p = 1, .top_k = 3}, got);
	CHECK(got[0] == 0 && got[3] == 0 && got[4] == 0);
	CHECK(got[1] > 0.3 && got[5] > 0.3 && got[2] > 0.2);
}

TEST(top_p_leaves_the_fewest_that_hold_the_share)
{
	double got[6];

	/* The two likeliest hold e^3 each of e + 2 e^3 + e^2 + e^-1 + 1, that is 0.78. */
	shares((struct sampling){.temperature = 1, .top_p = 0.7}, got);
	CHECK(got[1] > 0.45 && got[5] > 0.45 && got[1] + got[5] > 0.999);
	shares((struct sampling){.temperature = 1, .top_p = 0.000001}, got);
	CHECK(got[1] > 0.999);
	/* Within what top_k left, 0.9 needs two of three. */
	shares((struct sampling){.temperature = 1, .top_p = 0.8, .top_k = 3}, got);
	CHECK(got[1] + got[5] > 0.999);
}

TEST(min_p_leaves_what_is_likely_beside_the_likeliest)
{
	double got[6];

	/* e^-1 of the likeliest is 0.37, e^-2 is 0.14. */
	shares((struct sampling){.temperature = 1, .top_p = 1, .min_p = 0.3}, got);
	CHECK(got[0] == 0 && got[3] == 0 && got[4] == 0);
	CHECK(got[1] > 0.38 && got[5] > 0.38 && got[2] > 0.13);
	shares((struct sampling){.temperature = 1, .top_p = 1, .top_k = 5, .min_p = 0.5}, got);
	CHECK(got[1] + got[5] > 0.999);
	shares((struct sampling){.temperature = 1, .top_p = 0.99, .min_p = 1}, got);
	CHECK(got[1] + got[5] > 0.999 && got[1] > 0.4 && got[5] > 0.4);
}

TEST(penalties_follow_their_formulas)
{
	const struct sampling how = {.repetition = 2, .frequency = 0.5, .presence = 0.25};
	float x[] = {1.0f, 3.0f, 2.0f, -1.0f, 0.0f, 3.0f};
	struct sampler s;

	sampler_init(&s, 1);
	CHECK(sampler_count(&s, &how, 1, false, 6) == 0); /* of the prompt */
	CHECK(sampler_count(&s, &how, 2, false, 6) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(sampler_count(&s, &how, 2, true, 6) == 0);
	CHECK(sampler_count(&s, &how, 3, true, 6) == 0);
	sampler_adjust(&s, &how, (const struct bias[]){{5, -1}, {0, 10}}, 2, x);
	CHECK(x[0] == 11 && x[4] == 0 && x[5] == 2);
	CHECK(x[1] == 1.5f);                 /* divided, since it is there */
	CHECK(x[2] == 1.0f - 1.5f - 0.25f);  /* and written three times */
	CHECK(x[3] == -2.0f - 0.5f - 0.25f); /* below 0 it is multiplied */
	sampler_done(&s);
}

TEST(logprobs_are_those_of_all_and_the_likeliest_come_first)
{
	struct likely of[4];
	double total = 0;

	for (int i = 0; i < 6; i++)
		total += exp((double)logits[i]);
	logprobs_of(logits, 6, 4, 3, of);
	CHECK(of[0].id == 4 && of[1].id == 1 && of[2].id == 5 && of[3].id == 2);
	for (int i = 0; i < 4; i++)
		CHECK(fabs((double)of[i].logprob - ((double)logits[of[i].id] - log(total))) < 1e-6);
	logprobs_of(logits, 6, 0, 0, of);
	CHECK(of[0].id == 0);
}

TEST(the_same_seed_draws_the_same)
{
	struct sampling how = {.temperature = 3, .top_p = 0.9};
	struct sampler a, b, c;
	int differs = 0;

	sampler_init(&a, 42);
	sampler_init(&b, 42);
	sampler_init(&c, 43);
	for (int i = 0; i < 100; i++) {
		uint32_t x = draw(&a, how);

		CHECK(x == draw(&b, how));
		differs += x != draw(&c, how);
	}
	CHECK(differs > 10);
	sampler_done(&a);
	sampler_done(&b);
	sampler_done(&c);
}

TEST(logits_that_are_no_numbers_are_refused)
{
	struct sampling how = {.temperature = 1, .top_p = 1};
	struct sampler s;
	uint32_t id;

	sampler_init(&s, 1);
	CHECK(sampler_next(&s, &how, (const float[]){1, NAN, 2}, 3, &id) == -EDOM);
	CHECK(sampler_next(&s, &how, (const float[]){-INFINITY, -INFINITY}, 2, &id) == -EDOM);
	CHECK(sampler_next(&s, &how, (const float[]){INFINITY, 0}, 2, &id) == -EDOM);
	CHECK(sampler_next(&s, &how, (const float[]){-INFINITY, 0}, 2, &id) == 0 && id == 1);
	sampler_done(&s);
}

TEST_MAIN()
