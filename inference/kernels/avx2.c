/* 16 registers of 256 bits: one panel takes two. */
#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define LANES 8
#define TILE_ROWS 4
#define TILE_PANELS 1
#define TILE_PANELS_ONE 4 /* for a single row: more sums at once, to hide the latency of one */
#define SCORE_BLOCKS 4
#include "inference/kernels/body.h"
