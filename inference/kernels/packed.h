/*
 * Weights as the kernels read them: one stream of bytes in groups of 16 rows.
 *
 * One vector load serves 16 outputs, or 8, each in a lane of its own. A group is a row of steps,
 * each some columns of its 16 rows, laid out by the weights' type:
 *
 *   F32, F16       1 column:    [row] numbers
 *   BF16           2 columns:   [row][column] numbers
 *   Q8_0          64 columns:   2 x [row] f16 scales, then 2 blocks
 *   Q4_0          64 columns:   2 x [row] f16 scales, then 2 blocks
 *   Q4_K, Q5_K   256 columns:   [row] f16 scales, [row] f16 minima, 8 x [row] scales, 8 x [row]
 *                               minima, then 8 blocks
 *   Q6_K         256 columns:   [row] f16 scales, 32 unused bytes, 8 x [half][row] scales, then 8
 *                               blocks, of which each half has its own scale
 *
 * A block is 32 columns, of which column 4 c + j is chunk c's j-th:
 *
 *   8 bits         8 x [row][j]: chunk c, signed
 *   4 bits         4 x [row][j]: chunk v in the low half of a byte, chunk v + 4 in the high half
 *   Q5_K's fifth   then [row][j]: chunk c's in bit c
 *   Q6_K's upper   then 2 x [row][j]: chunk c's in bits 2 (c % 4) of vector c / 4
 *
 * Missing rows and columns are zero. Knows no file and no device.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "inference/formats/tensor.h"

#define GROUP_ROWS 16
#define BLOCK_COLUMNS 32
#define STEP_HEAD_SMALL 64  /* bytes before the first block: Q8_0, Q4_0 */
#define STEP_HEAD_LARGE 320 /* Q4_K, Q5_K, Q6_K */

/* Changes whenever the layout does; the cache of packed files carries it. */
#define PACKED_VERSION 1

/* Columns and bytes of one step. */
size_t packed_step_columns(enum tensor_type type);
size_t packed_step_bytes(enum tensor_type type);

/* Bytes of a packed matrix; 0: more than can be addressed. */
size_t packed_bytes(enum tensor_type type, size_t rows, size_t columns);

/* Whether a matrix of type from can be packed as type to: its own, or Q8_0 or BF16 of plain
 * numbers. */
int packed_fits(enum tensor_type from, enum tensor_type to);

/* Packs groups [first, last) of a matrix, rows of whole blocks; out: the whole packed matrix. */
void packed_fill(
	const struct tensor *t, enum tensor_type type, size_t first, size_t last, uint8_t *out);

/* One row, widened exactly. */
void packed_read(
	enum tensor_type type, const uint8_t *packed, size_t columns, size_t row, float *ret);

/* The numbers of block b of a step, before scales: ret[column][row]. Not for plain types. */
void packed_block(enum tensor_type type, const uint8_t *step, size_t b,
	int16_t ret[BLOCK_COLUMNS][GROUP_ROWS]);

/* What turns them into weights: scale times number minus min; a scale for each half of a block. */
void packed_scales(enum tensor_type type, const uint8_t *step, size_t b, size_t row,
	float ret_scales[2], float *ret_min);

/* IEEE 754 binary16, widened exactly. */
float half_widen(uint16_t h);
