#include "sandbox/steps/rlimits.h"

#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

int rlimits_apply(uint64_t address_bytes)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_NOFILE, 32},
		{RLIMIT_NPROC, 1}, /* fork fails even without the filter */
		{RLIMIT_FSIZE, 0},
		{RLIMIT_MEMLOCK, 0},
		{RLIMIT_MSGQUEUE, 0},
		{RLIMIT_SIGPENDING, 16},
		{RLIMIT_RTPRIO, 0},
		{RLIMIT_NICE, 0},
		{RLIMIT_STACK, 1 << 20},
		{RLIMIT_AS, address_bytes},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct rlimit both = {limits[i].most, limits[i].most};

		if (setrlimit(limits[i].what, &both) < 0)
			return -errno;
	}
	return 0;
}
