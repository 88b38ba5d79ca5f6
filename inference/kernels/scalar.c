/* Any machine: 16 lanes as the baseline instructions allow. */
#define KERNELS kernels_scalar
#define KERNELS_NAME "scalar"
#define TILE_ROWS 2
#define TILE_PANELS 1
#define TILE_PANELS_ONE 2 /* for a single row: more sums at once, to hide the latency of one */
#include "inference/kernels/body.h"
