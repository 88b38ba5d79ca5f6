#include "base/clock.h"

#include <time.h>

static uint64_t read_usec(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_usec(void)
{
	return read_usec(CLOCK_MONOTONIC);
}

uint64_t clock_wall_usec(void)
{
	return read_usec(CLOCK_REALTIME);
}

uint64_t clock_cpu_usec(void)
{
	return read_usec(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock_thread_usec(void)
{
	return read_usec(CLOCK_THREAD_CPUTIME_ID);
}
