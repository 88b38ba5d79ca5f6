#include "sandbox/confine_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define ALL                                                                                        \
	(FILTER_GATEWAY | FILTER_ORCHESTRATOR | FILTER_AGENT | FILTER_LOADER | FILTER_INFERENCE |  \
		FILTER_GIT | FILTER_FETCH | FILTER_TLS)
/* Connects to a run/NAME.sock. */
#define DIALS (FILTER_GATEWAY | FILTER_ORCHESTRATOR | FILTER_AGENT)
/* Has a folder of its own. */
#define WRITES (DIALS | FILTER_GIT)
/* Opens files. */
#define READS (WRITES | FILTER_LOADER | FETCH | FILTER_TLS)
#define GATEWAY FILTER_GATEWAY
#define ORCHESTRATOR FILTER_ORCHESTRATOR
#define AGENT FILTER_AGENT
#define LOADER FILTER_LOADER
#define FETCH FILTER_FETCH
#define TLS FILTER_TLS
#define STARTS (ORCHESTRATOR | FILTER_GIT)   /* other programs */
#define COMPUTES (LOADER | FILTER_INFERENCE) /* on all processors: inference/devices/pool.h */
#define THREADS (GATEWAY | STARTS | COMPUTES | FETCH)

/* clang-format off */
#define ALLOW(who, call_) {SYS_##call_, #call_, POLICY_ALLOW, (who)}
#define ALLOW_IF(who, call_, n, ...) {SYS_##call_, #call_, POLICY_ALLOW, (who), n, {__VA_ARGS__}}
#define REFUSE(who, call_, code) {SYS_##call_, #call_, code, (who)}
#define REFUSE_IF(who, call_, code, n, ...) {SYS_##call_, #call_, code, (who), n, {__VA_ARGS__}}

#define EQ(i, v) POLICY_EQ(i, v)
#define WITHIN(i, bits) POLICY_WITHIN(i, bits)
/* Equal but for these bits. */
#define EQ_BUT(i, bits, v) {(i), ~(uint64_t)(bits), (uint64_t)(v)}
/* clock_getcpuclockid(3): ~pid << 3 | 2, a negative int. */
#define CLOCK_OF_A_PROCESS {0, 0x80000007, 0x80000002}
/* clang-format on */

#define PROT_PLAIN (PROT_READ | PROT_WRITE)
#define MAP_DROPPABLE_ 0x08 /* getrandom without a call: glibc 2.41 */
#define MAP_PLAIN                                                                                  \
	(MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK |        \
		MAP_DENYWRITE | MAP_POPULATE | MAP_DROPPABLE_)
#define MADV_GUARD_INSTALL_ 102 /* ends of thread stacks: glibc 2.42 */
#define MADV_GUARD_REMOVE_ 103
#define LARGEFILE 0100000 /* the kernel's O_LARGEFILE, set in what F_GETFL answers */
#define STATUS_PLAIN (O_NONBLOCK | O_ACCMODE | O_APPEND | LARGEFILE)
#define MODE_PLAIN (0777 | S_IFMT) /* libgit2 hands on what stat said */
#define SOCKET_KIND (SOCK_CLOEXEC | SOCK_NONBLOCK)
#define FUTEX_KIND (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

/* pthread_create(3) in glibc, once clone3 is not there. */
#define CLONE_A_THREAD                                                                             \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
		CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
/* fork, vfork, posix_spawn: no bit of a namespace, of tracing or of another's parent. */
#define CLONE_A_PROCESS                                                                            \
	(0xff | CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |              \
		CLONE_CHILD_SETTID)

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#ifndef F_GET_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif
#define ARCH_SET_FS_ 0x1002
#define ARCH_CET_STATUS_ 0x3001

