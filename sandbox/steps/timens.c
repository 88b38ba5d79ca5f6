#include "sandbox/steps/timens.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/random.h"
#include "sandbox/steps/write_at.h"

#define UPTIME_LEAST_SEC 3600
#define UPTIME_SPAN_SEC (100 * 86400)

int timens_own(int proc_fd)
{
	struct timespec now;
	char lines[96];
	uint32_t draw;
	long offset;

	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	random_bytes(&draw, sizeof(draw));
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	offset = UPTIME_LEAST_SEC + (long)(draw % UPTIME_SPAN_SEC) - now.tv_sec;
	/* One offset for both; boot time is never behind monotonic, so neither becomes negative. */
	(void)snprintf(lines, sizeof(lines), "monotonic %ld 0\nboottime %ld 0\n", offset, offset);
	return write_at(proc_fd, "self/timens_offsets", lines);
}
