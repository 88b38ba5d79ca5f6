/* As avx512.c, with sums of bytes' products in one instruction: 32 registers of 512 bits: one group
 * takes one. */
#define KERNELS kernels_avx512_vnni
#define KERNELS_NAME "avx512_vnni"
#define LANES 16
#define TILE_ROWS 6
#define TILE_ROWS_PAIRS 6 /* with weights that lie in pairs */
#define TILE_GROUPS 4
#define TILE_GROUPS_ONE 8 /* for a single row: more sums at once, to hide the latency of one */
#define TILE_EIGHTS 8     /* rows of x in 8 bits */
#define SCORE_BLOCKS 4
#include "inference/kernels/body.h"