const struct policy_rule confine_rules[] = {
	/* --- files that are open already --- */
	ALLOW(ALL, read),
	ALLOW(ALL, write),
	ALLOW(ALL, readv),
	ALLOW(ALL, writev),
	ALLOW(ALL, pread64),
	ALLOW(ALL, close),
	ALLOW(ALL, lseek),
	ALLOW(ALL, fstat),
	ALLOW(ALL, newfstatat), /* glibc's fstat, too */
	ALLOW_IF(ALL, fcntl, 1, EQ(1, F_GETFL)),
	ALLOW_IF(ALL, fcntl, 2, EQ(1, F_SETFL), WITHIN(2, STATUS_PLAIN)),
	ALLOW_IF(ALL, fcntl, 1, EQ(1, F_GETFD)),
	ALLOW_IF(ALL, fcntl, 2, EQ(1, F_SETFD), WITHIN(2, FD_CLOEXEC)),
	ALLOW_IF(ALL, fcntl, 1, EQ(1, F_DUPFD_CLOEXEC)),
	ALLOW_IF(ALL, fcntl, 1, EQ(1, F_GET_SEALS)),
	ALLOW_IF(ALL, ioctl, 1, EQ(1, FIONREAD)),
	ALLOW_IF(ALL, ioctl, 1, EQ(1, FIONBIO)),
	ALLOW_IF(ALL, ioctl, 1, EQ(1, TCGETS)),       /* isatty(3) */
	ALLOW_IF(GATEWAY, ioctl, 1, EQ(1, SIOCOUTQ)), /* what a worker has not read yet */
	ALLOW(DIALS | FILTER_GIT, pipe2),
	ALLOW(GATEWAY | STARTS, dup),
	ALLOW(GATEWAY | ORCHESTRATOR, sendfile), /* libmicrohttpd, for files */

	/* --- files by name: which of them, Landlock says --- */
	ALLOW(READS, openat),
	ALLOW(READS, readlinkat),
	ALLOW(READS, faccessat),
	ALLOW(READS, faccessat2),
	ALLOW(READS, getdents64),
	ALLOW(READS, getcwd),
	REFUSE(ALL, openat2, ENOSYS),
	REFUSE(ALL, statx, ENOSYS),
	/* Whatever asks now must do without: no locale, no resolver, no configuration. */
	REFUSE(FILTER_INFERENCE, openat, ENOENT),
	REFUSE(FILTER_INFERENCE, readlinkat, ENOENT),
	REFUSE(FILTER_INFERENCE, faccessat, ENOENT),
	REFUSE(FILTER_INFERENCE, faccessat2, ENOENT),
	REFUSE(FILTER_INFERENCE, getcwd, ENOENT),

	/* --- a data folder --- */
	ALLOW(WRITES, pwrite64),
	ALLOW(WRITES, mkdirat),
	ALLOW(WRITES, unlinkat),
	ALLOW(WRITES, renameat),
	ALLOW(WRITES, renameat2),
	ALLOW(WRITES, fsync),
	ALLOW(WRITES | LOADER | FILTER_INFERENCE, fdatasync), /* the usage journal */
	ALLOW(WRITES | LOADER | FILTER_INFERENCE, ftruncate),
	ALLOW(AGENT | ORCHESTRATOR, memfd_create), /* bundles, handed on sealed */
	ALLOW_IF(AGENT | ORCHESTRATOR, fcntl, 1, EQ(1, F_ADD_SEALS)),
	/* SQLite and git */
	ALLOW_IF(STARTS, fcntl, 1, EQ(1, F_GETLK)),
	ALLOW_IF(STARTS, fcntl, 1, EQ(1, F_SETLK)),
	ALLOW_IF(STARTS, fcntl, 1, EQ(1, F_SETLKW)),
	ALLOW(STARTS, flock),
	ALLOW(GATEWAY | STARTS, fallocate), /* room for an upload */
	ALLOW(STARTS, sync_file_range),
	ALLOW(STARTS, fadvise64),
	ALLOW(STARTS, linkat),
	ALLOW(STARTS, symlinkat),
	ALLOW_IF(STARTS, fchmod, 1, WITHIN(1, MODE_PLAIN)),
	ALLOW_IF(STARTS, fchmodat, 1, WITHIN(2, MODE_PLAIN)),
	ALLOW(ORCHESTRATOR, fchown),        /* SQLite, as root */
	ALLOW(GATEWAY | STARTS, utimensat), /* a file in use does not expire */
	ALLOW(STARTS, umask),
	ALLOW(GATEWAY | STARTS, fstatfs),
	ALLOW(STARTS, statfs),

	/* --- sockets: of this machine only, and those that were inherited --- */
	ALLOW_IF(DIALS | TLS, socket, 1, EQ(0, AF_UNIX)),
	ALLOW_IF(DIALS, socketpair, 1, EQ(0, AF_UNIX)),
	ALLOW(DIALS | FETCH | TLS, connect),
	REFUSE(FILTER_GIT, socket, EACCES), /* getpwuid(3) asks a daemon first */
	ALLOW(ALL & ~FILTER_GIT, accept4),
	ALLOW(ALL, recvfrom),
	ALLOW(ALL, recvmsg),
	ALLOW(ALL, sendmsg),
	ALLOW_IF(ALL, sendto, 2, EQ(4, 0), EQ(5, 0)), /* send(2): no address */
	ALLOW(ALL, shutdown),
	ALLOW(ALL, getsockopt),
	ALLOW(ALL, getsockname),
	ALLOW(ALL, getpeername),
	ALLOW_IF(GATEWAY | ORCHESTRATOR, setsockopt, 2, EQ(1, SOL_SOCKET), EQ(2, SO_REUSEADDR)),
	ALLOW_IF(GATEWAY | ORCHESTRATOR | TLS, setsockopt, 2, EQ(1, SOL_SOCKET),
		EQ(2, SO_KEEPALIVE)),
	ALLOW_IF(GATEWAY | ORCHESTRATOR, setsockopt, 2, EQ(1, SOL_SOCKET), EQ(2, SO_LINGER)),
	ALLOW_IF(ALL, setsockopt, 2, EQ(1, SOL_SOCKET), EQ(2, SO_SNDBUF)),
	ALLOW_IF(ALL, setsockopt, 2, EQ(1, SOL_SOCKET), EQ(2, SO_RCVBUF)),
	ALLOW_IF(GATEWAY | ORCHESTRATOR | TLS, setsockopt, 2, EQ(1, IPPROTO_TCP),
		EQ(2, TCP_NODELAY)),
	ALLOW_IF(GATEWAY | ORCHESTRATOR, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_CORK)),
	ALLOW_IF(GATEWAY | TLS, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_KEEPIDLE)),
	ALLOW_IF(GATEWAY | TLS, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_KEEPINTVL)),
	ALLOW_IF(GATEWAY | TLS, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_KEEPCNT)),
	ALLOW_IF(GATEWAY | TLS, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_USER_TIMEOUT)),

	/*
	 * --- the network: fetch connects to others and asks DNS, by libcurl and glibc; it binds
	 * nothing and listens nowhere ---
	 */
	ALLOW_IF(FETCH, socket, 2, EQ(0, AF_INET), EQ_BUT(1, SOCKET_KIND, SOCK_STREAM)),
	ALLOW_IF(FETCH, socket, 2, EQ(0, AF_INET), EQ_BUT(1, SOCKET_KIND, SOCK_DGRAM)),
	ALLOW_IF(FETCH, socket, 2, EQ(0, AF_INET6), EQ_BUT(1, SOCKET_KIND, SOCK_STREAM)),
	ALLOW_IF(FETCH, socket, 2, EQ(0, AF_INET6), EQ_BUT(1, SOCKET_KIND, SOCK_DGRAM)),
	REFUSE_IF(FETCH, socket, EACCES, 1, EQ(0, AF_UNIX)),    /* getaddrinfo(3) asks nscd */
	REFUSE_IF(FETCH, socket, EACCES, 1, EQ(0, AF_NETLINK)), /* and which addresses are ours */
	ALLOW_IF(FETCH, socketpair, 1, EQ(0, AF_UNIX)),         /* a resolver's thread is ready */
	ALLOW_IF(FETCH, sendmmsg, 1, EQ(2, 2)),                 /* A and AAAA at once */
	ALLOW_IF(FETCH, setsockopt, 2, EQ(1, IPPROTO_TCP), EQ(2, TCP_NODELAY)),
	ALLOW_IF(FETCH, setsockopt, 2, EQ(1, IPPROTO_IP), EQ(2, IP_RECVERR)),
	ALLOW_IF(FETCH, setsockopt, 2, EQ(1, IPPROTO_IPV6), EQ(2, IPV6_RECVERR)),

	/* --- waiting and time --- */
	ALLOW(ALL, ppoll),
	ALLOW(ALL, pselect6),
	ALLOW(ALL, epoll_create1),
	ALLOW(ALL, epoll_ctl),
	ALLOW(ALL, epoll_pwait),
	ALLOW(ALL, signalfd4),
	ALLOW(ALL, timerfd_create),
	ALLOW(ALL, timerfd_settime),
	ALLOW(GATEWAY | ORCHESTRATOR | LOADER | FETCH, eventfd2),
	ALLOW(ALL, nanosleep),
	ALLOW(ALL, clock_nanosleep),
	ALLOW_IF(ALL, clock_gettime, 1, WITHIN(0, 7)),
	ALLOW_IF(ALL, clock_getres, 1, WITHIN(0, 7)),
	/* The processor time of a worker: agent/meter.c. */
	ALLOW_IF(AGENT, clock_gettime, 1, CLOCK_OF_A_PROCESS),
	ALLOW_IF(AGENT, clock_getres, 1, CLOCK_OF_A_PROCESS),
	ALLOW(ALL, gettimeofday),
	ALLOW(ALL, sched_yield),
	ALLOW(ALL, restart_syscall),
	ALLOW_IF(ALL, futex, 1, EQ_BUT(1, FUTEX_KIND, FUTEX_WAIT)),
	ALLOW_IF(ALL, futex, 1, EQ_BUT(1, FUTEX_KIND, FUTEX_WAKE)),
	ALLOW_IF(ALL, futex, 1, EQ_BUT(1, FUTEX_KIND, FUTEX_WAIT_BITSET)),

	/* --- memory, never executable but where another program is started --- */
	ALLOW(ALL, brk),
	ALLOW(ALL, munmap),
	ALLOW(ALL, mremap),
	ALLOW_IF(ALL, mmap, 2, WITHIN(2, PROT_PLAIN), WITHIN(3, MAP_PLAIN)),
	ALLOW_IF(STARTS, mmap, 2, WITHIN(2, PROT_READ | PROT_EXEC), WITHIN(3, MAP_PLAIN)),
	ALLOW_IF(ALL, mprotect, 1, WITHIN(2, PROT_PLAIN)),
	ALLOW_IF(ALL, madvise, 1, EQ(2, MADV_NORMAL)),
	ALLOW_IF(ALL, madvise, 1, EQ(2, MADV_WILLNEED)),
	ALLOW_IF(ALL, madvise, 1, EQ(2, MADV_DONTNEED)),
	ALLOW_IF(ALL, madvise, 1, EQ(2, MADV_FREE)),
	ALLOW_IF(THREADS, madvise, 1, EQ(2, MADV_GUARD_INSTALL_)),
	ALLOW_IF(THREADS, madvise, 1, EQ(2, MADV_GUARD_REMOVE_)),
	ALLOW_IF(ALL, getrandom, 1, WITHIN(2, 3)),

	/* --- itself --- */
	ALLOW(ALL, getpid),
	ALLOW(ALL, gettid),
	ALLOW(ALL, getuid),
	ALLOW(ALL, geteuid),
	ALLOW(ALL, getgid),
	ALLOW(ALL, getegid),
	ALLOW(ALL, rt_sigaction),
	ALLOW(ALL, rt_sigprocmask),
	ALLOW(ALL, rt_sigreturn),
	ALLOW(ALL, sigaltstack),
	ALLOW(ALL, exit),
	ALLOW(ALL, exit_group),
	ALLOW_IF(ALL & ~STARTS, tgkill, 1, EQ(2, SIGABRT)), /* abort(3) */
	ALLOW(ALL, sched_getaffinity),
	ALLOW(ALL, sysinfo), /* qsort(3) */
	ALLOW(ALL, getrusage),
	ALLOW_IF(ALL, prlimit64, 1, EQ(2, 0)),                              /* asking */
	ALLOW_IF(ORCHESTRATOR, prlimit64, 2, EQ(0, 0), EQ(1, RLIMIT_DATA)), /* a git to come */
	REFUSE(ALL, sched_setaffinity, EPERM),

	/* --- threads --- */
	REFUSE(ALL, clone3, ENOSYS), /* its flags lie in memory, where no filter reads them */
	ALLOW_IF(GATEWAY | COMPUTES | FETCH, clone, 1, EQ(0, CLONE_A_THREAD)),
	ALLOW_IF(LOADER, setpriority, 2, EQ(0, PRIO_PROCESS), EQ(1, 0)), /* of a thread, nicer */
	ALLOW(THREADS, set_robust_list),
	ALLOW(THREADS, rseq),
	REFUSE(ALL & ~THREADS, set_robust_list, ENOSYS),
	REFUSE(ALL & ~THREADS, rseq, ENOSYS),

	/* --- starting git, and all that git does beyond the above --- */
	ALLOW_IF(STARTS, clone, 1, EQ(0, CLONE_A_THREAD)),
	ALLOW_IF(STARTS, clone, 1, WITHIN(0, CLONE_A_PROCESS)),
	ALLOW(STARTS, execve), /* of what Landlock lets it */
	ALLOW(STARTS, wait4),
	ALLOW(STARTS, waitid),
	ALLOW(ORCHESTRATOR, pidfd_open),
	ALLOW(ORCHESTRATOR, close_range),
	ALLOW(STARTS, dup3),
	ALLOW_IF(STARTS, fcntl, 1, EQ(1, F_DUPFD)),
	ALLOW_IF(ORCHESTRATOR, fcntl, 1, EQ(1, F_SETPIPE_SZ)),
	ALLOW_IF(ORCHESTRATOR, prctl, 1, EQ(0, PR_SET_PDEATHSIG)),
	ALLOW(STARTS, kill), /* by uid its own, by Landlock its children only */
	ALLOW(STARTS, tgkill),
	ALLOW(STARTS, getppid),
	ALLOW(STARTS, getpgid),
	ALLOW(STARTS, set_tid_address),
	ALLOW(STARTS, chdir),
	ALLOW(STARTS, fchdir),
	ALLOW(STARTS, uname),
	ALLOW_IF(STARTS, setitimer, 1, EQ(0, ITIMER_REAL)), /* progress lines */
	ALLOW_IF(STARTS, ioctl, 1, EQ(1, TIOCGWINSZ)),
	ALLOW_IF(STARTS, ioctl, 1, EQ(1, TIOCGPGRP)),
	REFUSE(ALL & ~STARTS, uname, EPERM),

	/* --- inference, from its models to its last filter; the orchestrator's child, to git ---
	 */
	ALLOW_IF(LOADER, prctl, 1, EQ(0, PR_SET_NO_NEW_PRIVS)),
	ALLOW_IF(LOADER, prctl, 2, EQ(0, PR_SET_DUMPABLE), EQ(1, 0)),
	ALLOW_IF(LOADER, prctl, 1, EQ(0, PR_SET_MDWE)),
	ALLOW(LOADER | ORCHESTRATOR, landlock_create_ruleset),
	ALLOW(LOADER | ORCHESTRATOR, landlock_add_rule),
	ALLOW(LOADER | ORCHESTRATOR, landlock_restrict_self),
	ALLOW_IF(LOADER | ORCHESTRATOR, seccomp, 2, EQ(0, SECCOMP_SET_MODE_FILTER), EQ(1, 0)),

	/* --- NVIDIA's driver: requests to open devices, whose memory is mapped --- */
	ALLOW(FILTER_GPU, ioctl),
	ALLOW_IF(FILTER_GPU, mmap, 1, WITHIN(2, PROT_PLAIN)),
	ALLOW(FILTER_GPU, madvise),
	ALLOW(FILTER_GPU, futex),

