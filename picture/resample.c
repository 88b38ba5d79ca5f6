#include "picture/resample.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BITS 22 /* of a weight's fraction: 8 bits of value and 2 of headroom remain */

/* What one line of the result is made of: for each of its pixels some neighbours and weights. */
struct taps {
	uint32_t *first, *count; /* owned; of each wanted pixel */
	int32_t *weights;        /* owned; most of each */
	uint32_t most;
};

struct resampler {
	struct resample_plan plan;
	struct taps across, down;
	uint8_t *line;   /* owned; a row, resized */
	int32_t *sums;   /* owned; cut_h rows as they come */
	uint8_t *result; /* owned */
	uint32_t at;     /* rows given */
	uint32_t from;   /* the first row of the result that is not complete */
};

/* --- filters --- */

static double box(double x)
{
	return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double bilinear(double x)
{
	x = fabs(x);
	return x < 1 ? 1 - x : 0;
}

static double hamming(double x)
{
	x = fabs(x);
	if (x == 0)
		return 1;
	if (x >= 1)
		return 0;
	x *= M_PI;
	return sin(x) / x * (0.54 + 0.46 * cos(x));
}

static double bicubic(double x)
{
	const double a = -0.5;

	x = fabs(x);
	if (x < 1)
		return ((a + 2) * x - (a + 3)) * x * x + 1;
	if (x < 2)
		return (((x - 5) * x + 8) * x - 4) * a;
	return 0;
}

static double sinc(double x)
{
	return x == 0 ? 1 : sin(x * M_PI) / (x * M_PI);
}

static double lanczos(double x)
{
	return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct filter {
	double (*weight)(double x);
	double reach;
} filters[] = {
	[RESAMPLE_LANCZOS] = {lanczos, 3},
	[RESAMPLE_BILINEAR] = {bilinear, 1},
	[RESAMPLE_BICUBIC] = {bicubic, 2},
	[RESAMPLE_BOX] = {box, 0.5},
	[RESAMPLE_HAMMING] = {hamming, 1},
};

bool resample_filter_known(uint32_t number)
{
	return number < sizeof(filters) / sizeof(filters[0]) && filters[number].weight;
}

/* --- weights --- */

static void taps_done(struct taps *t)
{
	free(t->first);
	free(t->count);
	free(t->weights);
}

/* The weights of one pixel of the result, whose middle is at center of the input. */
static void weigh(const struct filter *f, struct taps *t, uint32_t i, double center, double scale,
	uint32_t in, double *scratch)
{
	double reach = f->reach * scale, sum = 0;
	long low = (long)(center - reach + 0.5), high = (long)(center + reach + 0.5);
	int32_t *w = t->weights + (size_t)i * t->most;

	if (low < 0)
		low = 0;
	if (high > (long)in)
		high = (long)in;
	t->first[i] = (uint32_t)low;
	t->count[i] = (uint32_t)(high - low);
	for (uint32_t k = 0; k < t->count[i]; k++)
		sum += scratch[k] = f->weight(((double)k + (double)low - center + 0.5) / scale);
	for (uint32_t k = 0; k < t->count[i]; k++) {
		double v = sum != 0 ? scratch[k] / sum : scratch[k];

		w[k] = (int32_t)(v * (1 << BITS) + (v < 0 ? -0.5 : 0.5));
	}
}

/* in pixels become out, of which those from at on, n of them, are wanted. */
static int taps_init(struct taps *t, enum resample_filter filter, uint32_t in, uint32_t out,
	uint32_t at, uint32_t n)
{
	const struct filter *f = &filters[filter];
	double scale = (double)in / out, widened = scale < 1 ? 1 : scale;
	double *scratch;

	t->most = (uint32_t)ceil(f->reach * widened) * 2 + 1;
	t->first = calloc(n, sizeof(*t->first));
	t->count = calloc(n, sizeof(*t->count));
	t->weights = calloc((size_t)n * t->most, sizeof(*t->weights));
	scratch = calloc(t->most, sizeof(*scratch));
	if (!t->first || !t->count || !t->weights || !scratch) {
		free(scratch);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		weigh(f, t, i, ((double)at + i + 0.5) * scale, widened, in, scratch);
	free(scratch);
	return 0;
}

/* --- rows --- */

int resampler_new(const struct resample_plan *plan, struct resampler **ret)
{
	struct resampler *s = calloc(1, sizeof(*s));
	size_t width = (size_t)plan->cut_w * 3, n = width * plan->cut_h;
	int r;

	if (!s)
		return -ENOMEM;
	s->plan = *plan;
	r = taps_init(&s->across, plan->filter, plan->in_width, plan->width, plan->x, plan->cut_w);
	if (r == 0)
		r = taps_init(&s->down, plan->filter, plan->in_height, plan->height, plan->y,
			plan->cut_h);
	s->line = malloc(width);
	s->sums = malloc(n * sizeof(*s->sums));
	s->result = malloc(n);
	if (r < 0 || !s->line || !s->sums || !s->result) {
		(void)resampler_free(s);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		s->sums[i] = 1 << (BITS - 1);
	*ret = s;
	return 0;
}

struct resampler *resampler_free(struct resampler *s)
{
	if (!s)
		return NULL;
	taps_done(&s->across);
	taps_done(&s->down);
	free(s->line);
	free(s->sums);
	free(s->result);
	free(s);
	return NULL;
}

static uint8_t rounded(int32_t sum)
{
	int32_t v = sum >> BITS;

	return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

static void squeeze(const struct resampler *s, const uint8_t *rgb)
{
	const struct taps *t = &s->across;

	for (uint32_t i = 0; i < s->plan.cut_w; i++) {
		const uint8_t *from = rgb + (size_t)t->first[i] * 3;
		const int32_t *w = t->weights + (size_t)i * t->most;
		int32_t r = 1 << (BITS - 1), g = r, b = r;

		for (uint32_t k = 0; k < t->count[i]; k++, from += 3) {
			r += from[0] * w[k];
			g += from[1] * w[k];
			b += from[2] * w[k];
		}
		s->line[i * 3] = rounded(r);
		s->line[i * 3 + 1] = rounded(g);
		s->line[i * 3 + 2] = rounded(b);
	}
}

void resampler_row(struct resampler *s, const uint8_t *rgb)
{
	const struct taps *t = &s->down;
	size_t width = (size_t)s->plan.cut_w * 3;
	uint32_t y = s->at++;

	if (s->from == s->plan.cut_h || t->first[s->from] > y)
		return; /* nobody asks for this row */
	squeeze(s, rgb);
	for (uint32_t i = s->from; i < s->plan.cut_h && t->first[i] <= y; i++) {
		int32_t *sums = s->sums + i * width, w;

		if (y - t->first[i] >= t->count[i])
			continue;
		w = t->weights[(size_t)i * t->most + (y - t->first[i])];
		for (size_t k = 0; k < width; k++)
			sums[k] += s->line[k] * w;
	}
	while (s->from < s->plan.cut_h && t->first[s->from] + t->count[s->from] <= y + 1) {
		for (size_t k = s->from * width; k < (s->from + 1) * width; k++)
			s->result[k] = rounded(s->sums[k]);
		s->from++;
	}
}

const uint8_t *resampler_result(const struct resampler *s)
{
	return s->result;
}
