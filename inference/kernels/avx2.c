/* 16 registers of 256 bits: one group takes two. */
#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define LANES 8
#define TILE_ROWS 6
#define TILE_ROWS_PAIRS 4 /* with weights that lie in pairs */
#define TILE_GROUPS 1
#define TILE_GROUPS_ONE 4 /* for a single row: more sums at once, to hide the latency of one */
#define TILE_EIGHTS 8     /* rows of x in 8 bits */
#define SCORE_BLOCKS 4
#include "inference/kernels/body.h"