#ifdef __x86_64__
	/* --- the same by their older names --- */
	ALLOW(ALL, poll),
	ALLOW(ALL, epoll_wait),
	ALLOW(ALL, time),
	ALLOW(READS, open),
	ALLOW(READS, stat),
	ALLOW(READS, lstat),
	ALLOW(READS, access),
	ALLOW(READS, readlink),
	REFUSE(FILTER_INFERENCE, open, ENOENT),
	REFUSE(FILTER_INFERENCE, stat, ENOENT),
	REFUSE(FILTER_INFERENCE, lstat, ENOENT),
	REFUSE(FILTER_INFERENCE, access, ENOENT),
	REFUSE(FILTER_INFERENCE, readlink, ENOENT),
	ALLOW(WRITES, mkdir),
	ALLOW(WRITES, rmdir),
	ALLOW(WRITES, unlink),
	ALLOW(WRITES, rename),
	ALLOW(STARTS, link),
	ALLOW(STARTS, symlink),
	ALLOW_IF(STARTS, chmod, 1, WITHIN(1, MODE_PLAIN)),
	ALLOW(STARTS, pipe),
	ALLOW(STARTS, dup2),
	ALLOW(STARTS, vfork),
	ALLOW(STARTS, getpgrp),
	ALLOW(STARTS, alarm),
	ALLOW_IF(STARTS, arch_prctl, 1, EQ(0, ARCH_SET_FS_)),
	ALLOW_IF(STARTS, arch_prctl, 1, EQ(0, ARCH_CET_STATUS_)),
