#include "sandbox/steps/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
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

/* Bits of landlock_path_beneath_attr.allowed_access, by their number in the kernel's header. */
enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13,
	TRUNCATE = 1 << 14,
};

#define OF_FILES (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE) /* the rest is a folder's */

static const uint64_t rights[] = {
	[LANDLOCK_READ] = READ_FILE | READ_DIR,
	[LANDLOCK_WRITE] = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR |
			   MAKE_SYM | REMOVE_FILE | REMOVE_DIR | REFER,
	[LANDLOCK_EXECUTE] = READ_FILE | READ_DIR | EXECUTE,
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

/* Bits of landlock_net_port_attr.allowed_access. */
enum { CONNECT_TCP = 1 << 1 };

/* connect: TCP connections are left alone. */
static int make_ruleset(int abi, bool connect, struct ruleset *ret)
{
	int known = abi > ABI_NEWEST ? ABI_NEWEST : abi, fd;

	*ret = (struct ruleset){.fs = (1ull << abis[known].fs_bits) - 1,
		.net = ((1ull << abis[known].net_bits) - 1) &
		       ~(connect ? (uint64_t)CONNECT_TCP : 0),
		.scoped = (1ull << abis[known].scope_bits) - 1};
	fd = (int)syscall(SYS_landlock_create_ruleset, ret, abis[known].size, 0);
	return fd < 0 ? -errno : fd;
}

/* Closes the ruleset. */
static int enter(int fd, int abi)
{
	int r = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : abi;

	(void)close(fd);
	return r;
}

int landlock_deny_all(void)
{
	int abi = landlock_abi(), fd;
	struct ruleset all;

	if (abi == 0)
		return 0;
	fd = make_ruleset(abi, false, &all);
	return fd < 0 ? fd : enter(fd, abi);
}

static int grant(int ruleset, uint64_t handled, const struct landlock_path *p)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights[p->use] & handled};
	struct stat st;
	int r;

	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fstat(rule.parent_fd, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	if (r == 0 &&
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	(void)close(rule.parent_fd);
	return r;
}

int landlock_restrict(const struct landlock_path *paths, size_t n, const char **ret_failed)
{
	int abi = landlock_abi(), fd;
	struct ruleset all;
	bool connect = false;

	for (size_t i = 0; abi == 1 && i < n; i++)
		if (paths[i].use == LANDLOCK_WRITE)
			abi = 0;
	for (size_t i = 0; i < n; i++)
		connect |= paths[i].use == LANDLOCK_CONNECT;
	if (abi == 0)
		return 0;
	fd = make_ruleset(abi, connect, &all);
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n; i++) {
		int r = paths[i].use == LANDLOCK_CONNECT ? 0 : grant(fd, all.fs, &paths[i]);

		if (r < 0) {
			*ret_failed = paths[i].path;
			(void)close(fd);
			return r;
		}
	}
	return enter(fd, abi);
}
