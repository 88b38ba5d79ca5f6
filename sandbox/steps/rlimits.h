/* Resource limits of a box, the fence behind the cgroup. Kernel: getrlimit(2). */
#pragma once

#include <stdint.h>

/* Sets hard and soft alike; lowering needs no privilege. -errno of setrlimit. */
int rlimits_apply(uint64_t address_bytes);