#endif

	/*
	 * --- builds with VITRINE_SANITIZE only ---
	 * The leak checker stops the process from a clone of it and reads its memory; a report
	 * starts a symbolizer. Mapping is left free: its shadow is laid out as it likes.
	 */
	ALLOW(FILTER_SANITIZER, clone),
	ALLOW(FILTER_SANITIZER, mmap),
	ALLOW(FILTER_SANITIZER, mprotect),
	ALLOW(FILTER_SANITIZER, madvise),
	ALLOW(FILTER_SANITIZER, ptrace),
	ALLOW(FILTER_SANITIZER, process_vm_readv),
	ALLOW(FILTER_SANITIZER, wait4),
	ALLOW(FILTER_SANITIZER, prctl),
	ALLOW(FILTER_SANITIZER, kill),
	ALLOW(FILTER_SANITIZER, tgkill),
	ALLOW(FILTER_SANITIZER, getppid),
	ALLOW(FILTER_SANITIZER, prlimit64),
	ALLOW(FILTER_SANITIZER, execve),
	ALLOW(FILTER_SANITIZER, pipe2),
	ALLOW(FILTER_SANITIZER, dup3),
	ALLOW(FILTER_SANITIZER, ioctl),
	ALLOW(FILTER_SANITIZER, fcntl),
#ifdef __x86_64__
	ALLOW(FILTER_SANITIZER, pipe),
	ALLOW(FILTER_SANITIZER, dup2),
	ALLOW(FILTER_SANITIZER, fork),
	ALLOW(FILTER_SANITIZER, vfork),
	ALLOW(FILTER_SANITIZER, getdents),
	ALLOW(FILTER_SANITIZER, arch_prctl),
#endif
};

const size_t confine_n_rules = sizeof(confine_rules) / sizeof(confine_rules[0]);
