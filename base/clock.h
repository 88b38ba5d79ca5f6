/* Time. Two clocks that are never mixed: monotonic for deadlines, wall for what people read. */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC 1000000ull
#define USEC_PER_MSEC 1000ull

uint64_t clock_mono_usec(void);   /* CLOCK_MONOTONIC */
uint64_t clock_wall_usec(void);   /* CLOCK_REALTIME, since 1970 */
uint64_t clock_cpu_usec(void);    /* CPU time of this process */
uint64_t clock_thread_usec(void); /* CPU time of this thread */
