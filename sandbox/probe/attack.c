#include "sandbox/probe/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#define APP_FD 3
#define HIGH 0x100000000ull /* a bit that a 32-bit comparison misses */

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* An attack that is one system call. glibc is left out: it refuses some of these itself. */
#define CALL(name, ...)                                                                            \
	static long attack_##name(void)                                                            \
	{                                                                                          \
		long r = syscall(__VA_ARGS__);                                                     \
                                                                                                   \
		return r < 0 ? -errno : r;                                                         \
	}

static char page[4096] __attribute__((aligned(4096)));
static const struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0vitrine"};
static struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
static struct sched_param fifo = {.sched_priority = 1};
static struct iovec whole_page = {page, sizeof(page)};
static struct flock lock = {.l_type = F_WRLCK};
static char *const no_strings[] = {NULL};
static uint64_t clone3_args[11] = {0, 0, 0, 0, SIGCHLD};
static uint64_t open_how[3];

CALL(fork, SYS_fork)
CALL(vfork, SYS_vfork)
CALL(clone_thread, SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS, 0, 0, 0, 0)
CALL(clone3, SYS_clone3, clone3_args, sizeof(clone3_args))
CALL(dup, SYS_dup, 0)
CALL(reserve_64_gib, SYS_mmap, 0, 64ull << 30, PROT_READ | PROT_WRITE,
	MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
CALL(memfd_create, SYS_memfd_create, "x", 0)
CALL(mlockall, SYS_mlockall, MCL_CURRENT)
CALL(mmap_hugetlb, SYS_mmap, 0, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1,
	0)
CALL(mmap_locked, SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0)
CALL(madvise_mergeable, SYS_madvise, page, sizeof(page), MADV_MERGEABLE)
CALL(raise_rlimit, SYS_prlimit64, 0, RLIMIT_AS, &more, NULL)
CALL(setpriority, SYS_setpriority, PRIO_PROCESS, 0, -20)
CALL(set_affinity, SYS_sched_setaffinity, 0, sizeof(page), page)
CALL(sched_realtime, SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo)
CALL(open_passwd, SYS_open, "/etc/passwd", O_RDONLY)
CALL(openat_above_root, SYS_openat, AT_FDCWD, "../../../etc/shadow", O_RDONLY)
CALL(openat2, SYS_openat2, AT_FDCWD, "/", open_how, sizeof(open_how))
CALL(creat, SYS_creat, "/x", 0600)
CALL(list_root, SYS_getdents64, 0, page, sizeof(page))
CALL(cwd, SYS_getcwd, page, sizeof(page))
CALL(chdir, SYS_chdir, "/")
CALL(readlink_self, SYS_readlink, "/proc/self/exe", page, sizeof(page))
CALL(sysinfo, SYS_sysinfo, page)
CALL(getppid, SYS_getppid)
CALL(flock, SYS_flock, 0, 1)
CALL(fcntl_lock, SYS_fcntl, 0, F_SETLK, &lock)
CALL(fcntl_lease, SYS_fcntl, 0, F_SETLEASE, F_RDLCK)
CALL(inotify, SYS_inotify_init1, 0)
CALL(keyctl, SYS_keyctl, 0, -3, 1)
CALL(add_key, SYS_add_key, "user", "x", "x", 1, -3)
CALL(shmget, SYS_shmget, 0, 4096, 0600)
CALL(mq_open, SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, NULL)
CALL(mincore, SYS_mincore, page, sizeof(page), page)
CALL(mount, SYS_mount, "x", "/", "tmpfs", 0, NULL)
CALL(umount, SYS_umount2, "/", 0)
CALL(pivot_root, SYS_pivot_root, ".", ".")
CALL(chroot, SYS_chroot, "/")
CALL(fsopen, SYS_fsopen, "tmpfs", 0)
CALL(open_tree, SYS_open_tree, AT_FDCWD, "/", 0)
CALL(open_by_handle, SYS_open_by_handle_at, 0, page, 0)
CALL(mknod, SYS_mknodat, AT_FDCWD, "/x", 0600, 0)
CALL(chmod, SYS_fchmodat, AT_FDCWD, "/", 04777)
CALL(unshare_user, SYS_unshare, CLONE_NEWUSER)
CALL(setns, SYS_setns, 0, 0)
CALL(setuid_0, SYS_setuid, 0)
CALL(setgroups, SYS_setgroups, 0, NULL)
CALL(capset, SYS_capset, page, page)
CALL(clear_death_signal, SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0)
CALL(become_dumpable, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
CALL(rename_self, SYS_prctl, PR_SET_NAME, "x", 0, 0, 0)
CALL(ptrace, SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)
CALL(process_vm_readv, SYS_process_vm_readv, 1, &whole_page, 1, &whole_page, 1, 0)
CALL(pidfd_open, SYS_pidfd_open, 1, 0)
CALL(pidfd_getfd, SYS_pidfd_getfd, 3, 0, 0)
CALL(kill_self, SYS_kill, 1, SIGKILL)
CALL(kill_all, SYS_kill, -1, SIGKILL)
CALL(tgkill_other, SYS_tgkill, 1, 1, SIGKILL)
CALL(execve, SYS_execve, "/proc/self/exe", no_strings, no_strings)
CALL(execveat_other_fd, SYS_execveat, 0, "", no_strings, no_strings, AT_EMPTY_PATH)
CALL(execveat_same_fd, SYS_execveat, 5, "", no_strings, no_strings, AT_EMPTY_PATH)
CALL(mmap_executable, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
CALL(mmap_executable_high_bits, SYS_mmap, 0, 4096, HIGH | PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
	-1, 0)
CALL(mprotect_executable, SYS_mprotect, page, sizeof(page), PROT_READ | PROT_EXEC)
CALL(pkey_mprotect, SYS_pkey_mprotect, page, sizeof(page), PROT_READ, -1)
CALL(personality, SYS_personality, 0x0400000)
CALL(mmap_page_0, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE,
	MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
CALL(bpf, SYS_bpf, 0, page, 64)
CALL(perf_event_open, SYS_perf_event_open, page, 0, -1, -1, 0)
CALL(userfaultfd, SYS_userfaultfd, 0)
CALL(io_uring_setup, SYS_io_uring_setup, 1, page)
CALL(io_setup, SYS_io_setup, 1, page)
CALL(fanotify, SYS_fanotify_init, 0, 0)
CALL(reboot, SYS_reboot, 0, 0, 0, 0)
CALL(init_module, SYS_finit_module, 0, "", 0)
CALL(sethostname, SYS_sethostname, "x", 1)
CALL(iopl, SYS_iopl, 3)
CALL(modify_ldt, SYS_modify_ldt, 0, page, 16)
CALL(splice, SYS_splice, 3, 0, 1, 0, 1, 0)
CALL(vmsplice, SYS_vmsplice, 1, &whole_page, 1, 0)
CALL(sendfile, SYS_sendfile, 3, 0, 0, 1)
CALL(futex_lock_pi, SYS_futex, page, FUTEX_LOCK_PI_PRIVATE, 0, 0, 0, 0)
CALL(futex_requeue_pi, SYS_futex, page, FUTEX_CMP_REQUEUE_PI_PRIVATE, 0, 0, page, 0)
CALL(x32_call, 0x40000000 | SYS_getpid)
/* The kernel looks at 32 bits of the number only: this is getpid, with or without us. */
CALL(call_with_high_bits, HIGH | SYS_getpid)
CALL(ioctl_tiocsti, SYS_ioctl, 1, TIOCSTI, "x")
CALL(ioctl_fionread_high_bits, SYS_ioctl, 3, HIGH | FIONREAD, page)
CALL(second_filter, SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL)
CALL(seccomp_listener, SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, page)
CALL(landlock_ruleset, SYS_landlock_create_ruleset, page, 8, 0)
CALL(unknown_call, 599)
CALL(socket_inet, SYS_socket, AF_INET, SOCK_STREAM, 0)
CALL(connect, SYS_connect, APP_FD, &abstract, sizeof(abstract))
CALL(socket_netlink, SYS_socket, AF_NETLINK, SOCK_RAW, 0)
CALL(socket_unix, SYS_socket, AF_UNIX, SOCK_STREAM, 0)
CALL(socketpair, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, page)
CALL(sendto_address, SYS_sendto, APP_FD, "x", 1, 0, &abstract, sizeof(abstract))
CALL(sendmmsg, SYS_sendmmsg, APP_FD, page, 1, 0)

static long attack_epoll_until_full(void)
{
	for (;;)
		if (epoll_create1(0) < 0)
			return -errno;
}

/* Tells the test the name inside, which must not be the host's. */
static long attack_uname(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	return strcmp(u.nodename, "space") == 0 ? 0 : -EXDEV;
}

static long attack_peer_credentials(void)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	return getsockopt(APP_FD, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0 ? -errno : 0;
}

static long attack_i386_call(void)
{
	long r;

	/* 20 is getpid there, and writev here. */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	return r;
}

static long attack_sendmsg_file(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	return sendmsg(APP_FD, &m, 0) < 0 ? -errno : 0;
}

static const struct attack attacks[] = {
#define ATTACK(number, name, sealed, start) {#name, attack_##name},
#include "sandbox/probe/attacks.def"
};

const struct attack *attack_find(const char *name)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(attacks[i].name, name) == 0)
			return &attacks[i];
	return NULL;
}
