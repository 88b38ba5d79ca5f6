/*
 * A tensor as a model file stores it: borrowed bytes and what they mean. Knows no file format.
 *
 * Types of one number per element stand beside ggml's block types, where a run of elements along
 * the last dimension shares its scales (ggml's ggml-common.h and ggml-quants.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_DIMS_MAX 8
#define TENSOR_BLOCK_MAX 256 /* elements of the largest block */

enum tensor_type {
	TENSOR_F32,
	TENSOR_F16,
	TENSOR_BF16,
	TENSOR_Q8_0,  /* 32: f16 scale, 32 signed bytes */
	TENSOR_Q4_0,  /* 32: f16 scale, 16 bytes: elements 0 to 15 low, 16 to 31 high, minus 8 */
	TENSOR_Q4_K,  /* 256: f16 scale, f16 minimum, 8 of each in 6 bits, 128 bytes of 4 bits */
	TENSOR_Q5_K,  /* as Q4_K with 32 bytes of fifth bits before the 4 */
	TENSOR_Q6_K,  /* 256: 128 bytes low 4 bits, 64 bytes high 2, 16 scales, f16 scale */
	TENSOR_OTHER, /* known to the format, of no use as a weight */
};

#define TENSOR_TYPES TENSOR_OTHER /* how many can be weights */

struct tensor {
	const char *name; /* borrowed from the file */
	enum tensor_type type;
	size_t n_dims;
	uint64_t dims[TENSOR_DIMS_MAX]; /* the last one's elements are neighbours */
	uint64_t count;                 /* product of dims */
	const uint8_t *bytes;           /* borrowed from the file; little endian, whole blocks */
};

const char *tensor_type_name(enum tensor_type type); /* "BF16", "Q4_K", … */

/* Elements of one block, and its bytes; 1 and the number's size for plain types. Not for OTHER. */
uint32_t tensor_block(enum tensor_type type);
uint32_t tensor_block_bytes(enum tensor_type type);

/* Bytes of a tensor of whole blocks. */
uint64_t tensor_bytes(const struct tensor *t);

/* Element i widened to a float, exactly as ggml computes it. Not for OTHER. Slow for blocks. */
float tensor_at(const struct tensor *t, uint64_t i);

/* Widens count elements from first on; each block is decoded once. */
void tensor_read(const struct tensor *t, uint64_t first, uint64_t count, float *ret);

/* Whether every element is a finite number; of blocks, whether their scales are. */
bool tensor_is_finite(const struct tensor *t);
