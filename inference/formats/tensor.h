/* A tensor as a model file stores it: borrowed bytes and what they mean. Knows no file format. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TENSOR_DIMS_MAX 8

enum tensor_type {
	TENSOR_F32,
	TENSOR_F16,
	TENSOR_BF16,
	TENSOR_OTHER, /* known to the format, of no use as a weight */
};

struct tensor {
	const char *name; /* borrowed from the file */
	enum tensor_type type;
	size_t n_dims;
	uint64_t dims[TENSOR_DIMS_MAX];
	uint64_t count;       /* product of dims */
	const uint8_t *bytes; /* borrowed from the file; count elements, little endian */
};

/* Element i widened to a float, exactly. Only for the first three types. */
float tensor_at(const struct tensor *t, uint64_t i);

/* Widens count elements from first on. */
void tensor_read(const struct tensor *t, uint64_t first, uint64_t count, float *ret);
