#include "sandbox/steps/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h as of ABI 6; build machines have older headers than the kernels we run on. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* The rights that each ABI knows, by its number of bits; from the history in landlock(7). */
static const struct {
	unsigned int fs_bits, net_bits, scope_bits;
	size_t size; /* of the attribute that the kernel accepts */
} abis[] = {
	[1] = {13, 0, 0, offsetof(struct ruleset, net)},
	[2] = {14, 0, 0, offsetof(struct ruleset, net)},
	[3] = {15, 0, 0, offsetof(struct ruleset, net)},
	[4] = {15, 2, 0, offsetof(struct ruleset, scoped)},
	[5] = {16, 2, 0, offsetof(struct ruleset, scoped)},
	[6] = {16, 2, 2, sizeof(struct ruleset)},
};

#define ABI_NEWEST 6

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

int landlock_deny_all(void)
{
	int abi = landlock_abi();
	int known = abi > ABI_NEWEST ? ABI_NEWEST : abi;
	struct ruleset all;
	int fd, r;

	if (abi == 0)
		return 0;
	all = (struct ruleset){.fs = (1ull << abis[known].fs_bits) - 1,
		.net = (1ull << abis[known].net_bits) - 1,
		.scoped = (1ull << abis[known].scope_bits) - 1};
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, abis[known].size, 0);
	if (fd < 0)
		return -errno;
	r = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : abi;
	(void)close(fd);
	return r;
}
