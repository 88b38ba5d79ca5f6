/*
 * Resizing as PIL does it: every output pixel is a weighted mean of the input pixels below it, the
 * filter widened by the scale (so that shrinking does not alias), weights in fixed point, first
 * along the rows and then down the columns, rounded to 8 bits in between.
 *
 * Rows come one by one and are forgotten, so the memory is that of the result whatever the size of
 * the input. Only the part that is cut out is computed. Knows no file format.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* As PIL numbers them; 0, nearest, is not among them. */
enum resample_filter {
	RESAMPLE_LANCZOS = 1,
	RESAMPLE_BILINEAR = 2,
	RESAMPLE_BICUBIC = 3,
	RESAMPLE_BOX = 4,
	RESAMPLE_HAMMING = 5,
};

struct resample_plan {
	uint32_t in_width, in_height;
	uint32_t width, height;      /* of the whole result */
	uint32_t x, y, cut_w, cut_h; /* the part of it that is wanted */
	enum resample_filter filter;
};

struct resampler;

bool resample_filter_known(uint32_t number);

/* -ENOMEM. Caller owns *ret. The plan must be within itself. */
int resampler_new(const struct resample_plan *plan, struct resampler **ret);
struct resampler *resampler_free(struct resampler *s);

/* The next row: in_width pixels of 3 bytes. */
void resampler_row(struct resampler *s, const uint8_t *rgb);

/* cut_w x cut_h pixels of 3 bytes, once in_height rows were given. Borrowed. */
const uint8_t *resampler_result(const struct resampler *s);
