/* As avx512_vnni.c, with sums of bfloat16 numbers' products in one instruction, for which rows of x
 * are rounded to bfloat16. */
#define KERNELS kernels_avx512_bf16
#define KERNELS_NAME "avx512_bf16"
#define LANES 16
#define TILE_ROWS 6
#define TILE_ROWS_PAIRS 6 /* with weights that lie in pairs */
#define TILE_GROUPS 4
#define TILE_GROUPS_ONE 8 /* for a single row: more sums at once, to hide the latency of one */
#define TILE_EIGHTS 8     /* rows of x in 8 bits */
#define SCORE_BLOCKS 4
#include "inference/kernels/body.h"
