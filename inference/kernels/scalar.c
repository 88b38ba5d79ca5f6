/* Any machine: vectors of 4 are in every baseline, or the compiler takes them apart. */
#define KERNELS kernels_scalar
#define KERNELS_NAME "scalar"
#define LANES 4
#define TILE_ROWS 2
#define TILE_ROWS_PAIRS 2 /* with weights that lie in pairs */
#define TILE_GROUPS 1
#define TILE_GROUPS_ONE 2 /* for a single row: more sums at once, to hide the latency of one */
#define TILE_EIGHTS 4     /* rows of x in 8 bits */
#define SCORE_BLOCKS 2
#include "inference/kernels/body.h"
