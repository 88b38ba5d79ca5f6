/* The part of NVIDIA's management library that is used, found at run time:
 * https://docs.nvidia.com/deploy/nvml-api/ Only for the process that may hang in it (gpus.h). */
#pragma once

#include <stdbool.h>

#include "inference/devices/gpus.h"

struct nvml;

/* NULL: it is not there, or cannot be used. */
struct nvml *nvml_open(const char *library);
/* False: it failed altogether. */
bool nvml_sample(struct nvml *v, struct gpus_report *ret);
