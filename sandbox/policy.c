#include "sandbox/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define BOTH (POLICY_START | POLICY_SEALED)

/* clang-format off */
#define ALLOW(call_) {SYS_##call_, #call_, POLICY_ALLOW, BOTH}
#define ALLOW_IF(call_, n, ...) {SYS_##call_, #call_, POLICY_ALLOW, BOTH, n, {__VA_ARGS__}}
#define START(call_) {SYS_##call_, #call_, POLICY_ALLOW, POLICY_START}
#define START_IF(call_, n, ...) {SYS_##call_, #call_, POLICY_ALLOW, POLICY_START, n, {__VA_ARGS__}}
#define REFUSE(call_, code) {SYS_##call_, #call_, code, BOTH}
#define REFUSE_SEALED(call_, code) {SYS_##call_, #call_, code, POLICY_SEALED}

#define EQ(i, v) POLICY_EQ(i, v)
#define WITHIN(i, bits) POLICY_WITHIN(i, bits)
/* clang-format on */

#define PROT_PLAIN (PROT_READ | PROT_WRITE)
#define MAP_PLAIN                                                                                  \
	(MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK |        \
		MAP_DENYWRITE | MAP_POPULATE)
#define STATUS_PLAIN (O_NONBLOCK | O_RDWR | O_APPEND)

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif
#define ARCH_SET_FS_ 0x1002
#define ARCH_CET_STATUS_ 0x3001 /* asked by glibc 2.36 while it starts */

const struct policy_rule policy_rules[] = {
	/* Its two links, its log pipe, and files that a link brought. No call here makes a file. */
	ALLOW(read),
	ALLOW(write),
	ALLOW(readv),
	ALLOW(writev),
	ALLOW(pread64),
	ALLOW(close),
	ALLOW(lseek),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(shutdown),
	/* send() only: an address would redirect a datagram, and sendmsg could pass a file out. */
	ALLOW_IF(sendto, 2, EQ(4, 0), EQ(5, 0)),
	ALLOW_IF(fcntl, 1, EQ(1, F_GETFL)),
	ALLOW_IF(fcntl, 1, EQ(1, F_GETFD)),
	ALLOW_IF(fcntl, 2, EQ(1, F_SETFL), WITHIN(2, STATUS_PLAIN)),
	ALLOW_IF(fcntl, 2, EQ(1, F_SETFD), EQ(2, FD_CLOEXEC)),
	ALLOW_IF(fcntl, 1, EQ(1, F_GET_SEALS)),
	ALLOW_IF(ioctl, 1, EQ(1, FIONREAD)),

	/* Waiting. */
	ALLOW(ppoll),
	ALLOW(epoll_create1),
	ALLOW(epoll_ctl),
	ALLOW(epoll_pwait),
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(sched_yield),
	ALLOW_IF(clock_gettime, 1, EQ(0, CLOCK_REALTIME)),
	ALLOW_IF(clock_gettime, 1, EQ(0, CLOCK_MONOTONIC)),
	ALLOW_IF(clock_gettime, 1, EQ(0, CLOCK_PROCESS_CPUTIME_ID)),
	ALLOW_IF(clock_gettime, 1, EQ(0, CLOCK_THREAD_CPUTIME_ID)),
	ALLOW_IF(futex, 1, EQ(1, FUTEX_WAIT_PRIVATE)),
	ALLOW_IF(futex, 1, EQ(1, FUTEX_WAKE_PRIVATE)),
	ALLOW_IF(futex, 1, EQ(1, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME)),

	/* Memory, never executable. */
	ALLOW(brk),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW_IF(mmap, 2, WITHIN(2, PROT_PLAIN), WITHIN(3, MAP_PLAIN)),
	ALLOW_IF(mprotect, 1, WITHIN(2, PROT_PLAIN)),
	ALLOW_IF(madvise, 1, EQ(2, MADV_NORMAL)),
	ALLOW_IF(madvise, 1, EQ(2, MADV_DONTNEED)),
	ALLOW_IF(madvise, 1, EQ(2, MADV_FREE)),
	ALLOW_IF(getrandom, 1, WITHIN(2, 3)),

	/* Itself. Signals are those of its own timer and of abort(). */
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(getuid),
	ALLOW(geteuid),
	ALLOW(getgid),
	ALLOW(getegid),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(sigaltstack),
	ALLOW(restart_syscall),
	ALLOW(exit),
	ALLOW(exit_group),
	{SYS_tgkill, "tgkill", POLICY_ALLOW, BOTH, 2, {EQ(0, 1), EQ(2, SIGABRT)}},

	/* What a C library asks out of curiosity gets an error instead of death. */
	REFUSE(openat, ENOENT),
	REFUSE(newfstatat, ENOENT),
	REFUSE(readlinkat, ENOENT),
	REFUSE(getcwd, ENOENT),
	REFUSE(fstat, EBADF),
	REFUSE(getdents64, EBADF),
	REFUSE(sysinfo, EPERM),
	REFUSE(getrusage, EPERM),
	REFUSE(sched_getaffinity, EPERM),
	REFUSE(sched_setaffinity, EPERM),
	REFUSE(clone3, ENOSYS),
	REFUSE(statx, ENOSYS),
#ifdef __x86_64__
	ALLOW(poll),
	ALLOW(epoll_wait),
	REFUSE(open, ENOENT),
	REFUSE(stat, ENOENT),
	REFUSE(lstat, ENOENT),
	REFUSE(access, ENOENT),
	REFUSE(readlink, ENOENT),
	START_IF(arch_prctl, 1, EQ(0, ARCH_SET_FS_)),
	START_IF(arch_prctl, 1, EQ(0, ARCH_CET_STATUS_)),
#endif

	/*
	 * Only between exec and the seal: the program's own start, its timer, and the seal itself.
	 * After the seal the same calls get the errors below. prctl with any other option kills in
	 * both stages, so the death signal cannot be cleared.
	 */
	START_IF(execveat, 2, EQ(0, 5), EQ(4, AT_EMPTY_PATH)), /* BOX_EXEC_FD; closed by exec */
	START(set_tid_address),
	START(set_robust_list),
	START(rseq),
	START(uname),
	START_IF(prlimit64, 2, EQ(0, 0), EQ(2, 0)), /* asking, of itself */
	START_IF(setitimer, 1, EQ(0, ITIMER_VIRTUAL)),
	START_IF(prctl, 2, EQ(0, PR_SET_DUMPABLE), EQ(1, 0)),
	START_IF(prctl, 1, EQ(0, PR_SET_NO_NEW_PRIVS)),
	START_IF(prctl, 1, EQ(0, PR_SET_MDWE)),
	START_IF(prctl, 1, EQ(0, PR_SET_NAME)),
	START(landlock_create_ruleset),
	START(landlock_restrict_self),
	START_IF(seccomp, 2, EQ(0, SECCOMP_SET_MODE_FILTER), EQ(1, 0)),
	REFUSE_SEALED(set_robust_list, ENOSYS),
	REFUSE_SEALED(rseq, ENOSYS),
	REFUSE_SEALED(uname, EPERM),
	REFUSE_SEALED(prlimit64, EPERM),
	REFUSE_SEALED(prctl, EPERM),
};

const size_t policy_n_rules = sizeof(policy_rules) / sizeof(policy_rules[0]);
