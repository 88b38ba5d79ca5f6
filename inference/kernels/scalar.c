/* Any machine: vectors of 4 are in every baseline, or the compiler takes them apart. */
#define KERNELS kernels_scalar
#define KERNELS_NAME "scalar"
#define LANES 4
#define TILE_ROWS 2
#define TILE_PANELS 1
#define TILE_PANELS_ONE 2 /* for a single row: more sums at once, to hide the latency of one */
#define SCORE_BLOCKS 2
#include "inference/kernels/body.h"
