/* The layers that only boxd has a part in; see leave_out.h. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "sandbox/steps/caps.h"
#include "sandbox/steps/cgroup.h"
#include "sandbox/steps/fds.h"
#include "sandbox/steps/ids.h"
#include "sandbox/steps/process.h"
#include "sandbox/steps/rlimits.h"
#include "sandbox/steps/root.h"
#include "sandbox/steps/timens.h"
#include "tests/peer/leave_out.h"

#define FILES_LEFT 24              /* below RLIMIT_NOFILE, so that the box can be built */
#define INTO_CGROUP 0x200000000ull /* glibc's sched.h hides it */

/* --- the steps, by the names that --wrap gives them --- */

WRAPPED(root_empty);
WRAPPED(rlimits_apply);
WRAPPED(caps_drop_all);
WRAPPED(caps_keep);
WRAPPED(cgroup_enter);
WRAPPED(ids_write_maps);
WRAPPED(process_die_with_parent);
WRAPPED(timens_own);
WRAPPED(sethostname);
WRAPPED(close_range);
WRAPPED(unshare);
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* A step that is left out succeeds. */
#define STEP(layer, name, params, ...)                                                             \
	int __wrap_##name params                                                                   \
	{                                                                                          \
		return is_left_out(LAYER_##layer) ? 0 : __real_##name(__VA_ARGS__);                \
	}

STEP(rlimits, rlimits_apply, (uint64_t bytes), bytes)
STEP(capabilities, caps_drop_all, (void))
STEP(cgroup, cgroup_enter, (const struct cgroup_folder *folder), folder)
STEP(user, ids_write_maps, (int proc_fd, pid_t pid, uid_t uid, gid_t gid), proc_fd, pid, uid, gid)
STEP(death_signal, process_die_with_parent, (int sync_fd), sync_fd)
STEP(time, timens_own, (int proc_fd), proc_fd)
STEP(uts, sethostname, (const char *name, size_t n), name, n)

int __wrap_root_empty(void)
{
	bool out = is_left_out(LAYER_root) || is_left_out(LAYER_mount);

	return out ? 0 : __real_root_empty();
}

/* Everything that the change of uid left it, effective again. */
static int keep_everything(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {0};

	if (__real_syscall(SYS_capget, &head, sets) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		sets[i].effective = sets[i].permitted;
	return (int)__real_syscall(SYS_capset, &head, sets);
}

int __wrap_caps_keep(uint64_t kept)
{
	return is_left_out(LAYER_user) ? keep_everything() : __real_caps_keep(kept);
}

/* Copies of the socket to boxd close as ever: boxd takes that for the start of the worker. */
static bool is_sync_socket(int fd)
{
	struct stat one, sync;

	return fstat(fd, &one) == 0 && fstat(BOX_SYNC_FD, &sync) == 0 &&
	       one.st_dev == sync.st_dev && one.st_ino == sync.st_ino;
}

int __wrap_close_range(unsigned int first, unsigned int last, int flags)
{
	if (!is_left_out(LAYER_files))
		return __real_close_range(first, last, flags);
	for (int fd = BOX_SYNC_FD + 1; fd < FILES_LEFT; fd++)
		if (!is_sync_socket(fd))
			(void)fcntl(fd, F_SETFD, 0);
	return __real_close_range(FILES_LEFT, last, flags);
}

/* --- namespaces --- */

static const struct {
	enum layer layer;
	uint64_t flag;
} namespaces[] = {
	{LAYER_user, CLONE_NEWUSER},
	{LAYER_pid, CLONE_NEWPID},
	{LAYER_mount, CLONE_NEWNS},
	{LAYER_net, CLONE_NEWNET},
	{LAYER_ipc, CLONE_NEWIPC},
	{LAYER_uts, CLONE_NEWUTS},
	{LAYER_cgroup_namespace, CLONE_NEWCGROUP},
	{LAYER_cgroup, INTO_CGROUP},
};

static uint64_t without(uint64_t flags)
{
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (is_left_out(namespaces[i].layer))
			flags &= ~namespaces[i].flag;
	return flags;
}

/* An ordinary user's boxd makes its own user namespace with this call; that one stays. */
int __wrap_unshare(int flags)
{
	int rest = (int)without((uint64_t)flags) | (flags & CLONE_NEWUSER);

	return rest == 0 ? 0 : __real_unshare(rest);
}

long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_clone3) {
		struct clone_args *args = (struct clone_args *)(intptr_t)a;

		args->flags = without(args->flags);
	}
	return __real_syscall(nr, a, b, c, d, e, f);
}
